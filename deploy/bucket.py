"""The bucket through which CloudFormation gets the functions: their code and template, of this version and of some
before it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deploy.project import NotDeployed

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Json = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """What was deployed once: the keys of its template and code."""

    template: str
    code: str


class Bucket:
    """A bucket of `account`, in which all of `folder` is one stage's. Every call names the account: S3 refuses to
    talk to a bucket of somebody else, who may have guessed the name before
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html).
    """

    def __init__(self, s3: Client, name: str, account: str, folder: str) -> None:
        self._s3 = s3
        self._name = name
        self._folder = folder
        self._mine = {"Bucket": name, "ExpectedBucketOwner": account}

    def ensure(self) -> None:
        """Make the bucket where there is none. Raises NotDeployed where it is somebody else's."""
        try:
            self._s3.head_bucket(**self._mine)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise NotDeployed(
                    f"The bucket {self._name} cannot be used: it belongs to another account, or you may not use it "
                    f"({error.response['Error']['Code']}). Choose another: BUCKET=name"
                ) from error
            _make(self._s3, self._name)

    def put(self, code: bytes, template: Json) -> Version:
        """Store both under names that say what they hold; `template` gets to know where its code is."""
        code_key = self._key(code, "zip")
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = {"Bucket": self._name, "Key": code_key}
        text = _text(template)
        version = Version(self.key_of(template), code_key)
        self._s3.put_object(**self._mine, Key=version.code, Body=code)
        self._s3.put_object(**self._mine, Key=version.template, Body=text)
        return version

    def key_of(self, template: Json) -> str:
        """Where `template` is stored, if it is, once it knows where its code is."""
        return self._key(_text(template), "json")

    def address(self, key: str, environ: Mapping[str, str] = os.environ) -> str:
        """Where CloudFormation finds the object: with the deployer's own rights, so nothing is signed.

        A template is too long to be sent along (51,200 bytes at most).
        """
        region = self._s3.meta.region_name
        if elsewhere := environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL"):
            return f"{elsewhere.rstrip('/')}/{self._name}/{key}"
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{self._name}.s3.{region}.{suffix}/{key}"

    # --- objects ---

    def read(self, name: str) -> bytes | None:
        """The stage's object of that name; None where there is none, or no bucket."""
        try:
            said: bytes = self._s3.get_object(**self._mine, Key=self.key(name))["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
                raise
            return None
        return said

    def write(self, name: str, body: bytes) -> None:
        """Store the stage's object of that name."""
        self._s3.put_object(**self._mine, Key=self.key(name), Body=body)

    def delete(self, key: str) -> None:
        """Delete the object, by its whole key; that it is not there is no fault."""
        self._s3.delete_object(**self._mine, Key=key)

    def key(self, name: str) -> str:
        """The whole key of the stage's object of that name."""
        return f"{self._folder}/{name}"

    def empty(self) -> None:
        """Delete all that there is of the stage."""
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(**self._mine, Prefix=self._folder + "/")
            for key in [one["Key"] for page in pages for one in page.get("Contents", [])]:
                self.delete(key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchBucket", "AccessDenied", "403"):
                raise

    def _key(self, content: bytes, ending: str) -> str:
        return self.key(f"{hashlib.sha256(content).hexdigest()[:32]}.{ending}")


def _text(template: Json) -> bytes:
    return json.dumps(template, sort_keys=True).encode()


def packaged(folder: Path) -> tuple[bytes, Json]:
    """The code and the template that `chalice package` put into `folder`."""
    template: Json = json.loads((folder / "sam.json").read_text())
    return (folder / "deployment.zip").read_bytes(), template


def _make(s3: Client, name: str) -> None:
    region = s3.meta.region_name
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)
