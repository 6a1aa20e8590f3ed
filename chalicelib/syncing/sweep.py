"""Repairing the whole guild: survey, verdict, repair. Every step is a message, so no run is bounded by one invocation.

1. *Survey*: members as Discord lists them and links as the store holds them are both in ascending Discord id, 1000 a
   page. A merge join of the two finds who differs, in constant memory, and renews usernames on the way.
2. *Verdict*: whether the sweep may do what it found. A guild that was never swept loses nothing at first; a sweep that
   would take roles from too many stops.
3. *Repair*: those who differ become jobs, each with a ticket for the rate-limit bucket it will use and a delay until
   its turn; only as many at a time as have their turn within `HORIZON`. Those who lose something go first.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib import log
from chalicelib.discord.budget import Lane
from chalicelib.discord.client import MEMBER_GET, MEMBER_PATCH, PAGE, ROLE_GIVE, ROLE_TAKE, Asking
from chalicelib.discord.models import Guild, Member
from chalicelib.errors import IntentMissing, Ticket
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.sweeps import Difference, Sweep, Sweeps
from chalicelib.store.users import User
from chalicelib.syncing.guild import GuildView
from chalicelib.syncing.jobs import Parts, Repair, RepairMember, StartSweep, Survey, encode
from chalicelib.syncing.plan import Change, Desired, left_open, plan_change
from chalicelib.syncing.worker import Outcome, rules_of

HORIZON = 60.0  # seconds ahead that jobs are sent; what lies further ahead stays in the sweep's own pages
REFILL = 30.0  # seconds until more are sent; half the horizon, so that there is always work in the queue
FIRST_ANSWERS = 1.0  # seconds until more are sent where a bucket is not known yet
SPILL_AFTER = 120.0  # seconds of single-role work from which on PATCH shares it: faster, at one read more each
SOONEST_RESTART, LATEST_RESTART = 2.0, 240.0  # seconds between two looks whether another sweep is done
LEAST_BRAKE = 25  # members; fewer than that are never held back
MOST_EXAMPLES = 200
LAST_ID = 2**63 - 1
MAY_TAKE = "may_take"  # the flag of a guild in which sweeps may take roles
NO_LIST = "the bot's Server Members Intent is off: every linked user is looked at by itself"
OVERTAKEN = "given up for dead: it made no step for long, and another sweep began"
SWEEPING = Asking(Lane.BULK, reason="Rolecall: sweep")


@dataclass(frozen=True, slots=True)
class Pair:
    """A linked user and their member; None where the guild has no such member."""

    user: User
    member: Member | None


def merge(members: list[Member], links: Iterator[User]) -> Iterator[Pair]:
    """Join members and links, both ascending by Discord id. Members without a link are nobody's business here."""
    listed = iter(members)
    member = next(listed, None)
    for user in links:
        if user.link is None:
            continue
        while member and member.id < user.link.account.id:
            member = next(listed, None)
        yield Pair(user, member if member and member.id == user.link.account.id else None)


def brake(linked: int, percent: int) -> int:
    """How many members may lose roles in one sweep."""
    return max(LEAST_BRAKE, linked * percent // 100)


class Sweeper:
    """Starts sweeps and does their steps."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view
        self._rules = rules_of(services)
        self._guild_id = services.settings.guild_id
        self._sweeps = Sweeps(self._guild_id)

    # --- starting ---

    def start(self, parts: Parts, *, dry_run: bool = False, force: bool = False, tries: int = 0) -> dict[str, Any]:
        """Start a sweep; what is known of it at once. A dry run is done at once, as far as Discord lets it."""
        now = self._services.now()
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
        state = "surveying"
        sweep = Sweep(f"{moment}-{uuid.uuid4().hex[:8]}", parts.value, state, now, now, dry_run=dry_run, force=force)
        if dry_run:
            return self._rehearse(sweep)
        running = self._sweeps.begin(sweep)
        if running:
            return self._instead(running, parts, force=force, tries=tries)
        if force:
            self._services.memory.set_flag(MAY_TAKE, {"since": now, "by": "force"})
        self._send(Survey(sweep_id=sweep.sweep_id))
        log.info("sweep_started", sweep_id=sweep.sweep_id, parts=str(parts), force=force)
        return _shown(sweep)

    def _instead(self, running: Sweep, parts: Parts, *, force: bool, tries: int) -> dict[str, Any]:
        """Another sweep runs. If it has looked at nobody yet and does what is asked, that is it; else this one follows.

        Who asks for a sweep may rely on it that every member is looked at after that.
        """
        fresh = running.state == "surveying" and running.pages == 0
        covered = fresh and parts in Parts(running.parts) and (running.force or not force)
        if covered:
            self._send(Survey(sweep_id=running.sweep_id))  # who began it may have died; twice does no harm
        else:
            later = StartSweep(parts=parts.value, force=force, tries=tries + 1)
            self._send(later, delay=min(SOONEST_RESTART * 2 ** min(tries, 10), LATEST_RESTART))
        return _shown(running) | {"already_running": True, "queued": not covered}

    def start_later(self, job: StartSweep) -> Outcome:
        """A sweep that had to wait for another."""
        self.start(Parts(job.parts), force=job.force, tries=job.tries)
        return Outcome.DONE

    def _rehearse(self, sweep: Sweep) -> dict[str, Any]:
        page: Survey | None = Survey(sweep_id=sweep.sweep_id)
        while page:
            sweep, _, page = self._look(sweep, page)
        sweep = self._verdict(replace(sweep, state="dry_run"))
        self._sweeps.note(replace(sweep, state="dry_run"))
        return _shown(sweep) | {"dry_run": True, "state": "dry_run"}

    # --- the survey ---

    def survey(self, job: Survey, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        """One page; then the next, or the verdict. `ticket`: what the page waited for, if it had to."""
        sweep = self._current(job.sweep_id)
        if sweep is None or sweep.state != "surveying" or job.page != sweep.pages:
            return self._late(sweep, redelivered)
        sweep, found, following = self._look(sweep, job, ticket)
        if found:
            self._sweeps.keep_page(sweep.sweep_id, job.page, found, now=self._services.now())
        if following is None:
            sweep = self._verdict(sweep)
        if not self._sweeps.advance(replace(sweep, step=sweep.step + 1, updated_at=self._services.now())):
            return Outcome.NOTHING
        self._follow(replace(sweep, step=sweep.step + 1), following)
        return Outcome.DONE

    def _current(self, sweep_id: str) -> Sweep | None:
        """The sweep, if it is the one that runs. One that was given up for dead, and comes to life again, ends here."""
        running = self._sweeps.running()
        if running and running.sweep_id == sweep_id:
            return running
        sweep = self._sweeps.get(sweep_id)
        if sweep and sweep.state in ("surveying", "repairing"):
            self._sweeps.note(replace(sweep, state="failed", note=OVERTAKEN))
            log.warning("sweep_overtaken", sweep_id=sweep_id)
        return None

    def _late(self, sweep: Sweep | None, redelivered: bool) -> Outcome:
        """A step that was done already. Where its worker died right after, what follows may never have been sent."""
        if not (sweep and redelivered):
            return Outcome.NOTHING
        following = Survey(sweep_id=sweep.sweep_id, page=sweep.pages, after=sweep.cursor)
        self._follow(sweep, following if sweep.state == "surveying" else None)
        return Outcome.DONE

    def _follow(self, sweep: Sweep, following: Survey | None) -> None:
        if following:
            self._send(following)
        elif sweep.state == "repairing":
            self._send(Repair(sweep_id=sweep.sweep_id, step=sweep.step, phase=0 if sweep.losing or sweep.gone else 1))
        else:
            self._finish(sweep)

    def _look(
        self, sweep: Sweep, job: Survey, ticket: Ticket | None = None
    ) -> tuple[Sweep, list[Difference], Survey | None]:
        """Compare one page. Gives the sweep with what was counted, who differs, and the next page if there is one."""
        after = job.after
        if job.page == 0:
            first = next(users.links_between(self._guild_id, 0, LAST_ID, most=1), None)
            if first is None or first.link is None:
                return replace(sweep, pages=1), [], None
            after = first.link.account.id - 1
        try:
            members = self._services.discord.members(after, replace(SWEEPING, ticket=ticket))
        except IntentMissing:
            return self._look_without_list(sweep, job, after)
        last = members[-1].id if len(members) == PAGE else LAST_ID
        guild = self._guild(job, members, replace(SWEEPING, ticket=ticket))
        found: list[Difference] = []
        linked = 0
        for pair in merge(members, users.links_between(self._guild_id, after, last)):
            linked += 1
            difference, example = self._compare(pair, guild, sweep)
            if difference:
                found.append(difference)
            if example and len(sweep.examples) < MOST_EXAMPLES:
                sweep.examples.append(example)
        more = last < LAST_ID and next(users.links_between(self._guild_id, last, LAST_ID, most=1), None) is not None
        sweep = _counted(sweep, members, linked, found)
        following = Survey(sweep_id=sweep.sweep_id, page=job.page + 1, after=last) if more else None
        return replace(sweep, cursor=last), found, following

    def _look_without_list(
        self, sweep: Sweep, job: Survey, after: int
    ) -> tuple[Sweep, list[Difference], Survey | None]:
        """Discord refuses to list members (the GUILD_MEMBERS intent is off): a job for every linked user instead."""
        if job.page == 0:
            self._view.refresh(SWEEPING)  # raises where the bot is not in the guild, which is refused alike
        log.warning("member_intent_missing", cure="Discord developer portal → Bot → Server Members Intent")
        links = list(users.links_between(self._guild_id, after, LAST_ID, most=PAGE))
        found = [Difference(user.user_id, str(user.link.account.id), user.version) for user in links if user.link]
        sweep = replace(_counted(sweep, [], len(found), found), note=NO_LIST)
        if len(links) < PAGE:
            return sweep, found, None
        last = int(found[-1].discord_id)
        return replace(sweep, cursor=last), found, Survey(sweep_id=sweep.sweep_id, page=job.page + 1, after=last)

    def _guild(self, job: Survey, members: list[Member], asking: Asking) -> Guild:
        """The guild's facts: fresh for the first page, with the bot's own roles from the list where it is on it."""
        if job.page > 0:
            return self._view.facts(asking)
        app_id = self._services.settings.app_id
        bot_roles = next((member.roles for member in members if member.id == app_id), None)
        return self._view.refresh(asking, bot_roles=bot_roles)

    def _compare(self, pair: Pair, guild: Guild, sweep: Sweep) -> tuple[Difference | None, dict[str, Any] | None]:
        user, member = pair.user, pair.member
        if user.link is None or (member is None and user.link.joining_until > self._services.now()):
            return None, None
        discord_id = str(user.link.account.id)
        if member is None:
            shown = {"user_id": user.user_id, "discord_id": discord_id, "left": True}
            return Difference(user.user_id, discord_id, user.version, gone=True), shown
        parts = Parts(sweep.parts)
        if Parts.USERNAME in parts and not sweep.dry_run:
            self._renew_username(user, member)
        change = plan_change(
            member,
            Desired(user.groups, user.nickname),
            guild,
            self._rules,
            parts=parts,
            remembered=self._view.remembered,
        )
        if not sweep.dry_run:
            self._note_problem(user, change, parts)
        if not change:
            return None, None
        one = None if change.create else change.only_role
        difference = Difference(
            user_id=user.user_id,
            discord_id=discord_id,
            version=user.version,
            give=len(change.give) + len(change.create),
            take=len(change.take),
            nickname=change.nickname is not None,
            role=str(one[0]) if one else None,
        )
        return difference, _example(user, member, change, guild)

    def _renew_username(self, user: User, member: Member) -> None:
        if user.link is None or member.user == user.link.account or not users.rename(user, member.user):
            return
        known = user.link.account.shown
        if known and known != member.user.shown:
            now = self._services.now()
            self._services.notices.username_changed(user.user_id, member.id, member.user.shown, now=now)

    def _note_problem(self, user: User, change: Change, parts: Parts) -> None:
        """Report what no sweep can cure, once; and that it is cured."""
        if user.link is None or (change.problem or left_open(user.last_error, parts)) == user.last_error:
            return
        now, account = self._services.now(), user.link.account
        if change.problem and users.mark_failed(user, change.problem):
            self._services.notices.sync_failed(user.user_id, account.id, account.shown, change.problem, now=now)
        elif not change.problem and not change:
            users.mark_synced(user, now=now)

    # --- the verdict ---

    def _verdict(self, sweep: Sweep) -> Sweep:
        """May the sweep do what it found?"""
        if sweep.differing == 0:
            self._allow_taking(sweep)
            return replace(sweep, state="done")
        may_take = sweep.force or self._services.memory.flag(MAY_TAKE) is not None
        unseen = sweep.note == NO_LIST and Parts.GROUPS in Parts(sweep.parts)  # nobody knows who would lose roles
        most = brake(sweep.linked, self._services.settings.sweep_brake_percent)
        if sweep.gone + (sweep.losing if may_take else 0) > most and not sweep.force:
            note = (
                f"stopped: of {sweep.linked} members it would take roles from {sweep.losing} and unlink {sweep.gone} "
                f'who seem to have left, more than {most} in all. To let it, run it with {{"force": true}}'
            )
            return self._held_back(replace(sweep, state="held", may_take=False, note=note))
        if sweep.losing == 0 and not unseen:
            self._allow_taking(sweep)
            return replace(sweep, state="repairing")
        if not may_take:
            losing = "an unknown number" if unseen else sweep.losing
            note = (
                f"first sweep of this guild: it gives what is missing and takes nothing. It would take roles from "
                f'{losing} of {sweep.linked} members. To let sweeps take roles, run one with {{"force": true}}'
                f"{f' ({NO_LIST})' if unseen else ''}"
            )
            return self._held_back(replace(sweep, state="repairing", may_take=False, note=note))
        return replace(sweep, state="repairing")

    def _allow_taking(self, sweep: Sweep) -> None:
        """A whole survey of roles that would take none: the guild agrees with the auth site, later sweeps may take."""
        looked = sweep.linked and not sweep.dry_run and Parts.GROUPS in Parts(sweep.parts) and sweep.note != NO_LIST
        if looked and self._services.memory.flag(MAY_TAKE) is None:
            self._services.memory.set_flag(MAY_TAKE, {"since": self._services.now(), "by": sweep.sweep_id})

    def _held_back(self, sweep: Sweep) -> Sweep:
        log.warning("sweep_held_back", sweep_id=sweep.sweep_id, losing=sweep.losing, linked=sweep.linked)
        if not sweep.dry_run:
            self._services.metrics.count("SweepsHeld")
            self._services.notices.sync_failed("", None, None, f"sweep {sweep.note}", now=self._services.now())
        return sweep

    # --- the repair ---

    def repair(self, job: Repair, *, redelivered: bool) -> Outcome:
        """Send the jobs whose turn is near; then wait, go on, or finish."""
        sweep = self._current(job.sweep_id)
        if sweep and sweep.state == "done" and redelivered:
            self._finish(sweep)  # its worker died right after the last step
            return Outcome.DONE
        if sweep is None or sweep.state != "repairing":
            return Outcome.NOTHING
        if job.step != sweep.step and not (redelivered and job.step == sweep.step - 1):
            return Outcome.NOTHING
        job, waiting = self._next_waiting(job, sweep)
        count, jobs, known = self._appoint(sweep, waiting)
        self._services.queues.bulk_many(jobs)
        sweep = replace(
            sweep,
            step=job.step + 1,
            sent=sweep.sent + count,
            singles=sweep.singles - sum(one.role is not None for one in waiting[:count]),
            updated_at=self._services.now(),
        )
        following = self._next_repair(job, sweep, count, page_done=count == len(waiting))
        if following is None:
            sweep = replace(sweep, state="done")
        self._sweeps.advance(sweep)
        if following:
            pause = REFILL if known else FIRST_ANSWERS
            self._send(following, delay=0.0 if count == len(waiting) else pause)
        else:
            self._finish(sweep)
        return Outcome.DONE

    def _next_waiting(self, job: Repair, sweep: Sweep) -> tuple[Repair, list[Difference]]:
        """The page from `job` on that somebody waits on; the last one where nobody does."""
        while True:
            waiting = self._waiting(job, sweep)
            following = None if waiting else self._next_repair(job, sweep, 0, page_done=True)
            if following is None:
                return job, waiting
            job = following

    def _waiting(self, job: Repair, sweep: Sweep) -> list[Difference]:
        """Who of the page has not been sent yet in this phase. Where nothing may be taken, losing nothing is left."""
        found = self._sweeps.page(sweep.sweep_id, job.page)
        if not sweep.may_take:
            found = [one for one in found if one.give or one.nickname or one.gone or not one.take]
        first = [one for one in found if one.take or one.gone]
        others = [one for one in found if not (one.take or one.gone)]
        return (first if job.phase == 0 else others)[job.offset :]

    def _next_repair(self, job: Repair, sweep: Sweep, count: int, *, page_done: bool) -> Repair | None:
        here = Repair(sweep_id=job.sweep_id, step=sweep.step, phase=job.phase, page=job.page, offset=job.offset + count)
        if not page_done:
            return here
        further = [page for page in sweep.pages_found if page > job.page]
        if further:
            return Repair(sweep_id=job.sweep_id, step=sweep.step, phase=job.phase, page=further[0])
        if job.phase == 0:
            return Repair(sweep_id=job.sweep_id, step=sweep.step, phase=1)
        return None

    def _appoint(
        self, sweep: Sweep, waiting: list[Difference]
    ) -> tuple[int, list[tuple[bytes, Progress, float]], bool]:
        """Jobs for the first few of `waiting`, each with its ticket; how many; whether all buckets are known."""
        spending, now = self._services.discord.spending, self._services.now()
        possible = sorted({route for one in waiting for route in _routes(one, spill=True)})
        spending.look(possible)
        singles = [spending.seconds_each(route) for route in possible if route in (ROLE_GIVE, ROLE_TAKE)]
        spill = sweep.singles * max(singles, default=0.0) > SPILL_AFTER
        routes = [_routes(one, spill=spill) for one in waiting]
        room = {
            route: spending.forecast(route, Lane.BULK, most=len(waiting), horizon=HORIZON)
            for route in sorted({route for several in routes for route in several})
        }
        chosen: list[str] = []
        for several in routes:
            best = max(several, key=lambda route: room[route])
            if room[best] <= 0:
                break
            for other in room:
                room[other] -= spending.bucket_of(other) == spending.bucket_of(best)
            chosen.append(best)
        tickets = {
            route: iter(spending.tickets(route, Lane.BULK, chosen.count(route))) for route in sorted(set(chosen))
        }
        jobs = []
        for one, route in zip(waiting, chosen, strict=False):
            ticket, due = next(tickets[route])
            progress = Progress(trace=f"{sweep.sweep_id}/{one.user_id}"[:120], since=now, ticket=ticket, due=due)
            jobs.append((encode(_job(sweep, one)), progress, max(0.0, due - now)))
        return len(chosen), jobs, all(spending.is_known(route) for route in room)

    # --- the end ---

    def _finish(self, sweep: Sweep) -> None:
        self._sweeps.finish(sweep)
        took = sweep.updated_at - sweep.started_at
        self._services.metrics.seconds("SweepSeconds", took)
        self._services.metrics.count("SweepDifferences", sweep.differing)
        if sweep.state == "failed":
            self._services.metrics.count("SweepsFailed")
        log.info("sweep_" + sweep.state, **_shown(sweep, examples=False), seconds=round(took, 1))

    def fail(self, sweep_id: str, why: str) -> None:
        """A step could not be done, for good."""
        sweep = self._sweeps.get(sweep_id)
        if sweep is None:
            return
        sweep = replace(sweep, state="failed", note=why, step=sweep.step + 1, updated_at=self._services.now())
        self._sweeps.advance(sweep)
        self._services.notices.sync_failed("", None, None, f"sweep failed: {why}", now=self._services.now())
        self._finish(sweep)

    def _send(self, job: Survey | Repair | StartSweep, *, delay: float = 0.0) -> None:
        sweep_id = getattr(job, "sweep_id", "sweep")
        self._services.queues.bulk(encode(job), Progress(trace=sweep_id, since=self._services.now()), delay=delay)


def _routes(one: Difference, *, spill: bool) -> tuple[str, ...]:
    """The routes that could mend this member. With `spill`, PATCH shares the work of the single-role bucket."""
    if one.gone or not (one.give or one.take or one.nickname):
        return (MEMBER_GET,)
    if one.role is None:
        return (MEMBER_PATCH,)
    single = ROLE_GIVE if one.give else ROLE_TAKE
    return (single, MEMBER_PATCH) if spill else (single,)


def _job(sweep: Sweep, one: Difference) -> RepairMember:
    return RepairMember(
        user_id=one.user_id,
        sweep_id=sweep.sweep_id,
        parts=sweep.parts,
        version=one.version,
        role=int(one.role) if one.role and (one.give or sweep.may_take) else None,
        give=bool(one.give),
        take=sweep.may_take,
    )


def _counted(sweep: Sweep, members: list[Member], linked: int, found: list[Difference]) -> Sweep:
    return replace(
        sweep,
        pages=sweep.pages + 1,
        pages_found=[*sweep.pages_found, sweep.pages] if found else sweep.pages_found,
        members=sweep.members + len(members),
        linked=sweep.linked + linked,
        differing=sweep.differing + len(found),
        losing=sweep.losing + sum(one.take > 0 for one in found),
        gone=sweep.gone + sum(one.gone for one in found),
        singles=sweep.singles + sum(one.role is not None for one in found),
    )


def _example(user: User, member: Member, change: Change, guild: Guild) -> dict[str, Any]:
    def names(role_ids: frozenset[int]) -> list[str]:
        return sorted(guild.by_id[role_id].name for role_id in role_ids)

    return {
        "user_id": user.user_id,
        "discord_id": str(member.id),
        "username": member.user.shown,
        "give": [*names(change.give), *change.create],
        "take": names(change.take),
        **({"nickname": {"from": member.nick, "to": change.nickname}} if change.nickname is not None else {}),
    }


def _shown(sweep: Sweep, *, examples: bool = True) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "sweep_id": sweep.sweep_id,
        "state": sweep.state,
        "parts": [part.name.lower() for part in Parts(sweep.parts) if part.name],
        "members": sweep.members,
        "linked": sweep.linked,
        "differing": sweep.differing,
        "would_lose_roles": sweep.losing,
        "left": sweep.gone,
        "may_take": sweep.may_take,
        "note": sweep.note,
    }
    return shown | {"would_change": sweep.examples} if examples else shown
