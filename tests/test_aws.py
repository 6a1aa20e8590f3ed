"""Reading secrets: of a stage whose policies are of this version, and of an older one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws import read_secrets
from chalicelib.settings import REQUIRED_SECRETS, SECRETS


class Ssm:
    """Parameter Store: holds every secret, lets only those of `allowed` be read, and all or none at once."""

    def __init__(self, allowed: tuple[str, ...], code: str = "AccessDeniedException") -> None:
        self._allowed = allowed
        self._code = code

    def get_parameters(self, *, Names: list[str], WithDecryption: bool) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert WithDecryption
        if any(name.rpartition("/")[2] not in self._allowed for name in Names):
            raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "GetParameters")
        return {"Parameters": [{"Name": name, "Value": f"value of {name}"} for name in Names]}


def test_every_secret_is_read_at_once() -> None:
    found = read_secrets(Ssm(SECRETS), "dev", list(SECRETS))
    assert found == {name: f"value of /rolecall/dev/{name}" for name in SECRETS}


def test_policies_of_an_older_version_let_the_required_secrets_be_read() -> None:
    assert set(read_secrets(Ssm(REQUIRED_SECRETS), "dev", list(SECRETS))) == set(REQUIRED_SECRETS)


@pytest.mark.parametrize("ssm", [Ssm(REQUIRED_SECRETS, "ThrottlingException"), Ssm(())])
def test_other_refusals_are_errors(ssm: Ssm) -> None:
    with pytest.raises(ClientError):
        read_secrets(ssm, "dev", list(SECRETS))
