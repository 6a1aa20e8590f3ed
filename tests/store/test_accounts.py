"""What is promised of accounts that are being removed from the guild, on both DynamoDBs."""

import pytest

from chalicelib.discord.models import Account
from chalicelib.store import accounts, users
from chalicelib.store.links import AccountParting
from local.memory.clock import START as NOW

ADA = Account(80_351_110_224_678_912, "ada", "0")
BEN = Account(80_351_110_224_678_913, "ben", "0")
SECONDS = 60  # that a removal may take


def link(user_id: str, *, now: float) -> None:
    users.link(user_id, 900, ADA, users.Claim(issued_at=now), now=now)


def test_an_account_that_is_being_removed_cannot_be_linked_until_that_is_over() -> None:
    assert accounts.begin_parting(ADA.id, now=NOW, seconds=SECONDS)
    assert (users.owner_of(ADA.id), accounts.parting_until(ADA.id)) == (None, int(NOW) + SECONDS)
    with pytest.raises(AccountParting):
        link("1", now=NOW + SECONDS - 1)
    accounts.end_parting(ADA.id)
    link("1", now=NOW + SECONDS - 1)
    assert (users.owner_of(ADA.id), accounts.parting_until(ADA.id)) == ("1", 0.0)


def test_a_removal_that_died_bars_nobody_for_longer_than_it_said() -> None:
    accounts.begin_parting(ADA.id, now=NOW, seconds=SECONDS)
    link("1", now=int(NOW) + SECONDS)
    assert users.owner_of(ADA.id) == "1"


def test_a_removal_that_ends_late_takes_the_account_from_nobody() -> None:
    accounts.begin_parting(ADA.id, now=NOW, seconds=SECONDS)
    link("1", now=NOW + SECONDS)
    accounts.end_parting(ADA.id)
    assert users.owner_of(ADA.id) == "1"


def test_of_two_removals_of_an_account_one_begins() -> None:
    assert accounts.begin_parting(ADA.id, now=NOW, seconds=SECONDS)
    assert not accounts.begin_parting(ADA.id, now=NOW + SECONDS - 1, seconds=SECONDS)
    assert accounts.begin_parting(ADA.id, now=NOW + SECONDS, seconds=SECONDS)


def test_no_account_that_is_somebodys_begins_to_be_removed() -> None:
    link("1", now=NOW)
    assert not accounts.begin_parting(ADA.id, now=NOW + 10 * SECONDS, seconds=SECONDS)
    assert users.owner_of(ADA.id) == "1"


def test_an_account_that_is_replaced_is_to_go_until_somebody_links_it() -> None:
    link("1", now=NOW)
    assert accounts.holder(ADA.id) == "1"
    users.link("1", 900, BEN, users.Claim(issued_at=NOW), now=NOW)
    assert (users.owner_of(ADA.id), accounts.holder(ADA.id)) == (None, accounts.NOBODY)
    link("2", now=NOW)
    assert accounts.holder(ADA.id) == "2"


def test_an_account_that_gives_way_to_the_one_before_it_is_not_to_go() -> None:
    link("1", now=NOW)
    users.link("1", 900, BEN, users.Claim(issued_at=NOW, activated_at=int(NOW)), now=NOW)
    assert accounts.holder(ADA.id) is None


def test_a_replaced_account_is_to_go_only_from_the_guild_of_the_new_one() -> None:
    link("1", now=NOW)
    users.link("1", 901, BEN, users.Claim(issued_at=NOW), now=NOW)
    assert accounts.holder(ADA.id) is None
