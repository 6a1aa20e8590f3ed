"""A few hundred of each kind of bad input in every run; `python -m tests.fuzz` throws as many as one likes."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.targets import targets

EXAMPLES = {"tokens": 500, "requests": 300, "messages": 150, "answers": 60}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_nobody_sees_a_traceback_no_neighbour_is_lost_and_nothing_is_tried_for_ever(name: str) -> None:
    target, strategy = targets()[name]()

    @settings(
        max_examples=EXAMPLES[name],
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def throw(example: object) -> None:
        target(example)

    throw()
