"""What commands answer, from the same values and in the same words as the pages."""

from collections.abc import Iterable

from chalicelib.discord.markdown import escaped, fitted
from chalicelib.members.explain import Explanation
from chalicelib.members.explained import Explained
from chalicelib.members.standing import Standing, State
from chalicelib.members.words import Words

OWN_WORDS = {State.DIFFERS: "differs_command", State.UNKNOWN: "unknown_command"}  # where the page names its buttons
WITH_ROLES = (State.IN_STEP, State.WAITING, State.DIFFERS, State.HELD)


def own_card(words: Words, standing: Standing, *, account: str, since: str, server: str, leaving: str = "") -> str:
    """What a member is told of themselves. `since`: a day. `leaving`: a sentence about the end of the link."""
    on = f" · {words('on', server=escaped(server))}" if server else ""
    state = words(
        OWN_WORDS.get(standing.state, standing.state.value),
        count=standing.changes,
        time=words.span(standing.seconds),
        ago=words("just_now"),
    )
    lines = [
        f"**{escaped(account)}** · {words('linked_since', date=since)}{on}",
        state,
        *([leaving] if leaving else []),
    ]
    return _message([*lines, *_roles(words, standing), *_difficulties(words, standing)], words)


def _roles(words: Words, standing: Standing) -> list[str]:
    if not (standing.roles or standing.own_roles or standing.state in WITH_ROLES):
        return []
    lines = [_heading(words("roles"))]
    for role in standing.roles:
        names = ", ".join(map(escaped, role.groups))
        by = words("by_groups", count=len(role.groups), names=names) if role.groups else ""
        lines.append(" – ".join(part for part in (f"• {escaped(role.name)}", by, words(role.verdict)) if part))
    if not standing.roles:
        lines.append(words("no_roles"))
    if standing.own_roles:
        lines.append(words("own_roles", names=", ".join(map(escaped, standing.own_roles))))
    return lines


def _difficulties(words: Words, standing: Standing) -> list[str]:
    if not standing.difficulties:
        return []
    return [
        _heading(words("difficulties")),
        *(f"• {words(one.key, name=escaped(one.name))}" for one in standing.difficulties),
    ]


def explained_card(words: Words, explanation: Explanation, *, account: str, user_id: str, since: str) -> str:
    """What somebody who may manage roles is told of a member. `since`: a day."""
    first = words("linked_to", account=f"**{escaped(account)}**", user=escaped(user_id), since=since)
    say = Explained(words)
    groups = [f"{line.group}: {say.group(line)}" for line in explanation.groups or ()]
    lines = [first, *_section(words("groups"), groups or [words("no_groups")])]
    roles = [f"{line.role}: {say.role(line)}" for line in explanation.roles]
    lines += _section(words("roles"), roles) if roles else []
    if explanation.nickname:
        lines += _section(words("nickname"), [say.nickname(explanation.nickname)])
    lines += _section(words("would"), say.would(explanation) or (words("nothing"),))
    if explanation.obstacles:
        lines += _section(words("holds_back"), (say.obstacle(one) for one in explanation.obstacles))
    return _message(lines, words)


def _section(title: str, phrases: Iterable[str]) -> list[str]:
    return [_heading(title), *(f"• {escaped(phrase)}" for phrase in phrases)]


def _heading(title: str) -> str:
    return f"**{title}**"


def _message(lines: list[str], words: Words) -> str:
    return fitted(lines, words.raw("cut"))
