"""Money from counts."""

import pytest

from bench.prices import FREE, REGIONS, Usage, bill, idle

US = REGIONS["us-east-1"]


def total(usage: Usage) -> float:
    return sum(bill(usage, US).values())


def test_a_limited_queue_is_polled_by_five_and_an_open_one_by_two() -> None:
    assert idle(1, limited="True").sqs_requests == 2 * 5 * 3 * 60 * 24 * 30 == 1_296_000
    assert idle(1, limited="jobs").sqs_requests == (5 + 2) * 3 * 60 * 24 * 30 == 907_200
    assert idle(1, limited="False").sqs_requests == 518_400


@pytest.mark.parametrize(
    ("stages", "limited", "dollars"),
    [
        (1, "True", 0.12),
        (3, "True", 1.16),
        (1, "jobs", 0.0),
        (3, "jobs", 0.69),
        (1, "False", 0.0),
        (2, "False", 0.01),
        (3, "False", 0.22),
    ],
)
def test_what_stages_cost_that_only_stand_there(stages: int, limited: str, dollars: float) -> None:
    assert total(idle(stages, limited=limited)) == pytest.approx(dollars, abs=0.006)


def test_what_is_free_is_free_and_each_unit_beyond_is_paid() -> None:
    assert total(FREE) == 0
    assert bill(FREE + Usage(sqs_requests=1_000_000), US)["SQS"] == pytest.approx(0.40)
    assert bill(FREE + Usage(alarms=1), US)["CloudWatch"] == pytest.approx(0.10)


def test_frankfurt_is_dearer_where_it_is_and_nowhere_cheaper() -> None:
    for name in US.__dataclass_fields__:
        assert getattr(REGIONS["eu-central-1"], name) >= getattr(US, name)
    used = Usage(dynamodb_writes=1_000_000, dynamodb_reads=1_000_000)
    assert bill(used, REGIONS["eu-central-1"])["DynamoDB"] == pytest.approx(1.22 * bill(used, US)["DynamoDB"])
