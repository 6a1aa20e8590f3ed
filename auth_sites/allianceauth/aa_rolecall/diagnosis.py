"""Is everything set up right? What is wrong, and how to fix it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import requests
from allianceauth.authentication.models import State
from django.contrib.auth.models import Group, User
from django.core.checks import CheckMessage

from . import app_settings, checks, contract, queues, rolecall
from .app_settings import Server
from .clock import now_ms
from .models import Change, accounts_of
from .queues import QueueUnavailable
from .rolecall import RolecallUnavailable

NOBODY = "0"  # a user who cannot exist
PROBE = "rolecall-check"  # the user of a message that changes nothing
MAX_SKEW = 60  # seconds that the clocks may differ; a token from the future is refused
MAX_AGE = 300  # seconds that a change may wait; it should be out within a minute


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Without `fix` it is as it should be."""

    text: str
    fix: str = ""

    @property
    def fine(self) -> bool:
        """Is there nothing to do?"""
        return not self.fix


def diagnose() -> Iterator[Finding]:
    """Look at all of it, server by server."""
    yield from (_of_check(found) for found in _system_checks())
    for server in app_settings.servers():
        for look in (_address, _secret, _jobs_queue, _notices_queue, _permission, _outbox):
            yield from _guarded(look, server)


def _system_checks() -> list[CheckMessage]:
    return [*checks.check_settings(), *checks.check_own_service(), *checks.check_schedule()]


def _of_check(found: CheckMessage) -> Finding:
    return Finding(f"{found.id}: {found.msg}", found.hint or "See the README of aa-rolecall.")


def _guarded(look: Callable[[Server], Iterator[Finding]], server: Server) -> Iterator[Finding]:
    for found in look(server):
        yield Finding(f"{server.title}: {found.text}", found.fix)


def _address(server: Server) -> Iterator[Finding]:
    try:
        answer = requests.get(f"{server.url}/health", timeout=rolecall.READ_TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        yield Finding(
            f"Rolecall cannot be reached ({type(error).__name__}).", "Check ROLECALL_URL and this machine's way out."
        )
        return
    if answer.status_code != requests.codes.ok:
        yield Finding(
            f"ROLECALL_URL answers {answer.status_code}, not as Rolecall does.",
            "It is the address that `make deploy` printed, without /discord and without a slash at its end.",
        )
        return
    yield Finding("Rolecall answers.")
    yield from _clock(answer)


def _clock(answer: requests.Response) -> Iterator[Finding]:
    try:
        skew = time.time() - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return
    if abs(skew) > MAX_SKEW:
        yield Finding(f"The clocks differ by {skew:.0f} s.", "Set this machine's clock by NTP: tokens carry the time.")
    else:
        yield Finding("The clocks agree.")


def _secret(server: Server) -> Iterator[Finding]:
    if not server.secret:
        return
    try:
        status = rolecall.request_account(server, NOBODY).status_code
    except RolecallUnavailable:
        return
    if status == requests.codes.not_found:
        yield Finding("Rolecall accepts our tokens.")
    elif status == requests.codes.unauthorized:
        yield Finding(
            "Rolecall does not accept our tokens.",
            "ROLECALL_AUTH_SITE_SECRET and Rolecall's AUTH_SITE_SECRET differ: store it again with `make secrets`, "
            "then `make deploy`.",
        )
    else:
        yield Finding(f"Reading an account is answered by {status}.", "Look into Rolecall's log, and run its `doctor`.")


def _jobs_queue(server: Server) -> Iterator[Finding]:
    try:
        taken = queues.send(server, [contract.update_username(PROBE)])
    except QueueUnavailable as error:
        yield Finding(f"The jobs queue takes no message ({error}).", _queue_fix("JOBS"))
        return
    yield (
        Finding("The jobs queue takes messages.")
        if taken
        else Finding("The jobs queue refused a message.", _queue_fix("JOBS"))
    )


def _notices_queue(server: Server) -> Iterator[Finding]:
    try:
        queues.receive(server, wait=0, hide=0)
    except QueueUnavailable as error:
        yield Finding(f"The notices queue cannot be read ({error}).", _queue_fix("NOTICES"))
    else:
        yield Finding("The notices queue can be read.")


def _queue_fix(name: str) -> str:
    return (
        f"Check ROLECALL_{name}_QUEUE_URL and the access key; and that Rolecall was deployed with "
        "AUTH_SITE=<ARN of that key's user>."
    )


def _permission(server: Server) -> Iterator[Finding]:
    app, _, codename = server.permission.partition(".")
    same = {"content_type__app_label": app, "codename": codename}
    held = {f"permissions__{name}": value for name, value in same.items()}
    own = {f"user_permissions__{name}": value for name, value in same.items()}
    count = (
        State.objects.filter(**held).count() + Group.objects.filter(**held).count() + User.objects.filter(**own).count()
    )
    if count:
        yield Finding(f"{count} states, groups or users hold {server.permission}.")
    else:
        yield Finding(
            f"Nobody holds {server.permission}: only superusers can link.",
            "Give it to a state on the admin site, or move in with `manage.py rolecall_move_in`.",
        )


def _outbox(server: Server) -> Iterator[Finding]:
    oldest = Change.objects.filter(server=server.key).order_by("at").values_list("at", flat=True).first()
    linked = accounts_of(server.key).filter(uid__isnull=False).count()
    age = 0 if oldest is None else (now_ms() - oldest) // 1000
    if age > MAX_AGE:
        yield Finding(
            f"A change has been waiting for {age} s.",
            "Is a Celery worker running, and beat? Look into their logs for aa_rolecall.",
        )
    else:
        yield Finding(f"{linked} accounts are linked; no change waits for longer than {MAX_AGE} s.")
