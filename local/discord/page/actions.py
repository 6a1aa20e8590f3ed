"""What the buttons of the page do: what moderators and members do by hand, and what goes wrong at Discord."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.discord.admin import Admin
from local.discord.faults import Fault

API = "^/api/"  # what Rolecall asks; pages for people go on working
CHANGES = "PATCH|PUT|DELETE|POST"
REFUSED_TOKEN = "a token that nobody has"
Form = Mapping[str, str]


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong at Discord: what it is called, what it means, and how it is injected."""

    name: str
    about: str
    fault: Fault


TROUBLES = {
    "limited": Trouble(
        "Too many requests", "429 for the next three requests", Fault(kind="rate_limit", path=API, times=3)
    ),
    "errors": Trouble("Errors", "500 for the next five requests", Fault(kind="answer", path=API, times=5)),
    "refused": Trouble(
        "Changes refused",
        "403, missing permissions, for the next five changes",
        Fault(
            kind="answer",
            method=CHANGES,
            path=API,
            status=403,
            code=50013,
            message="Missing Permissions",
            times=5,
        ),
    ),
    "cut": Trouble(
        "Answers lost",
        "the next three changes are made, and no answer comes",
        Fault(kind="cut_after", method=CHANGES, path=API, times=3),
    ),
    "ignored": Trouble(
        "Changes ignored",
        "the next two changes are answered as done, and are not",
        Fault(kind="ignore", method="PUT|DELETE", path=f"{API}.*/members/.*/roles/", times=2),
    ),
    "slow": Trouble(
        "Slow answers", "three seconds for the next ten requests", Fault(kind="delay", path=API, times=10, seconds=3.0)
    ),
    "outage": Trouble(
        "Outage", "503 for everything until you end it", Fault(kind="answer", path=API, status=503, times=None)
    ),
}


def in_words(fault: Fault) -> str:
    """A fault that still waits for requests."""
    known = (one.name for one in TROUBLES.values() if (one.fault.kind, one.fault.status) == (fault.kind, fault.status))
    left = "until you end it" if fault.times is None else f"{fault.times} more"
    return f"{next(known, fault.kind)}: {left}"


def act(admin: Admin, form: Form) -> None:
    """Do what the pressed button says. Raises LookupError for what there is not, and ValueError for what cannot be."""
    action = ACTIONS.get(form.get("do", ""))
    if action is None:
        raise LookupError(f"there is no button {form.get('do', '')!r}")
    action(admin, form)


def _give(admin: Admin, form: Form) -> None:
    admin.change_member(form["who"], give=[form["role"]])


def _take(admin: Admin, form: Form) -> None:
    admin.change_member(form["who"], take=[form["take"]])


def _rename(admin: Admin, form: Form) -> None:
    nick = form.get("nick", "").strip()
    admin.change_member(form["who"], nick=nick or None, clear_nick=not nick)


def _join(admin: Admin, form: Form) -> None:
    if not form["who"].strip():
        raise ValueError("who joins?")
    admin.add_member(form["who"].strip())


def _create_role(admin: Admin, form: Form) -> None:
    if not form["name"].strip():
        raise ValueError("a role needs a name")
    admin.create_role(form["name"].strip())


def _change_role(admin: Admin, form: Form) -> None:
    if not form["name"].strip():
        raise ValueError("a role needs a name")
    admin.change_role(form["role"], name=form["name"].strip())


def _move(admin: Admin, form: Form, by: int) -> None:
    role = admin.state().role(form["role"])
    if role is None:
        raise LookupError(f"there is no role {form['role']!r}")
    admin.change_role(form["role"], position=max(1, role.position + by))


def _trouble(admin: Admin, form: Form) -> None:
    fault = TROUBLES[form["trouble"]].fault
    fields = {name: getattr(fault, name) for name in ("kind", "method", "path", "times", "status", "code", "message")}
    admin.inject(Fault(**fields, seconds=fault.seconds))


def _use_command(admin: Admin, form: Form) -> None:
    """Rolecall asks Discord nothing before it answers a command: it may be sent from within this request."""
    made = admin.begin_command(form["who"], form["name"], member=form.get("about"))
    status, body = admin.world.interactions.send(made.url, made.headers, made.body.encode())
    admin.command_answered(made.id, status, body.decode("utf-8", "replace"))


ACTIONS: dict[str, Callable[[Admin, Form], object]] = {
    "give": _give,
    "take": _take,
    "nick": _rename,
    "leave": lambda admin, form: admin.leave(form["who"]),
    "ban": lambda admin, form: admin.ban(form["who"]),
    "unban": lambda admin, form: admin.unban(form["who"]),
    "join": _join,
    "command": _use_command,
    "create_role": _create_role,
    "rename_role": _change_role,
    "delete_role": lambda admin, form: admin.delete_role(form["role"]),
    "up": lambda admin, form: _move(admin, form, +1),
    "down": lambda admin, form: _move(admin, form, -1),
    "trouble": _trouble,
    "calm": lambda admin, _: admin.clear_faults(),
    "token_refused": lambda admin, _: admin.turn(bot_token=REFUSED_TOKEN),
    "token_good": lambda admin, _: admin.turn(bot_token=admin.world.config.bot_token),
    "list_off": lambda admin, _: admin.turn(member_intent=False),
    "list_on": lambda admin, _: admin.turn(member_intent=True),
}
