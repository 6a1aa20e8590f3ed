"""The request that lets a person into the guild, and what is known after it."""

from dataclasses import replace
from enum import StrEnum

from chalicelib import log
from chalicelib.discord.errors import is_about_content
from chalicelib.discord.models import Member
from chalicelib.errors import (
    DiscordUnavailable,
    NotPermitted,
    Reason,
    Refused,
    RolecallError,
    UnknownMember,
    UnknownRole,
    Wait,
)
from chalicelib.linking.context import JOIN_OPTIONS, LINK_CONTEXT
from chalicelib.linking.oauth import Authorisation
from chalicelib.linking.refusals import JoinUnknown
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.members.reporter import JOINED, PERHAPS_JOINED, Reporter
from chalicelib.services import Services
from chalicelib.store import audit, users

MIN_JOIN_TIME = 8.0  # seconds that must be left to send the request: one without an answer may take effect all the same


class JoinOutcome(StrEnum):
    """What is known of a person after the request to join."""

    JOINED = "joined"  # with all that the request gave
    JOINED_BARE = "joined_bare"  # without roles and nickname
    PERHAPS_JOINED = "perhaps_joined"  # they are a member; Discord did not say since when, or with what
    ALREADY_MEMBER = "already_member"  # the request changed nothing


class JoinRequest:
    """Sends the request and has it recorded in the audit trail."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view
        self._reporter = Reporter(services, view)

    def send(
        self, user: users.User, authorisation: Authorisation, change: Change
    ) -> tuple[JoinOutcome, audit.Entry | None]:
        """Let the person in with the roles and the nickname of `change`, or without them if Discord refuses those.

        A role that was deleted, or a nickname that may not be set, must keep nobody out. Returns the entry of the audit
        trail that the caller has to record, if they joined with all that: what follows then is a record, too. Raises
        JoinUnknown if Discord does not say whether they are a member now.
        """
        try:
            return self._send_once(user, authorisation, change)
        except Refused as refused:
            asks = bool(change.give) or change.nickname is not None
            if not isinstance(refused, UnknownRole | NotPermitted) and not (asks and is_about_content(refused)):
                raise
            log.warning("joins_bare", discord_id=authorisation.user.id, code=refused.code)
        self._view.refresh(JOIN_OPTIONS)
        outcome, entry = self._send_once(user, authorisation, replace(change, give=frozenset(), nickname=None))
        if entry:
            self._reporter.joined(entry)
        return JoinOutcome.JOINED_BARE if outcome is JoinOutcome.JOINED else outcome, None

    def _send_once(
        self, user: users.User, authorisation: Authorisation, change: Change
    ) -> tuple[JoinOutcome, audit.Entry | None]:
        if self._services.discord.seconds_left < MIN_JOIN_TIME:
            raise Wait("too little time is left to let them in")
        account = authorisation.user
        newcomer = Member(account, None, frozenset())
        # Made before the request, while the roles still have these names.
        entry = replace(self._reporter.entries.change(user, newcomer, change, LINK_CONTEXT), what=JOINED)
        try:
            joined = self._services.discord.join(
                account.id, authorisation.access_token, change.give, change.nickname, JOIN_OPTIONS
            )
        except DiscordUnavailable as error:
            return self._after_no_clear_answer(error, account.id, entry), None
        return (JoinOutcome.JOINED, entry) if joined else (JoinOutcome.ALREADY_MEMBER, None)

    def _after_no_clear_answer(self, error: DiscordUnavailable, discord_id: int, entry: audit.Entry) -> JoinOutcome:
        """Find out whether the request took effect. Raises `error` if it did not and never will."""
        is_member = self._is_member(discord_id) if error.answered else None
        if error.undone or is_member is False:
            raise error
        self._reporter.joined(replace(entry, what=PERHAPS_JOINED))
        if is_member is None:
            raise JoinUnknown(Reason.DISCORD_UNAVAILABLE, str(error)) from error
        return JoinOutcome.PERHAPS_JOINED

    def _is_member(self, discord_id: int) -> bool | None:
        """Whether the account is a member; None if Discord does not say."""
        try:
            self._services.discord.member(discord_id, JOIN_OPTIONS)
        except UnknownMember:
            return False
        except RolecallError:
            return None
        return True
