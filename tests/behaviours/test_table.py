"""The table of behaviours is complete."""

from tests.behaviours.items import ITEMS
from tests.behaviours.table import faults, lines, marked


def test_every_behaviour_has_a_test_or_is_the_auth_sites() -> None:
    assert faults(marked()) == []


def test_all_82_behaviours_are_listed_once() -> None:
    wanted = sorted([str(number) for number in range(1, 81)] + ["55b", "60b"])
    assert sorted(item.number for item in ITEMS) == wanted
    assert {item.mark for item in ITEMS} == {"KEEP", "FIX"}


def test_an_item_without_test_and_a_number_that_is_none_are_faults() -> None:
    found = {item.number: ["test_x.py::test_y"] for item in ITEMS if item.number != "18"} | {
        "99": ["test_x.py::test_z"]
    }
    assert faults(found) == ["18 has no test", "99 is no behaviour: test_x.py::test_z"]
    assert "         test_x.py::test_y" in list(lines(found))
