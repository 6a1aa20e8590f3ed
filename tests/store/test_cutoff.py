"""What is older than a removal."""

import pytest

from chalicelib.store.cutoff import NO_CUTOFF, Cutoff, of_change, of_message, of_person

AT = 1_000.0  # when the removal was asked for
ANY = 5_000.0  # a moment long after


@pytest.mark.parametrize(
    ("cutoff", "issued_at", "opened_at", "bars"),
    [
        pytest.param(NO_CUTOFF, 1, 1, False, id="no removal"),
        pytest.param(of_change(1_000_500), 999, ANY, True, id="dated: issued before"),
        pytest.param(of_change(1_000_500), 1_000, ANY, True, id="dated: issued in the same second"),
        pytest.param(of_change(1_000_500), 1_000.4, ANY, True, id="dated: issued before, in fractions of a second"),
        pytest.param(
            of_change(1_000_500), 1_001, 0, False, id="dated: issued after, whenever our clock says it was opened"
        ),
        pytest.param(of_change(1_000_000), 1_000, ANY, True, id="dated: a whole second"),
        pytest.param(of_message(AT), 1_050, ANY, True, id="undated: issued before, if the auth site is 60 s ahead"),
        pytest.param(of_message(AT), 1_060, ANY, True, id="undated: in the last second that is in doubt"),
        pytest.param(of_message(AT), 1_061, 1_001, False, id="undated: issued after, however far ahead it is"),
        pytest.param(of_message(AT), 900, None, True, id="undated: an attempt of an older version"),
        pytest.param(of_person(990, AT), 1_200, 999.9, True, id="person: opened before they confirmed"),
        pytest.param(of_person(990, AT), 989, ANY, True, id="person: issued before the token of the unlinking"),
        pytest.param(of_person(990, AT), 990, AT, False, id="person: begins again at once"),
    ],
)
def test_what_is_older(cutoff: Cutoff, issued_at: float, opened_at: float | None, bars: bool) -> None:
    assert cutoff.bars(issued_at, opened_at) is bars


def test_two_removals_bar_what_either_bars() -> None:
    assert of_message(AT).joined_with(of_person(2_000, 900)) == Cutoff(1_999, AT)
    assert of_message(AT).joined_with(NO_CUTOFF) == of_message(AT)
