"""Discord accounts: each belongs to one user at most, or to nobody while it is to be removed from the guild."""

from pynamodb.expressions.condition import Condition

from chalicelib.store.rows import AccountRow, stored, written

NOBODY = ""  # the user of an account that is to be removed, or is being removed


def may_belong_to(user_id: str, *, now: float) -> Condition:
    """The condition under which the account can become, or stay, the user's."""
    mine: Condition = AccountRow.user_id == user_id
    free: Condition = AccountRow.discord_id.does_not_exist() | mine | _abandoned(now)
    return free


def parting_until(discord_id: int) -> float:
    """Until when the account is being removed from the guild (epoch seconds); 0.0 if it is not."""
    row = stored(AccountRow, discord_id)
    return float(row.parting_until or 0.0) if row else 0.0


def replaced(discord_id: int) -> AccountRow:
    """The row of an account whose user linked another one: it is nobody's, can be linked, and is to be removed."""
    return AccountRow(discord_id, user_id=NOBODY, parting_until=0)


def holder(discord_id: int) -> str | None:
    """The user of the account; NOBODY if it was replaced, or its removal begun, and it was not linked since."""
    row = stored(AccountRow, discord_id)
    return row.user_id if row else None


def begin_parting(discord_id: int, *, now: float, seconds: int) -> bool:
    """Keep an account that is nobody's from being linked for at most `seconds`, while it is removed from the guild.

    Returns False if it is somebody's, or being removed already.
    """
    row = AccountRow(discord_id, user_id=NOBODY, parting_until=int(now) + seconds)
    free = AccountRow.discord_id.does_not_exist() | _abandoned(now)
    return written(lambda: row.save(condition=free))


def end_parting(discord_id: int) -> None:
    """The account is removed, or stays: it can be linked again."""
    written(lambda: AccountRow(discord_id).delete(condition=AccountRow.user_id == NOBODY))


def pause_parting(discord_id: int) -> None:
    """The account is still to be removed, later: until then it can be linked again."""
    written(lambda: replaced(discord_id).save(condition=AccountRow.user_id == NOBODY))


def _abandoned(now: float) -> Condition:
    """Nobody is at work at its removal: it has not begun, or the worker died."""
    nobody: Condition = AccountRow.user_id == NOBODY
    over: Condition = nobody & (AccountRow.parting_until <= int(now))
    return over
