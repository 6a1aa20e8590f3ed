"""What is promised of users and their links."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from pynamodb.exceptions import UpdateError

from chalicelib.discord.models import Account
from chalicelib.messages import MAX_CLOCK_SKEW
from chalicelib.notices import Kind, Unlinked
from chalicelib.problems import Problem, ProblemKind, Problems, from_last_error, role_refused
from chalicelib.store import audit, leaving, users
from chalicelib.store.audit import Entry
from chalicelib.store.cutoff import NO_CUTOFF, Cutoff, of_change, of_message, of_person
from chalicelib.store.rows import AccountRow, UserRow
from chalicelib.store.users import (
    UNLINKED_RETENTION,
    AccountTaken,
    PendingNotice,
    ReplacesAnother,
    User,
    UserDeletedSince,
)
from local.memory.clock import START as NOW
from tests.store.conftest import Database

GUILD = 900
ADA = Account(80_351_110_224_678_912, "ada", "0")
BEA = Account(9_900, "bea", "1234")
LATER = NOW + UNLINKED_RETENTION + 1  # when a row of a user without a link is over


def link(user_id: str, account: Account, *, guild: int = GUILD, now: float = NOW, began_at: float = NOW) -> User | None:
    return users.link(user_id, guild, account, users.Claim(issued_at=began_at), now=now)


def linked(user_id: str, account: Account, **more: Any) -> User:
    link(user_id, account, **more)
    return known(user_id)


def known(user_id: str, now: float = NOW) -> User:
    user = users.get(user_id, now=now)
    assert user is not None
    return user


def remove(user_id: str, cutoff: Cutoff, *, now: float = NOW) -> None:
    assert leaving.begin(user_id, users.get(user_id, now=now), cutoff, changed_at=None, now=now)


def links(guild: int = GUILD, after: int = 0, upto: int = 2**63, most: int | None = None) -> list[int]:
    found = [user.link for user in users.links_between(guild, after, upto, most=most)]
    return [link.account.id for link in found if link]


# --- what the auth site says ------------------------------------------------------------------------------


KEPT_WITHOUT_A_LINK = {  # columns; all others are about a link, and end with it
    "user_id",
    "version",
    "groups",
    "groups_at",
    "groups_sent",
    "nickname",
    "nickname_at",
    "nickname_sent",
    "deleted_at",
    "deleted_sent",
    "barred_tokens",
    "barred_clicks",
    "lost_at",  # they count in the removal limit for an hour
    "pending_notice",
    "expires_at",
}


def test_nothing_that_is_known_of_a_link_is_left_when_it_ends() -> None:
    linked("1", ADA)
    rest = set(UserRow.get_attributes()) - KEPT_WITHOUT_A_LINK
    row = UserRow.get("1")
    for name in rest - {"links", "guild_id", "discord_id"}:
        if getattr(row, name) is None:  # as if everything had happened to the link
            setattr(row, name, {"a": 1} if UserRow.get_attributes()[name].attr_type == "S" else 7)
    row.username, row.claim, row.last_error, row.discriminator = "ada", "c", "e", "0"
    row.save()
    assert users.unlink("1", ADA.id, now=NOW)
    (stored,) = [row for row in UserRow.scan() if row.user_id == "1"]
    assert {name for name in rest if getattr(stored, name, None) is not None} == set()


def test_a_new_link_has_nothing_of_the_removal_of_the_old_one() -> None:
    user = linked("1", ADA)
    later = users.Leaving(NOW + 99, kick=True, notify=True)
    assert leaving.begin("1", user, of_message(NOW - 10), changed_at=None, now=NOW, leaving=later)
    assert known("1").leaving == later
    link("1", ADA, now=NOW + 200, began_at=NOW + 200)
    assert (known("1").leaving, known("1").goes_at, known("1").is_deleted) == (None, None, False)


def test_nobody_is_known_at_first() -> None:
    assert users.get("1", now=NOW) is None
    assert users.owner_of(ADA.id) is None
    assert links() == []


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])), ids=str)
@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "not linked"])
def test_the_newest_groups_win_in_whatever_order_they_arrive(order: tuple[int, ...], is_linked: bool) -> None:
    if is_linked:
        link("1", ADA)
    for changed_at in order:
        told = users.record_groups("1", (f"group {changed_at}",), changed_at, now=NOW)
        assert told.groups_at == max(order[: order.index(changed_at) + 1])
    assert known("1").groups == ("group 3",)
    assert known("1") == users.record_groups("1", ("late",), 2, now=NOW)


@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "not linked"])
def test_what_is_told_again_changes_nothing(is_linked: bool) -> None:
    if is_linked:
        link("1", ADA)
    first = users.record_groups("1", ("a",), 5, now=NOW)
    assert users.record_groups("1", ("a",), 5, now=NOW) == first
    assert users.record_groups("1", ("b",), 5, now=NOW) == first


def test_every_change_of_what_should_be_raises_the_version() -> None:
    versions = [
        users.record_groups("1", ("a",), 1, now=NOW).version,
        users.record_nickname("1", "Ada", 1, now=NOW).version,
        users.record_groups("1", (), 2, now=NOW).version,
        linked("1", ADA).version,
        users.record_nickname("1", None, 2, now=NOW).version,
    ]
    assert versions == [1, 2, 3, 4, 5]


def test_groups_and_nickname_are_ordered_each_by_itself() -> None:
    users.record_groups("1", ("new",), 9, now=NOW)
    told = users.record_nickname("1", "Ada", 3, now=NOW)
    assert (told.groups, told.groups_at, told.nickname, told.nickname_at) == (("new",), 9, "Ada", 3)


def test_never_told_is_not_empty() -> None:
    assert linked("1", ADA).groups is None
    assert users.record_groups("1", (), 1, now=NOW).groups == ()
    assert known("1").groups == ()


def test_a_nickname_that_is_taken_away_stays_away_from_an_older_one() -> None:
    users.record_nickname("1", None, 5, now=NOW)
    told = users.record_nickname("1", "old", 4, now=NOW)
    assert (told.nickname, told.nickname_at) == (None, 5)


def test_texts_come_back_as_they_went_in() -> None:
    names = ("Ünïcödé", "日本", "🚀 fleet", 'a"b\\c', " ")
    users.record_groups("ключ/1", names, 1, now=NOW)
    assert known("ключ/1").groups == names


def test_what_is_said_of_a_user_without_a_link_is_kept_for_a_while_only() -> None:
    users.record_groups("1", ("a",), 1, now=NOW)
    assert known("1", now=NOW + UNLINKED_RETENTION - 1).groups == ("a",)
    assert users.get("1", now=LATER) is None


def test_each_change_of_a_user_without_a_link_keeps_them_longer() -> None:
    users.record_groups("1", ("a",), 1, now=NOW)
    users.record_groups("1", ("b",), 2, now=NOW + 100)
    assert known("1", now=LATER).groups == ("b",)


def test_what_a_linked_user_should_have_is_kept_for_good() -> None:
    users.record_groups("1", ("a",), 1, now=NOW)
    link("1", ADA)
    users.record_nickname("1", "Ada", 1, now=NOW)
    assert known("1", now=LATER * 2).groups == ("a",)


def test_what_is_over_is_not_mixed_with_what_is_told_anew() -> None:
    users.record_groups("1", ("old",), 50, now=NOW)
    told = users.record_nickname("1", "Ada", 1, now=LATER)
    assert (told.groups, told.groups_at, told.nickname) == (None, 0, "Ada")
    assert users.record_groups("1", ("new",), 2, now=LATER).groups == ("new",)


# --- linking ----------------------------------------------------------------------------------------------


def test_linking_tells_who_the_user_was_before() -> None:
    assert link("1", ADA) is None
    users.record_groups("2", ("a",), 1, now=NOW)
    before = known("2")
    assert link("2", BEA) == before


def test_a_linked_user_has_the_account_and_everything_that_was_said() -> None:
    users.record_groups("1", ("a",), 7, now=NOW)
    user = linked("1", ADA, now=NOW + 0.7)
    assert user.link is not None
    assert (user.link.account, user.link.activated_at) == (ADA, int(NOW))
    assert user.link.joining_until > NOW
    assert (user.groups, user.groups_at, user.last_error, user.settled) == (("a",), 7, None, False)
    assert users.owner_of(ADA.id) == "1"


def test_a_second_user_cannot_have_the_same_account() -> None:
    link("1", ADA)
    with pytest.raises(AccountTaken):
        link("2", ADA)
    assert users.owner_of(ADA.id) == "1"
    assert users.get("2", now=NOW) is None


def test_of_two_who_claim_an_account_at_once_one_gets_it(dynamodb: Database) -> None:
    dynamodb.meanwhile("TransactWriteItems", lambda: link("faster", ADA))
    with pytest.raises(AccountTaken):
        link("slower", ADA)
    assert users.owner_of(ADA.id) == "faster"
    assert users.get("slower", now=NOW) is None
    assert len(links()) == 1


def test_who_claims_two_accounts_at_once_has_one_and_the_other_is_free(dynamodb: Database) -> None:
    dynamodb.meanwhile("TransactWriteItems", lambda: link("1", BEA))
    link("1", ADA)
    assert links() == [ADA.id]
    assert (users.owner_of(ADA.id), users.owner_of(BEA.id)) == ("1", None)


def test_a_change_between_reading_and_linking_is_not_lost(dynamodb: Database) -> None:
    dynamodb.meanwhile("TransactWriteItems", lambda: users.record_groups("1", ("meanwhile",), 9, now=NOW))
    before = link("1", ADA)
    assert before is not None
    assert before.groups == ("meanwhile",)
    assert known("1").link is not None


def test_a_deletion_while_somebody_links_wins(dynamodb: Database) -> None:
    dynamodb.meanwhile("TransactWriteItems", lambda: remove("1", of_message(NOW + 1)))
    with pytest.raises(UserDeletedSince):
        link("1", ADA)
    assert users.owner_of(ADA.id) is None


def test_a_deletion_while_somebody_links_another_account_wins(dynamodb: Database) -> None:
    link("1", ADA)
    dynamodb.meanwhile("TransactWriteItems", lambda: remove("1", of_message(NOW + 1)))
    with pytest.raises(UserDeletedSince):
        link("1", BEA)
    assert (users.owner_of(ADA.id), users.owner_of(BEA.id)) == ("1", None)


def test_what_is_told_while_somebody_links_is_kept_for_good(dynamodb: Database) -> None:
    users.record_groups("1", ("old",), 1, now=NOW)
    dynamodb.meanwhile("GetItem", lambda: link("1", ADA))  # after the first try, which finds no link
    assert users.record_groups("1", ("new",), 2, now=NOW).groups == ("new",)
    assert known("1", now=LATER).groups == ("new",)


def test_what_is_told_while_somebody_unlinks_is_not_lost(dynamodb: Database) -> None:
    link("1", ADA)
    dynamodb.meanwhile("UpdateItem", lambda: users.unlink("1", ADA.id, now=NOW))
    assert users.record_groups("1", ("new",), 2, now=NOW).groups == ("new",)
    assert known("1").link is None


def test_linking_the_same_account_again_keeps_when_it_was_activated() -> None:
    link("1", ADA)
    again = linked("1", Account(ADA.id, "renamed"), now=NOW + 500)
    assert again.link is not None
    assert (again.link.activated_at, again.link.account.username) == (int(NOW), "renamed")
    assert links() == [ADA.id]


def test_another_account_replaces_the_old_one_and_sets_it_free() -> None:
    link("1", ADA)
    user = linked("1", BEA, now=NOW + 500)
    assert user.link is not None
    assert (user.link.account, user.link.activated_at) == (BEA, int(NOW) + 500)
    assert (users.owner_of(ADA.id), users.owner_of(BEA.id)) == (None, "1")
    assert links() == [BEA.id]
    link("2", ADA)
    assert users.owner_of(ADA.id) == "2"


def test_linking_forgets_an_earlier_error() -> None:
    user = linked("1", ADA)
    users.mark_failed(user, from_last_error("role limit"), now=NOW)
    assert linked("1", ADA).last_error is None


@pytest.mark.parametrize("before", [False, True], ids=["nothing known", "groups stated"])
def test_an_attempt_that_is_older_than_a_removal_does_not_link(before: bool) -> None:
    if before:
        users.record_groups("1", ("a",), 1, now=NOW)
    remove("1", of_message(NOW))
    with pytest.raises(UserDeletedSince):
        link("1", ADA, began_at=NOW - 1)
    assert users.owner_of(ADA.id) is None


def test_an_attempt_that_is_newer_than_a_removal_links() -> None:
    remove("1", of_message(NOW))
    assert linked("1", ADA, began_at=NOW + MAX_CLOCK_SKEW + 1).deleted_at is None


def test_a_removal_that_is_long_over_stops_nobody() -> None:
    remove("1", of_message(NOW))
    link("1", ADA, began_at=NOW - 1, now=LATER)
    assert (known("1", now=LATER).deleted_at, known("1", now=LATER).barred) == (None, NO_CUTOFF)


def test_neither_a_newer_link_nor_its_end_takes_the_cutoff_away() -> None:
    remove("1", of_message(NOW))
    cutoff = known("1").barred
    user = linked("1", ADA, began_at=NOW + 100)
    assert user.barred == cutoff
    users.unlink("1", ADA.id, now=NOW, version=user.version)
    assert known("1").barred == cutoff
    with pytest.raises(UserDeletedSince):
        link("1", ADA, began_at=NOW - 1)


def test_a_cutoff_only_grows() -> None:
    remove("1", of_message(NOW))
    remove("1", of_person(NOW - 500, NOW + 7))
    remove("1", of_change(1))
    assert known("1").barred == Cutoff(NOW + MAX_CLOCK_SKEW, NOW + 7)


def test_a_removal_of_somebody_who_changed_meanwhile_is_not_begun() -> None:
    user = linked("1", ADA)
    users.record_groups("1", ("a",), 1, now=NOW)
    assert not leaving.begin("1", user, of_message(NOW), changed_at=None, now=NOW)
    assert not leaving.begin("1", None, of_message(NOW), changed_at=None, now=NOW)
    assert (known("1").deleted_at, known("1").barred) == (None, NO_CUTOFF)


def test_who_is_to_go_is_wanted_without_groups_until_something_newer_is_stated() -> None:
    users.record_groups("1", ("a",), 1_000, now=NOW)
    user = linked("1", ADA)
    leaving.begin("1", user, of_change(5_000), changed_at=5_000, now=NOW)
    assert known("1").wanted == ()
    users.record_nickname("1", "Ada", 5_000, now=NOW)
    assert known("1").wanted == ()
    users.record_nickname("1", "Ada", 5_001, now=NOW)
    assert known("1").wanted == ("a",)


def test_without_a_date_what_was_sent_later_is_newer_however_far_ahead_the_auth_site_is() -> None:
    ahead = int(NOW + 50) * 1000
    users.record_groups("1", ("a",), ahead, now=NOW, sent_at=NOW - 1)
    link("1", ADA)
    remove("1", of_message(NOW))
    assert known("1").wanted == ()
    users.record_groups("1", ("b",), ahead + 1, now=NOW, sent_at=NOW)
    assert known("1").wanted == ()
    users.record_groups("1", ("c",), ahead + 2, now=NOW, sent_at=NOW + 1)
    assert known("1").wanted == ("c",)


@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "not linked"])
@pytest.mark.parametrize("order", list(permutations([1, 2, 3])), ids=str)
def test_of_groups_with_one_changed_at_those_sent_last_win(order: tuple[int, ...], is_linked: bool) -> None:
    if is_linked:
        link("1", ADA)
    for sent in order:
        users.record_groups("1", (f"group {sent}",), 7, now=NOW, sent_at=NOW + sent)
    assert known("1").groups == ("group 3",)
    version = known("1").version
    users.record_groups("1", ("group 3",), 7, now=NOW, sent_at=NOW + 3)
    users.record_groups("1", ("of a token",), 7, now=NOW)
    assert (known("1").groups, known("1").version) == (("group 3",), version)


def test_a_removal_by_an_older_version_bars_what_may_be_older() -> None:
    UserRow("1", version=1, deleted_at=NOW).save()
    assert known("1").barred == of_message(NOW)


def test_a_link_of_an_older_version_began_at_most_half_an_hour_before() -> None:
    UserRow("1", version=1, discord_id=ADA.id, guild_id=str(GUILD), activated_at=int(NOW)).save()
    link = known("1").link
    assert link is not None
    assert (link.issued_at, link.opened_at, link.claim) == (int(NOW) - users.LONGEST_ATTEMPT, None, None)


# --- another account ------------------------------------------------------------------------------------------


def previous(user_id: str) -> int | None:
    link = known(user_id).link
    return link.previous.account.id if link and link.previous else None


def test_the_account_that_is_replaced_is_remembered_until_the_new_one_was_seen() -> None:
    link("1", ADA)
    user = linked("1", BEA)
    assert previous("1") == ADA.id
    assert users.mark_seen(user)
    assert previous("1") is None


def test_a_sync_has_seen_the_new_account() -> None:
    link("1", ADA)
    users.mark_synced(linked("1", BEA), now=NOW)
    assert previous("1") is None


def test_of_several_replaced_accounts_the_one_that_was_in_the_guild_is_remembered() -> None:
    link("1", ADA)
    link("1", BEA)
    link("1", Account(77, "cleo"))
    assert previous("1") == ADA.id
    link("1", ADA)
    assert previous("1") is None


def test_an_account_of_another_guild_is_not_remembered() -> None:
    link("1", ADA, guild=901)
    link("1", BEA)
    assert previous("1") is None


def test_an_account_that_the_caller_does_not_know_of_is_not_replaced() -> None:
    link("1", ADA)
    with pytest.raises(ReplacesAnother):
        users.link("1", GUILD, BEA, users.Claim(issued_at=NOW), now=NOW, known={5})
    assert users.owner_of(ADA.id) == "1"
    users.link("1", GUILD, BEA, users.Claim(issued_at=NOW), now=NOW, known={ADA.id})
    assert users.owner_of(BEA.id) == "1"


def test_only_the_link_of_that_attempt_is_put_back() -> None:
    link("1", ADA)
    users.link("1", GUILD, BEA, users.Claim(issued_at=NOW, attempt="mine"), now=NOW)
    back = users.Claim(issued_at=NOW, activated_at=5)
    users.link("1", GUILD, ADA, back, now=NOW, instead_of="another's")
    assert users.owner_of(ADA.id) is None
    users.link("1", GUILD, ADA, back, now=NOW, instead_of="mine")
    user = known("1")
    assert user.link is not None
    assert (user.link.account, user.link.activated_at, user.link.claim, user.link.joining_until) == (ADA, 5, None, 0)


def test_only_the_callback_that_has_the_link_ends_its_joining() -> None:
    users.link("1", GUILD, ADA, users.Claim(issued_at=NOW, attempt="mine"), now=NOW)

    def joining() -> bool:
        link = known("1").link
        return link is not None and link.joining_until > NOW

    users.end_joining("1", "another's")
    users.end_joining("1", None)
    assert joining()
    users.end_joining("1", "mine")
    assert not joining()


def notify_pending(user_id: str, account: Account) -> bool:
    """Is the auth site still to hear that the account was linked to the user?"""
    user = users.get(user_id, now=NOW)
    return (
        user is not None and user.link is not None and user.link.account.id == account.id and user.link.notify_pending
    )


def test_a_link_is_to_be_told_of_until_it_was() -> None:
    link("1", ADA)
    assert notify_pending("1", ADA)
    users.mark_notified("1", BEA.id)
    assert notify_pending("1", ADA)
    users.mark_notified("1", ADA.id)
    assert not notify_pending("1", ADA)


def test_an_account_that_is_linked_again_is_not_to_be_told_of_again() -> None:
    link("1", ADA)
    link("1", ADA)
    assert notify_pending("1", ADA), "nobody was told of the first time either"
    users.mark_notified("1", ADA.id)
    link("1", ADA)
    assert not notify_pending("1", ADA)


def test_an_account_that_was_put_back_in_its_place_is_not_to_be_told_of_again() -> None:
    link("1", ADA)
    users.mark_notified("1", ADA.id)
    link("1", BEA)
    assert notify_pending("1", BEA)
    users.link("1", GUILD, ADA, users.Claim(issued_at=NOW, activated_at=int(NOW)), now=NOW)
    assert not notify_pending("1", ADA)
    assert not notify_pending("1", BEA)


def test_a_link_that_is_gone_is_not_to_be_told_of() -> None:
    link("1", ADA)
    users.unlink("1", ADA.id, now=NOW)
    users.mark_notified("1", ADA.id)
    assert not notify_pending("1", ADA)
    assert not notify_pending("2", ADA)


# --- unlinking --------------------------------------------------------------------------------------------


def test_unlinking_keeps_what_was_said_for_a_while_and_frees_the_account() -> None:
    users.record_groups("1", ("a",), 1, now=NOW)
    user = linked("1", ADA)
    users.mark_synced(user, now=NOW)
    assert users.unlink("1", ADA.id, now=NOW)
    after = known("1")
    assert (after.link, after.groups, after.synced_at, after.synced_version) == (None, ("a",), None, None)
    assert after.version == user.version + 1
    assert users.owner_of(ADA.id) is None
    assert links() == []
    assert users.get("1", now=LATER) is None


def test_an_account_that_is_not_theirs_any_more_is_not_unlinked() -> None:
    link("1", ADA)
    link("1", BEA)
    assert not users.unlink("1", ADA.id, now=NOW)
    assert users.owner_of(BEA.id) == "1"
    assert not users.unlink("nobody", ADA.id, now=NOW)
    assert users.get("nobody", now=NOW) is None


@pytest.mark.parametrize("entries", range(3))
def test_who_changed_meanwhile_is_not_unlinked_whatever_is_to_be_recorded_with_it(entries: int) -> None:
    before = linked("1", ADA)
    users.record_groups("1", ("new",), 2, now=NOW)
    lines = [Entry("1", ADA.id, NOW + number, "c", "t", what="unlinked") for number in range(entries)]
    assert not users.unlink("1", ADA.id, now=NOW, version=before.version, entries=lines)
    assert known("1").link is not None
    assert users.owner_of(ADA.id) == "1"
    assert audit.of_user("1", now=NOW) == []


def test_an_account_that_is_another_users_by_now_is_not_taken_from_them() -> None:
    """Both rows are written together; only a person who wrote one of them by hand can have parted them."""
    link("1", ADA)
    AccountRow(ADA.id, user_id="2").save()
    assert not users.unlink("1", ADA.id, now=NOW)
    assert users.owner_of(ADA.id) == "2"


def test_what_is_stated_while_the_rest_of_a_user_is_dropped_is_kept(dynamodb: Database) -> None:
    users.record_groups("1", ("old",), 1, now=NOW)
    dynamodb.meanwhile("UpdateItem", lambda: users.record_groups("1", ("new",), 5, now=LATER))
    link("1", ADA, now=LATER, began_at=LATER)
    assert known("1", now=LATER).groups == ("new",)


def test_who_changed_meanwhile_is_not_right_yet() -> None:
    user = linked("1", ADA)
    UserRow("1").update([UserRow.imported_at.set(NOW)])
    users.record_groups("1", ("new",), 2, now=NOW)
    assert not users.mark_right(user)
    assert known("1").imported_at == NOW
    assert users.mark_right(known("1"))
    assert known("1").imported_at == 0


def test_unlinking_twice_does_it_once() -> None:
    link("1", ADA)
    assert users.unlink("1", ADA.id, now=NOW)
    assert not users.unlink("1", ADA.id, now=NOW)


def test_a_user_who_unlinked_may_link_with_an_earlier_token() -> None:
    link("1", ADA)
    users.unlink("1", ADA.id, now=NOW + 10)
    assert linked("1", ADA, began_at=NOW + 9, now=NOW + 11).link is not None


def notice(account: Account, reason: Unlinked = Unlinked.ASKED) -> PendingNotice:
    return PendingNotice(Kind.UNLINKED, str(account.id), account.shown, reason, NOW)


def test_a_notice_waits_until_that_very_notice_was_sent() -> None:
    link("1", ADA)
    users.unlink("1", ADA.id, now=NOW, notice=notice(ADA))
    link("1", BEA)
    users.unlink("1", BEA.id, now=NOW, notice=notice(BEA, Unlinked.LEFT_SERVER))
    users.notice_sent("1", notice(ADA))
    assert known("1").pending_notice == notice(BEA, Unlinked.LEFT_SERVER)
    users.notice_sent("1", notice(BEA, Unlinked.LEFT_SERVER))
    assert known("1").pending_notice is None


# --- in the order of Discord ids ---------------------------------------------------------------------------

IDS = [10 ** (digits - 1) * first + extra for digits in (1, 2, 3, 17, 18, 19) for first in (1, 9) for extra in (0, 2)]


def test_links_come_in_numeric_order_whatever_their_digits() -> None:
    for number, discord_id in enumerate(reversed(IDS)):
        link(str(number), Account(discord_id, "name"))
    assert links() == sorted(set(IDS))
    middle = sorted(set(IDS))[7]
    assert links(after=middle) == [discord_id for discord_id in sorted(set(IDS)) if discord_id > middle]
    assert links(upto=middle) == [discord_id for discord_id in sorted(set(IDS)) if discord_id <= middle]
    assert links(most=3) == sorted(set(IDS))[:3]
    assert links(after=middle, upto=middle + 1) == []


def test_links_are_those_of_the_guild_and_whole() -> None:
    users.record_groups("1", ("a",), 1, now=NOW)
    link("1", ADA)
    link("2", BEA, guild=901)
    assert list(users.links_between(GUILD, 0, 2**63)) == [known("1")]
    assert links(901) == [BEA.id]


# --- what was brought to Discord ---------------------------------------------------------------------------


def entry(user_id: str = "1") -> Entry:
    return Entry(user_id, ADA.id, NOW, "message", "trace-1", given=("a",))


@pytest.mark.parametrize("noted", [entry(), None], ids=["with an entry", "without"])
def test_what_was_synced_is_settled(noted: Entry | None) -> None:
    user = linked("1", ADA)
    assert users.mark_synced(user, now=NOW + 1, entry=noted)
    after = known("1")
    assert after.settled
    assert (after.synced_at, after.synced_version, after.version) == (int(NOW) + 1, user.version, user.version)
    assert after.link is not None
    assert after.link.joining_until == 0
    assert len(audit.of_user("1", now=NOW)) == (1 if noted else 0)


@pytest.mark.parametrize("noted", [entry(), None], ids=["with an entry", "without"])
def test_what_moved_meanwhile_is_not_settled_but_the_change_is_recorded_all_the_same(noted: Entry | None) -> None:
    user = linked("1", ADA)
    users.record_groups("1", ("newer",), 1, now=NOW)
    assert not users.mark_synced(user, now=NOW, entry=noted)
    assert not known("1").settled
    assert known("1").synced_at is None
    assert len(audit.of_user("1", now=NOW)) == (1 if noted else 0)


def test_a_user_who_is_gone_is_not_brought_back_by_a_late_worker() -> None:
    ghost = User("1", version=0)
    assert not users.mark_synced(ghost, now=NOW, entry=entry())
    assert users.get("1", now=NOW) is None
    assert not users.mark_failed(ghost, from_last_error("why"), now=NOW)
    assert users.get("1", now=NOW) is None


HELD = frozenset({Problem(ProblemKind.REMOVAL_HELD)})


def test_a_deletion_is_held_for_as_long_as_nothing_newer_is_stated() -> None:
    assert users.hold_deletion(linked("1", ADA), NO_CUTOFF, HELD, now=NOW)
    assert (known("1").deletion_held, known("1").problems, known("1").failed_at) == (True, HELD, NOW)
    users.record_groups("1", ("a",), 1, now=NOW)
    assert not known("1").deletion_held


def test_attempts_that_are_older_than_a_deletion_are_refused_while_it_is_held() -> None:
    older, newer = (
        users.Claim(issued_at=NOW - 9, opened_at=NOW - 8),
        users.Claim(issued_at=NOW + 90, opened_at=NOW + 99),
    )
    assert users.hold_deletion(linked("1", ADA), of_message(NOW), HELD, now=NOW)
    with pytest.raises(users.UserDeletedSince):
        users.link("1", GUILD, ADA, older, now=NOW + 9)
    assert known("1").deletion_held
    users.link("1", GUILD, ADA, newer, now=NOW + 100)
    assert not known("1").deletion_held


def test_a_deletion_that_is_held_at_that_very_moment_refuses_an_older_attempt(dynamodb: Database) -> None:
    older, user = users.Claim(issued_at=NOW - 9, opened_at=NOW - 8), linked("1", ADA)
    dynamodb.meanwhile("TransactWriteItems", lambda: users.hold_deletion(user, of_message(NOW), HELD, now=NOW))
    with pytest.raises(users.UserDeletedSince):
        users.link("1", GUILD, ADA, older, now=NOW + 9)
    assert known("1").deletion_held


def held_deletion(user: User, problems: Problems) -> bool:
    return users.hold_deletion(user, NO_CUTOFF, problems, now=NOW)


@pytest.mark.parametrize("late", [users.mark_kept, held_deletion], ids=["kept", "held"])
def test_a_late_worker_holds_back_nothing_from_who_changed_or_has_no_link(late: Callable[..., bool]) -> None:
    user = linked("1", ADA)
    users.record_groups("1", ("newer",), 1, now=NOW)
    assert not late(user, HELD)
    newer = known("1")
    users.unlink("1", ADA.id, now=NOW)
    assert not late(newer, HELD)
    assert not late(known("1"), HELD), "nothing is taken from somebody without a link"
    assert (known("1").held_version, known("1").kept_version, known("1").problems) == (None, None, frozenset())


def test_an_error_is_news_once() -> None:
    user = linked("1", ADA)
    assert users.mark_failed(user, from_last_error("hierarchy"), now=NOW)
    assert not users.mark_failed(user, from_last_error("hierarchy"), now=NOW + 5)
    assert known("1").failed_at == NOW + 5
    assert users.mark_failed(user, from_last_error("banned"), now=NOW)
    assert known("1").last_error == "banned"
    assert not known("1").settled


def test_a_sync_with_an_error_is_stored_and_the_next_without_clears_it() -> None:
    user = linked("1", ADA)
    users.mark_synced(user, now=NOW, problems=from_last_error("owner cannot be renamed"))
    assert known("1").last_error == "owner cannot be renamed"
    assert known("1").synced_version == user.version
    users.mark_synced(user, now=NOW)
    assert known("1").settled


def test_a_problem_is_stored_as_a_value_beside_its_text() -> None:
    refused, nickname = role_refused("Corp, Inc", "no"), Problem(ProblemKind.NICKNAME_NOT_PERMITTED)
    users.mark_synced(linked("1", ADA), now=NOW, problems=frozenset({refused, nickname}))
    assert known("1").problems == {refused, nickname}
    assert UserRow.get("1").last_error == "the role 'Corp, Inc' cannot be created: no, nickname_not_permitted"


@pytest.mark.parametrize("error", ["an old fault, role_out_of_reach", None])
def test_what_an_older_version_wrote_last_counts(error: str | None) -> None:
    users.mark_synced(linked("1", ADA), now=NOW, problems=from_last_error("role_limit"))
    UserRow("1").update([UserRow.last_error.set(error) if error else UserRow.last_error.remove()])
    assert known("1").last_error == error
    assert len(known("1").problems) == (2 if error else 0)


def test_an_error_of_somebody_unlinked_is_not_kept() -> None:
    user = linked("1", ADA)
    users.unlink("1", ADA.id, now=NOW)
    assert not users.mark_failed(user, from_last_error("late"), now=NOW)
    assert known("1").last_error is None


def test_a_new_username_is_stored_without_changing_what_should_be() -> None:
    user = linked("1", ADA)
    assert users.rename(user, Account(ADA.id, "new", "7"))
    after = known("1")
    assert after.link is not None
    assert after.link.account == Account(ADA.id, "new", "7")
    assert after.version == user.version


def test_the_username_of_an_account_they_no_longer_have_is_not_stored() -> None:
    user = linked("1", ADA)
    link("1", BEA)
    assert not users.rename(user, Account(ADA.id, "new"))
    after = known("1")
    assert after.link is not None
    assert after.link.account == BEA


# --- faults ------------------------------------------------------------------------------------------------


def test_only_failed_conditions_are_swallowed() -> None:
    user = linked("1", ADA)
    with pytest.raises(UpdateError):
        users.mark_failed(user, from_last_error("far too long" * 40_000), now=NOW)  # more than an item may hold


def test_a_row_that_dynamodb_has_not_deleted_yet_counts_as_gone() -> None:
    users.record_groups("1", ("a",), 1, now=NOW)
    assert users.get("1", now=LATER) is None
    assert UserRow.get("1").groups == ["a"]
    link("1", ADA, now=LATER, began_at=LATER)
    assert known("1", now=LATER).groups is None
    assert UserRow.get("1").groups is None
