"""The checks. Each makes users of its own, so that none depends on another, and raises Wrong."""

from collections.abc import Callable

from local.conformance.examination import Examination
from local.conformance.users import NAMES, Wrong

Check = Callable[[Examination], None]

A, B, C = "Conformance Alpha", "Conformance Beta", "Conformance Gamma"
MANY = 300  # groups of LONG characters: some 20,000 in a token
LONG = 60
LIVES = 15 * 60  # seconds
DAY = 24 * 3600  # seconds


def token_holds(exam: Examination) -> None:
    """A click leads to Rolecall, with a token that holds for at most 15 minutes"""
    token = exam.users.click(exam.users.make([A]))
    if token.expires_at - token.issued_at > LIVES:
        raise Wrong(f"the token lives {token.expires_at - token.issued_at:.0f} s, more than {LIVES}")


def tokens_are_made_per_click(exam: Examination) -> None:
    """Each click has a token of its own"""
    user = exam.users.make([A])
    if exam.users.click(user).jti == exam.users.click(user).jti:
        raise Wrong("two clicks have the same jti, and a token can be used once")


def link_states_groups_and_name(exam: Examination) -> None:
    """Who links is stated: groups and name, in the token or by a message"""
    user = exam.users.make([A, B], NAMES[1])
    exam.users.click(user)
    exam.expect_groups(user, [A, B])
    exam.expect_name(user, NAMES[1])


def very_many_groups_fit(exam: Examination) -> None:
    """A user with very many groups can link: the token stays within 8,000 characters, and the groups are stated"""
    names = [f"Conformance {number:04} ".ljust(LONG, "x") for number in range(MANY)]
    user = exam.users.make(names)
    before = len(exam.rolecall.faults)
    exam.users.click(user)
    if faults := exam.rolecall.faults[before:]:
        raise Wrong(faults[0])
    exam.expect_groups(user, names)


def changes_are_stated(exam: Examination) -> None:
    """A change of groups is stated, each time with all groups"""
    user = exam.linked([A])
    exam.users.change(user, [A, B])
    exam.expect_groups(user, [A, B])
    exam.users.change(user, [B])
    exam.expect_groups(user, [B])


def losing_all_groups_is_stated(exam: Examination) -> None:
    """Losing the last group is stated: an empty list is sent, not left out"""
    user = exam.linked([A])
    exam.users.change(user, [])
    exam.expect_groups(user, [])


def names_are_stated(exam: Examination) -> None:
    """A new name of the main character is stated"""
    user = exam.linked([A], NAMES[0])
    exam.users.change(user, [A], NAMES[2])
    exam.expect_name(user, NAMES[2])


def newer_changes_win(exam: Examination) -> None:
    """Changes that follow each other at once are ordered: the newest has the highest changed_at"""
    user = exam.linked([A])
    for groups in ([A, B], [B], [A, C]):
        exam.users.change(user, groups)
        exam.users.work()
    exam.expect_groups(user, [A, C])
    said_at = max(said.changed_at for said in exam.statements.of(user.user_id)) / 1000
    if abs(said_at - exam.clock.now()) > DAY:
        raise Wrong("changed_at is not the time of the change in milliseconds since 1970")
    seen: dict[int, frozenset[str]] = {}
    for said in exam.statements.of(user.user_id):
        if said.groups is not None and seen.setdefault(said.changed_at, said.groups) != said.groups:
            raise Wrong(f"two statements that differ have the same changed_at, {said.changed_at}")


def removals_are_told(exam: Examination) -> None:
    """Who may no longer be on the server is removed by delete_user"""
    user = exam.linked([A])
    exam.users.remove(user)
    exam.expect_removal(user)


def who_returns_is_stated_anew(exam: Examination) -> None:
    """Who was removed and returns is stated anew"""
    user = exam.linked([A])
    exam.users.remove(user)
    exam.expect_removal(user)
    link = exam.rolecall.unlink(user.user_id)
    if link:
        exam.notify("unlinked", user, link, reason="asked")
    exam.expect_linked(user, None)
    exam.users.change(user, [B])
    before = max(exam.statements.stamps(user.user_id), default=0)
    exam.users.click(user)
    exam.expect_groups(user, [B])
    if max(exam.statements.stamps(user.user_id)) <= before:
        raise Wrong("what the new link states is not newer than what was said before")


def a_notice_that_comes_twice_does_no_harm(exam: Examination) -> None:
    """A notice that comes twice does no harm"""
    user = exam.users.make([A])
    exam.users.click(user)
    link = exam.rolecall.link(user.user_id, "@twice")
    for _ in range(3):
        exam.notify("linked", user, link)
    exam.expect_linked(user, link.discord_id)
    exam.pause()
    exam.expect_linked(user, link.discord_id)
    exam.rolecall.unlink(user.user_id)
    for _ in range(3):
        exam.notify("unlinked", user, link, reason="left_server")
    exam.expect_linked(user, None)
    exam.pause()
    exam.expect_linked(user, None)


def late_notices_change_nothing(exam: Examination) -> None:
    """A notice that comes late, after a newer one, changes nothing"""
    user = exam.users.make([A])
    exam.users.click(user)
    old = exam.rolecall.link(user.user_id, "@before")
    new = exam.rolecall.link(user.user_id, "@after")
    exam.notify("linked", user, new)
    exam.expect_linked(user, new.discord_id)
    exam.notify("linked", user, old, ago=60)
    exam.notify("unlinked", user, old, reason="asked", ago=30)
    exam.pause()
    exam.expect_linked(user, new.discord_id)
    exam.rolecall.unlink(user.user_id)
    exam.notify("unlinked", user, new, reason="left_server")
    exam.expect_linked(user, None)
    exam.notify("linked", user, new, ago=5)
    exam.pause()
    exam.expect_linked(user, None)


def unknown_notices_are_passed_over(exam: Examination) -> None:
    """Notices of unknown kinds, about unknown users or the whole server are passed over"""
    user = exam.users.make([A])
    exam.users.click(user)
    link = exam.rolecall.link(user.user_id, "@known")
    exam.queues.notify(exam.notice("a_kind_of_tomorrow", user.user_id, link))
    exam.queues.notify(exam.notice("linked", "nobody-at-all", link))
    exam.queues.notify(exam.notice("sync_failed", "", None, reason="role_limit"))
    exam.notify("linked", user, link)
    exam.expect_linked(user, link.discord_id)


def notices_are_deleted(exam: Examination) -> None:
    """Notices that were handled are deleted"""
    exam.linked([A])
    exam.until(
        lambda: exam.queues.left() == 0,
        lambda: f"{exam.queues.left()} notices are in the queue still: they would come again",
    )


def unlinking_reaches_rolecall(exam: Examination) -> None:
    """Who ends the link on the auth site is unlinked"""
    user = exam.linked([A])
    link = exam.rolecall.links[user.user_id]
    exam.users.unlink(user)
    if user.user_id in exam.rolecall.links:
        raise Wrong("Rolecall still has the link")
    exam.notify("unlinked", user, link, reason="asked")
    exam.expect_linked(user, None)


def messages_can_be_read(exam: Examination) -> None:
    """Every message that was posted can be read"""
    exam.statements.messages(exam.users.make().user_id)
    if exam.statements.faults:
        raise Wrong("; ".join(sorted(set(exam.statements.faults))))


def tokens_and_requests_were_right(exam: Examination) -> None:
    """Every token held, and was used once; accounts were read with a Bearer token"""
    if exam.rolecall.faults:
        raise Wrong("; ".join(sorted(set(exam.rolecall.faults))))


CHECKS: tuple[Check, ...] = (
    token_holds,
    tokens_are_made_per_click,
    link_states_groups_and_name,
    very_many_groups_fit,
    changes_are_stated,
    losing_all_groups_is_stated,
    names_are_stated,
    newer_changes_win,
    removals_are_told,
    who_returns_is_stated_anew,
    a_notice_that_comes_twice_does_no_harm,
    late_notices_change_nothing,
    unknown_notices_are_passed_over,
    notices_are_deleted,
    unlinking_reaches_rolecall,
    messages_can_be_read,
    tokens_and_requests_were_right,
)
