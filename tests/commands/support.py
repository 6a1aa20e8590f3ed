"""A world whose commands are registered, and members who use them."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.commands.catalogue import COMMANDS
from local.discord.keys import signature
from local.discord.views import Shown
from local.simulated import APP, AT, ENVIRONMENT, GUILD, World
from tests.linking.doors import Answer, Doors

PATH = "/discord/interactions"
ENDPOINT = f"https://api.test{PATH}"


class Guild:
    """The guild of a world, where commands are used. `sent` are the bodies of the endpoint's answers."""

    def __init__(self, world: World, doors: Doors | None = None) -> None:
        self.world = world
        self.doors = doors or Doors(world)
        self.sent: list[Answer] = []
        model = world.guild.world.interactions
        model.send = self._send
        headers = {"Authorization": f"Bot {ENVIRONMENT['DISCORD_BOT_TOKEN']}", "User-Agent": "DiscordBot (test, 1)"}
        at = f"{AT}/api/v10/applications"
        url = f"{at}/{APP}/guilds/{GUILD}/commands"
        assert world.session.put(url, json=list(COMMANDS), headers=headers).status_code == 200
        saved = world.session.patch(f"{at}/@me", json={"interactions_endpoint_url": ENDPOINT}, headers=headers)
        assert saved.status_code == 200, saved.text
        self.sent.clear()

    def use(self, who: str, name: str, **options: Any) -> Shown:
        """A member uses a command; returns what they see at once."""
        made = self.world.guild.begin_command(who, name, **options)
        status, body = self._send(made.url, made.headers, made.body.encode())
        return self.world.guild.command_answered(made.id, status, body.decode())

    def seen(self, shown: Shown) -> Shown:
        """What they see once everything is done."""
        self.world.run()
        return self.world.guild.command_shown(shown.id)

    def posted(self, payload: object, **headers: str) -> Answer:
        """Post an interaction that Discord signed, but for `headers`."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        timestamp = str(int(self.world.clock.now()))
        signed = {"X-Signature-Ed25519": signature(APP, timestamp, body), "X-Signature-Timestamp": timestamp}
        return self.post(body, signed | headers)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post anything to the endpoint."""
        kept = {"Content-Type": "application/json", **headers}
        answer = self.doors.send(self.doors.event("POST", PATH, headers=kept, body=body, encoded=True))
        self.sent.append(answer)
        return answer

    def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        assert url == ENDPOINT
        answer = self.post(body, headers)
        return answer.status, answer.body.encode()


def payload(world: World, **changes: Any) -> dict[str, Any]:
    """An interaction as Discord sends it: @kira uses `/whoami`."""
    kira = next(one for one in world.guild.people() if one.username == "kira")
    right: dict[str, Any] = {
        "id": "990000000000000001",
        "application_id": APP,
        "type": 2,
        "token": "token-of-the-interaction",
        "guild_id": GUILD,
        "locale": "en-GB",
        "member": {"user": {"id": kira.id, "username": "kira"}, "roles": [], "permissions": "0"},
        "data": {"id": "1", "name": "whoami", "type": 1},
    }
    return right | changes
