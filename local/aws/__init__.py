"""AWS on this machine: an emulator that runs the packaged functions between real tables, queues and an HTTP API."""

from local.aws.process import CannotStart
from local.aws.stack import LocalAws, local_aws

__all__ = ["CannotStart", "LocalAws", "local_aws"]
