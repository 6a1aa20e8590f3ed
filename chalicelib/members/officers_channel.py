"""Posts to the officers' channel, by a webhook: what needs a person, and once a week a line with figures.

A process with something to tell sends a message, which costs no request and waits for nothing; a worker posts it in the
webhook's turn. One post for one event: the worker remembers what was posted. If Discord does not take a post, it is
tried again for a day; nothing else waits for that. Without DISCORD_WEBHOOK_URL nothing is sent.
"""

import hashlib
import re

from chalicelib import log
from chalicelib.discord.markdown import MAX_MESSAGE, escaped
from chalicelib.errors import Failure, RolecallError, Wait
from chalicelib.members.context import Outcome
from chalicelib.messages import PostToOfficers, encode
from chalicelib.problems import Problem, ProblemKind, text
from chalicelib.queues import Progress
from chalicelib.services import Services

DAY = 86_400  # seconds
ONCE = 90 * DAY  # seconds; for what happens once, such as one hold
MAX_AGE = DAY  # seconds for which a post is tried
AGAIN = 300.0  # seconds until a post is tried again
OF_THE_SERVER = (ProblemKind.ROLE_REFUSED, ProblemKind.ROLE_LIMIT, ProblemKind.ROLE_OUT_OF_REACH)
HALTS = {
    "token_refused": (
        "**Discord refuses the bot’s token.** Nobody gets or loses a role until an operator has stored a new one: "
        "`python -m ops secrets put DISCORD_BOT_TOKEN`, then deploy."
    ),
    "address_banned": "**Discord blocks Rolecall’s calls.** They go on by themselves; nothing is lost meanwhile.",
    "too_many_invalid": "**Discord refuses too many calls.** They go on by themselves; nothing is lost meanwhile.",
}
NUMBER = re.compile(r"\d[\d,.]*")


class OfficersChannel:
    """The officers' channel of one guild. It may be asked for any number of posts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: dict[str, float] = {}  # until when an event counts as told, as far as this process knows

    # --- what is told ---

    def removals_held(self, reason: str, held_since: float) -> None:
        """A hold is open. `held_since` tells one from another."""
        said = f"**Something would be taken from too many members at once.** {_sentence(reason)}"
        self.tell(f"held:{held_since:.0f}", f"{said}\nThe officers’ page shows who would lose what.", every=ONCE)

    def sweep_problem(self, reason: str) -> None:
        """A sweep failed, or took nothing. The same with other numbers is told once a day."""
        self.tell(f"sweep:{_without_numbers(reason)}", f"**A sweep needs a hand.** {_sentence(reason)}", every=DAY)

    def problem(self, problem: Problem) -> None:
        """Something of the server's is in the way of members: told once a week, not for each of them."""
        if problem.kind in OF_THE_SERVER:
            said = f"**A role cannot be given.** {_sentence(text(problem))}"
            todo = "The officers’ page and `python -m ops doctor` say which one, and what to do."
            self.tell(f"role:{problem.reason}", f"{said}. {todo}", every=7 * DAY)

    def halted(self, reason: str) -> None:
        """All calls to Discord are stopped."""
        if reason in HALTS:
            self.tell(f"halted:{reason}", HALTS[reason], every=DAY)

    def dead_letter(self, why: str) -> None:
        """A message could not be processed."""
        said = f"**A message could not be processed.** {_sentence(why)}. `python -m ops dead-letters list` shows it."
        self.tell("dead-letters", said, every=DAY)

    def tell(self, event: str, content: str, *, every: float) -> None:
        """Have `content` posted, unless the same event was posted within the last `every` seconds."""
        now = self._services.now()
        if not self._services.settings.webhook_url or now < self._told.get(event, 0.0):
            return
        job = PostToOfficers(event=_key(event), content=content[:MAX_MESSAGE], every=every)
        self._services.queues.bulk(encode(job), Progress(trace=log.bound(), since=now))
        self._told[event] = now + every

    def was_posted(self, event: str) -> bool:
        """Whether the event was posted, and counts as told still."""
        return self._services.memory.posts.is_done(_key(event), now=self._services.now())

    # --- posting ---

    def post(self, job: PostToOfficers, *, sent_at: float | None) -> Outcome:
        """Post it, unless that was done. Raises Wait where it is to be tried again, Refused where it never can be."""
        url, now, posts = self._services.settings.webhook_url, self._services.now(), self._services.memory.posts
        if not url or not posts.begin(job.event, now=now):
            return Outcome.NOTHING
        try:
            self._services.discord.webhooks.post(url, _message(job.content))
        except RolecallError as error:
            posts.failed(job.event)
            return _untaken(error, age=now - sent_at if sent_at else 0.0)
        posts.done(job.event, now=now, seconds=job.every)
        return Outcome.DONE


def _untaken(error: RolecallError, *, age: float) -> Outcome:
    """Discord did not take a post that was sent `age` seconds ago. A failure becomes a Wait: no dead letter for it."""
    if not isinstance(error, Failure):
        raise error
    if age > MAX_AGE:
        log.error("post_given_up", why=str(error))
        return Outcome.REFUSED
    raise Wait(str(error), retry_after=AGAIN) from None


def _key(event: str) -> str:
    return hashlib.sha256(event.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _message(content: str) -> dict[str, object]:
    return {"content": content, "allowed_mentions": {"parse": []}}


def _sentence(reason: str) -> str:
    """The reason as it stands after a full stop."""
    return escaped(reason[:1].upper() + reason[1:])


def _without_numbers(reason: str) -> str:
    return NUMBER.sub("#", reason)
