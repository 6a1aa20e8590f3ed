"""The bucket of the packages: whose it is, where CloudFormation finds what lies in it, what is kept."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from deploy.bucket import Bucket
from deploy.history import KEPT, History
from deploy.project import NotDeployed

ACCOUNT = "123456789012"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="eu-central-1")


def bucket(s3: Any, account: str = ACCOUNT) -> Bucket:
    return Bucket(s3, "packages", account, "rolecall-dev")


def template(number: int) -> dict[str, Any]:
    return {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"Number": number}}}}


def keys(s3: Any) -> set[str]:
    return {one["Key"] for one in s3.list_objects_v2(Bucket="packages").get("Contents", [])}


def test_a_bucket_of_somebody_else_is_refused() -> None:
    client = boto3.client("s3", region_name="eu-central-1")
    with Stubber(client) as stub:
        asked = {"Bucket": "packages", "ExpectedBucketOwner": ACCOUNT}
        stub.add_client_error("head_bucket", "403", http_status_code=403, expected_params=asked)
        with pytest.raises(NotDeployed, match="belongs to another account"):
            bucket(client).ensure()


def test_every_call_names_the_account_whose_bucket_it_must_be(s3: Any) -> None:
    said: list[dict[str, Any]] = []
    s3.meta.events.register("provide-client-params.s3", lambda params, **_: said.append(params))
    mine = bucket(s3)
    mine.ensure()
    version = mine.put(b"code", template(1))
    history = History(mine)
    history.deployed(version)
    history.deployed(mine.put(b"code", template(2)))
    history.going_back_to(version)
    history.forget_latest()
    assert history.went_back_to(version.template)
    history.told()
    mine.empty()
    unnamed = [params for params in said if params.get("ExpectedBucketOwner") != ACCOUNT]
    assert [set(params) for params in unnamed] == [{"Bucket", "CreateBucketConfiguration"}]


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("us-east-1", "https://packages.s3.us-east-1.amazonaws.com/a.json"),
        ("eu-central-1", "https://packages.s3.eu-central-1.amazonaws.com/a.json"),
        ("cn-north-1", "https://packages.s3.cn-north-1.amazonaws.com.cn/a.json"),
    ],
)
def test_cloudformation_finds_the_template_in_its_region_and_unsigned(region: str, address: str) -> None:
    assert bucket(boto3.client("s3", region_name=region)).address("a.json", {}) == address


def test_at_another_endpoint_it_is_found_there(s3: Any) -> None:
    assert (
        bucket(s3).address("a.json", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1/"})
        == "http://127.0.0.1:1/packages/a.json"
    )


def test_the_same_version_is_stored_once_and_the_oldest_go(s3: Any) -> None:
    mine = bucket(s3)
    mine.ensure()
    made = [mine.put(b"code %d" % number, template(number)) for number in range(KEPT + 2)]
    history = History(mine)
    for version in [*made, made[-1]]:
        history.deployed(version)
    assert history.versions() == made[-KEPT:]
    assert keys(s3) == {key for one in made[-KEPT:] for key in (one.template, one.code)} | {
        "rolecall-dev/versions.json"
    }


def test_code_that_a_kept_version_shares_is_kept(s3: Any) -> None:
    mine = bucket(s3)
    mine.ensure()
    made = [mine.put(b"the same code", template(number)) for number in range(KEPT + 1)]
    for version in made:
        History(mine).deployed(version)
    assert made[0].code in keys(s3)
    assert made[0].template not in keys(s3)


def test_a_rollback_is_known_until_it_was_told_of_or_something_else_was_deployed(s3: Any) -> None:
    mine, history = bucket(s3), History(bucket(s3))
    mine.ensure()
    first, second = (mine.put(b"code", template(number)) for number in range(2))
    for version in (first, second):
        history.deployed(version)
    history.going_back_to(first)
    assert not history.went_back_to(first.template), "the record still says the second"
    history.forget_latest()
    assert not history.went_back_to(second.template)
    assert history.went_back_to(first.template)
    history.deployed(first)
    assert not history.went_back_to(first.template), "it was deployed, and is not what a rollback put back"
    history.going_back_to(first)
    history.told()
    assert not history.went_back_to(first.template)


def test_emptying_leaves_what_other_stages_have(s3: Any) -> None:
    mine = bucket(s3)
    mine.ensure()
    History(mine).deployed(mine.put(b"code", template(1)))
    s3.put_object(Bucket="packages", Key="rolecall-dev-2/versions.json", Body=b"[]")
    mine.empty()
    assert keys(s3) == {"rolecall-dev-2/versions.json"}
    Bucket(s3, "never-made", ACCOUNT, "rolecall-dev").empty()
