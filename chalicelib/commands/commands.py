"""What each command does. Most are answered at once, from what is stored and what Discord sent along.

Discord waits three seconds. Where it must be asked first, the answer is deferred, and a message on the queue brings it:
https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type
"""

from datetime import UTC, datetime
from typing import Any

from chalicelib import log
from chalicelib.commands.interaction import Interaction, Name
from chalicelib.commands.replies import THINKING, ephemeral, message_of
from chalicelib.commands.texts import explained_card, own_card
from chalicelib.discord.markdown import escaped
from chalicelib.discord.models import Account, Member
from chalicelib.errors import Failure, RolecallError, Wait
from chalicelib.members.context import Outcome
from chalicelib.members.current_standing import current_standing, explain_linked
from chalicelib.members.guild import GuildView
from chalicelib.members.refresh import REFRESHED, TOO_SOON, ask_for_refresh
from chalicelib.members.words import Words
from chalicelib.messages import AnswerCommand, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import interactions, users
from chalicelib.store.interactions import Pending
from chalicelib.store.users import Link, User

TOKEN_LIFE = 14 * 60.0  # seconds; Discord forgets the token after 15 minutes
AFTER_ANSWER = 1.0  # seconds until the queue brings what was deferred: Discord must have had the first answer by then
AGAIN = 10.0  # seconds until an answer is brought again that Discord did not take, as long as its token lives
SWIFTLY = 15.0  # seconds after a command in which Discord may still be at its first answer


class Commands:
    """Answers the commands of one guild."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view

    def answer(self, interaction: Interaction) -> dict[str, Any]:
        """Discord's answer to a command, as JSON. Asks nobody but the store."""
        words = Words(interaction.language)
        log.info("command", command=interaction.name[:32], by=interaction.caller.id if interaction.caller else None)
        refused = _refusal(interaction, words)
        if refused:
            return ephemeral(refused)
        if interaction.name == Name.REFRESH:
            return ephemeral(self._refresh(interaction, words))
        pending = _pending(interaction, now=self._services.now())
        if self._view.is_fresh():
            return ephemeral(self._text(pending))
        return self._defer(interaction, pending)

    def finish(self, job: AnswerCommand) -> Outcome:
        """Bring a deferred answer. Raises RolecallError where Discord does not take it."""
        now = self._services.now()
        pending = interactions.find(job.interaction_id, now=now)
        if pending is None:
            return Outcome.NOTHING
        message, early = message_of(self._text(pending)), now - pending.asked_at < SWIFTLY
        try:
            self._services.discord.webhooks.edit_answer(pending.token, message, may_be_early=early)
        except Failure as error:  # no dead letter: a member who still wants to know asks again
            raise Wait(str(error), retry_after=AGAIN) from None
        interactions.answered(job.interaction_id)
        return Outcome.DONE

    def _defer(self, interaction: Interaction, pending: Pending) -> dict[str, Any]:
        """The secret stays in the table; the queue carries its key."""
        interactions.keep(interaction.id, pending)
        progress = Progress(trace=log.bound(), since=self._services.now())
        self._services.queues.bulk(encode(AnswerCommand(interaction_id=interaction.id)), progress, delay=AFTER_ANSWER)
        return THINKING

    # --- what is said ---

    def _refresh(self, interaction: Interaction, words: Words) -> str:
        user = self._linked(interaction.caller.id) if interaction.caller else None
        if user is None:
            return words("not_linked")
        return words(REFRESHED if ask_for_refresh(self._services, user.user_id) else TOO_SOON)

    def _text(self, pending: Pending) -> str:
        words, account = Words(pending.language), _account(pending)
        user = self._linked(account.id)
        if pending.name == Name.WHOIS:
            return self._explained(words, account, user, pending)
        if user is None or user.link is None:
            return words("not_linked")
        return self._own(words, user, user.link, pending)

    def _own(self, words: Words, user: User, link: Link, pending: Pending) -> str:
        standing = current_standing(self._services, self._view, user, link, _member(pending), seen=True, asked=False)
        return own_card(
            words,
            standing,
            account=link.account.shown or words("your_account"),
            since=_day(link.activated_at, words),
            server=self._view.known.name if self._view.known else "",
            leaving=words("leaving", until=_day(user.goes_at, words)) if user.goes_at else "",
        )

    def _explained(self, words: Words, account: Account, user: User | None, pending: Pending) -> str:
        if user is None or user.link is None:
            return words("nobody_linked", account=f"**{escaped(account.shown)}**")
        try:
            explanation = explain_linked(self._services, self._view, user, user.link, _member(pending))
        except RolecallError as error:
            log.warning("guild_not_seen", why=str(error))
            return words("unknown_command")
        since = words("linked_since", date=_day(user.link.activated_at, words))
        return explained_card(words, explanation, account=account.shown, user_id=user.user_id, since=since)

    def _linked(self, discord_id: int) -> User | None:
        """The user to whom the account is linked in this guild."""
        user = users.of_account(discord_id, now=self._services.now())
        linked_here = user is not None and user.link is not None and self._view.is_its_own(user.link)
        if user and linked_here:
            log.about(user.user_id)
        return user if linked_here else None


def _refusal(interaction: Interaction, words: Words) -> str:
    """Why the command is not done; empty if it is. Discord's own setting may let others see `/whois`: it is checked."""
    if interaction.name not in set(Name) or interaction.caller is None:
        return words("no_such_command")
    if interaction.name == Name.WHOIS and not interaction.may_manage_roles:
        return words("not_allowed")
    if interaction.name == Name.WHOIS and interaction.target_id is None:
        return words("nobody_named")
    return ""


def _pending(interaction: Interaction, *, now: float) -> Pending:
    """Everything that the answer needs, now or later."""
    of_caller = interaction.name != Name.WHOIS
    member = interaction.caller if of_caller else interaction.target
    discord_id = member.id if member else interaction.target_id
    return Pending(
        name=interaction.name,
        language=interaction.language,
        discord_id=str(discord_id),
        username=member.user.username if member else "",
        discriminator=member.user.discriminator if member else "0",
        present=member is not None,
        roles=tuple(map(str, sorted(member.roles))) if member else (),
        nickname=member.nick if member else None,
        asked_at=now,
        until=now + TOKEN_LIFE,
        token=interaction.token,
    )


def _account(pending: Pending) -> Account:
    return Account(int(pending.discord_id), pending.username, pending.discriminator)


def _member(pending: Pending) -> Member | None:
    """The member as Discord showed them in the command."""
    if not pending.present:
        return None
    return Member(_account(pending), pending.nickname, frozenset(map(int, pending.roles)))


def _day(moment: float, words: Words) -> str:
    return words.day(datetime.fromtimestamp(moment, UTC).date())
