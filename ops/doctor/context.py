"""What several checks read, read once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.discord.halts import SharedState
from chalicelib.discord.models import Guild, Role
from chalicelib.members.guild import role_policy
from chalicelib.members.roles import RolePolicy
from chalicelib.outages import AWS_ERRORS
from chalicelib.settings import Settings
from chalicelib.store.guild import GuildMemory
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.sweeps import Sweeps
from ops import outages, store
from ops.aws_access import ERRORS
from ops.discord import Answer, Probe
from ops.outages import READ_SWEEPS, Outage
from ops.queues import WORK, look_at
from ops.stage import Stage, without
from ops.stages import CONFIG


@dataclass
class DoctorContext:
    """The stage that is being checked. One method for each thing that several checks read, most of them properties."""

    stage: Stage
    stages_file: Path = CONFIG

    @cached_property
    def settings(self) -> Settings:
        """All settings; an optional setting with a bad value has its default. Raises BadSettings."""
        environment = self.stage.deployed | self.stage.shell
        return self.stage.load(without(environment, self.stage.faults(environment)))

    def command(self, words: str) -> str:
        """Return an operator's command as it is typed for this stage."""
        return self.stage.command(words)

    @property
    def deploy(self) -> str:
        """The command that deploys settings and code to the functions."""
        return self.stage.deploy

    @property
    def revert(self) -> str:
        """The command that also puts back what was changed or deleted by hand of what CloudFormation made. It leaves
        alone what its template says as before.
        """
        return f"{self.stage.deploy} REVERT_DRIFT=1"

    @cached_property
    def role_policy(self) -> RolePolicy:
        """The role policy that the settings describe."""
        return role_policy(self.settings)

    # --- Discord ---

    @cached_property
    def probe(self) -> Probe:
        """Sends requests to Discord."""
        return Probe(self.settings)

    @cached_property
    def application(self) -> Answer:
        """The application as its bot sees it."""
        return self.probe.get("/applications/@me")

    @cached_property
    def guild(self) -> Answer:
        """The guild as Discord describes it."""
        return self.probe.get(f"/guilds/{self.settings.guild_id}?with_counts=true")

    @cached_property
    def bot(self) -> Answer:
        """The bot as a member. Applications older than 2016 have a bot with an id of its own."""
        bot_id = (self.application.body.get("bot") or {}).get("id", self.settings.app_id)
        return self.probe.get(f"/guilds/{self.settings.guild_id}/members/{bot_id}")

    @cached_property
    def bot_roles(self) -> list[dict[str, Any]]:
        """The roles of the bot, including @everyone."""
        held = {*self.bot.body["roles"], str(self.settings.guild_id)}
        return [role for role in self.guild.body["roles"] if role["id"] in held]

    @cached_property
    def ranks(self) -> Guild:
        """The guild with its roles in order."""
        body = self.guild.body
        roles = tuple(
            Role(int(role["id"]), role["name"], role["position"], bool(role.get("managed"))) for role in body["roles"]
        )
        held = frozenset(int(role_id) for role_id in self.bot.body["roles"])
        return Guild(int(body["id"]), body["name"], int(body["owner_id"]), roles, held)

    @property
    def bot_role(self) -> str:
        """The name of the bot's own role: the one Discord made for it, else its highest."""
        held = [self.ranks.by_id[role_id] for role_id in self.ranks.bot_roles if role_id in self.ranks.by_id]
        return max(held, key=lambda role: (role.managed, role.rank)).name if held else ""

    # --- the queues ---

    @cached_property
    def waiting(self) -> int | None:
        """How many messages wait for work; None if SQS does not say."""
        try:
            found = [look_at(self.stage.client("sqs"), self.stage.queue(short)) for short in WORK]
        except AWS_ERRORS:
            return None
        return sum(queue.total for queue in found if queue)

    # --- the store ---

    @cached_property
    def halts(self) -> SharedState:
        """What stops calls to Discord, and whether it answers, as the functions recorded it."""
        self.stage.connect()
        return DynamoHaltStore(self.settings.app_id, self.settings.guild_id).shared_state()

    @property
    def away(self) -> Outage | None:
        """Discord's outage, if the functions recorded one and the record can be read."""
        try:
            return outages.of_discord(self.halts)
        except ERRORS:
            return None

    @cached_property
    def no_list_since(self) -> float | None:
        """Since when sweeps get no list of members; None if they get it, or if it cannot be read."""
        self.stage.connect()
        try:
            return outages.no_list_since(Sweeps(self.settings.guild_id).latest(READ_SWEEPS))
        except ERRORS:
            return None

    @cached_property
    def memory(self) -> GuildMemory:
        """What the store remembers about the guild."""
        self.stage.connect()
        return GuildMemory(self.settings.guild_id)

    @cached_property
    def links(self) -> store.Links:
        """All links, counted."""
        self.stage.connect()
        return store.look_through(self.settings.guild_id)

    @cached_property
    def group_names(self) -> frozenset[str]:
        """The names of all roles that stand for known groups of the auth site, without reserved ones."""
        names = self.role_policy.names_of([*self.links.groups, *self.memory.role_ids()])
        return frozenset(name for name in names if not self.role_policy.reserves(name))
