"""Slash commands: who may use which, the signed request of an interaction, and what became of its answer.

https://discord.com/developers/docs/interactions/receiving-and-responding
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from simcord.backend.models import Member as SimMember
from simcord.backend.models import User

from local.discord.config import ADMINISTRATOR, Config
from local.discord.guild import GuildModel
from local.discord.keys import signature
from local.discord.payloads import member_payload, user_payload
from local.discord.views import CommandRequest, Shown

PING, COMMAND = 1, 2
PONG, MESSAGE, DEFERRED = 1, 4, 5
EPHEMERAL = 1 << 6
TOKEN_LIFE = 900.0  # seconds
MAX_CONTENT = 2000  # characters
ALL_PERMISSIONS = (1 << 50) - 1
CHANNEL = "1400000000000000001"
Send = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]  # address, headers, body → status, body


@dataclass(frozen=True)
class _Open:
    """An interaction whose token is good until then."""

    token: str
    until: float
    shown: Shown
    by: str = ""
    command: str = ""


class Interactions:
    """The commands of one application in one guild. The caller holds the lock."""

    def __init__(
        self, config: Config, guild: GuildModel, clock: Callable[[], float], new_id: Callable[[], int]
    ) -> None:
        self.commands: list[dict[str, Any]] = []
        self.endpoint = ""
        self.send: Send = send_by_http
        self._config = config
        self._guild = guild
        self._clock = clock
        self._new_id = new_id
        self._open: dict[str, _Open] = {}

    # --- the endpoint ---

    def verify(self, url: str) -> bool:
        """Whether the endpoint answers a PING, and refuses one with a wrong signature: as Discord tries on saving."""
        ping = {"id": str(self._new_id()), "application_id": self._config.app_id, "type": PING, "token": "t"}
        raw = json.dumps(ping).encode()
        right = self.signed(raw)
        status, body = self.send(url, right, raw)
        refused, _ = self.send(url, {**right, "X-Signature-Ed25519": "0" * 128}, raw)
        return status == 200 and _object(body).get("type") == PONG and refused == 401

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of a request that Discord makes."""
        timestamp = str(int(self._clock()))
        return {
            "Content-Type": "application/json",
            "User-Agent": "Discord-Interactions/1.0 (+https://discord.com)",
            "X-Signature-Ed25519": signature(self._config.app_id, timestamp, body),
            "X-Signature-Timestamp": timestamp,
        }

    # --- using a command ---

    def begin(self, who: SimMember, name: str, about: User | None, locale: str, *, allowed: bool) -> CommandRequest:
        """The request that a member's command makes. `allowed`: an administrator lets everybody use it.

        Raises LookupError where the member's Discord shows no such command, or there is no endpoint.
        """
        command = next((one for one in self.commands if one["name"] == name), None)
        if command is None or not self.endpoint:
            raise LookupError(f"there is no command /{name}, or no endpoint for it")
        permissions = self._permissions(who)
        needed = int(command.get("default_member_permissions") or 0)
        if needed & ~permissions and not allowed:
            raise LookupError(f"Discord does not show /{name} to this member")
        payload = self._payload(who, command, about, locale, permissions)
        shown = Shown(id=payload["id"], state="sent")
        self._open[payload["id"]] = _Open(
            payload["token"], self._clock() + TOKEN_LIFE, shown, self._guild.person(who.user_id).name, name
        )
        body = json.dumps(payload, ensure_ascii=False).encode()
        return CommandRequest(id=payload["id"], url=self.endpoint, headers=self.signed(body), body=body.decode())

    def answered(self, interaction_id: str, status: int, body: bytes) -> Shown:
        """The endpoint's first answer has come. Returns what the member sees."""
        said, kept = _object(body), self._open[interaction_id]
        kind, data = said.get("type"), said.get("data") or {}
        ephemeral = bool(int(data.get("flags") or 0) & EPHEMERAL)
        if status == 200 and kind == DEFERRED:
            shown = replace(kept.shown, state="thinking", ephemeral=ephemeral)
        elif status == 200 and kind == MESSAGE and 0 < len(data.get("content") or "") <= MAX_CONTENT:
            shown = _with_message(kept.shown, data, ephemeral=ephemeral)
        else:
            shown = replace(kept.shown, state="failed", content="The application did not respond")
        self._open[interaction_id] = replace(kept, shown=shown)
        return shown

    def shown(self, interaction_id: str) -> Shown:
        """What the member sees now."""
        return self._open[interaction_id].shown

    def latest(self, most: int) -> list[tuple[str, str, Shown]]:
        """Who used which command last, and what they see now, newest first."""
        found = list(self._open.values())[-most:]
        return [(one.by, one.command, one.shown) for one in reversed(found)]

    def edit(self, token: str, message: Mapping[str, Any]) -> bool | None:
        """Edit the answer of the interaction with this token: True. False before it has one, None for no such token."""
        found = next((one for one in self._open.values() if one.token == token), None)
        if found is None or self._clock() >= found.until:
            return None
        if found.shown.state in ("sent", "failed"):
            return False
        shown = _with_message(found.shown, message, ephemeral=found.shown.ephemeral)
        self._open[shown.id] = replace(found, shown=replace(shown, edits=shown.edits + 1))
        return True

    def _permissions(self, member: SimMember) -> int:
        guild = self._guild.guild
        roles = [guild.roles[role_id] for role_id in (guild.id, *member.role_ids) if role_id in guild.roles]
        found = 0
        for role in roles:
            found |= role.permissions
        return ALL_PERMISSIONS if member.user_id == guild.owner_id or found & ADMINISTRATOR else found

    def _payload(
        self, who: SimMember, command: dict[str, Any], about: User | None, locale: str, permissions: int
    ) -> dict[str, Any]:
        interaction_id = str(self._new_id())
        data: dict[str, Any] = {"id": command["id"], "name": command["name"], "type": command["type"]}
        if about is not None:
            data["options"] = [{"type": 6, "name": command["options"][0]["name"], "value": str(about.id)}]
            data["resolved"] = self._resolved(about)
        return {
            "app_permissions": "0",
            "application_id": self._config.app_id,
            "attachment_size_limit": 10_485_760,
            "authorizing_integration_owners": {"0": str(self._guild.id)},
            "channel_id": CHANNEL,
            "context": 0,
            "data": data,
            "entitlements": [],
            "guild": {"features": [], "id": str(self._guild.id), "locale": "en-US"},
            "guild_id": str(self._guild.id),
            "guild_locale": "en-US",
            "id": interaction_id,
            "locale": locale,
            "member": {**member_payload(self._guild, who), "permissions": str(permissions)},
            "token": hashlib.sha256(f"token {interaction_id} {self._config.seed}".encode()).hexdigest(),
            "type": COMMAND,
            "version": 1,
        }

    def _resolved(self, about: User) -> dict[str, Any]:
        """What Discord sends of the user whom an option names; `members` only for those in the guild."""
        resolved: dict[str, Any] = {"users": {str(about.id): user_payload(about)}}
        member = self._guild.guild.members.get(about.id)
        if member is not None:
            payload = {**member_payload(self._guild, member), "permissions": str(self._permissions(member))}
            for name in ("user", "mute", "deaf"):
                del payload[name]
            resolved["members"] = {str(about.id): payload}
        return resolved


def send_by_http(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Send a request as Discord does: three seconds, no redirects. Status 0 where no answer comes."""
    import requests

    try:
        answer = requests.post(url, data=body, headers=dict(headers), timeout=3, allow_redirects=False)
    except requests.RequestException:
        return 0, b""
    return answer.status_code, answer.content


def _with_message(shown: Shown, message: Mapping[str, Any], *, ephemeral: bool) -> Shown:
    mentions = (message.get("allowed_mentions") or {}).get("parse", ["everyone", "roles", "users"])
    return replace(
        shown, state="answered", content=message["content"], ephemeral=ephemeral, may_mention=tuple(mentions)
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
