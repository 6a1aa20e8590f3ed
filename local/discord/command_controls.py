"""What members do with commands, and what is posted by webhooks."""

from local.discord.lookup import locked
from local.discord.test_controls import TestControls
from local.discord.views import CommandRequest, Post, Shown


class CommandControls(TestControls):
    """Commands of the guild and webhooks of its channels, as people see them. `Control.use_command` does it all."""

    @locked
    def begin_command(
        self, who: str, name: str, *, member: str | None = None, locale: str = "en-US", allowed: bool = False
    ) -> CommandRequest:
        """A member types `/name`, about `member` if the command names one; returns the request that Discord makes.

        `allowed`: an administrator lets everybody use the command, whatever it asks for.
        """
        about = None if member is None else self.find(member)
        return self.world.interactions.begin(self.in_guild(who), name, about, locale, allowed=allowed)

    @locked
    def command_answered(self, command_id: str, status: int, body: str) -> Shown:
        """The endpoint answered it; returns what the member sees."""
        return self.world.interactions.answered(command_id, status, body.encode())

    @locked
    def command_shown(self, command_id: str) -> Shown:
        """What the member sees of a command now."""
        return self.world.interactions.shown(command_id)

    @locked
    def commands(self) -> list[str]:
        """The names of the commands of the guild."""
        return [one["name"] for one in self.world.interactions.commands]

    @locked
    def create_webhook(self, channel: str) -> str:
        """A moderator makes a webhook for a channel; returns the path of its address."""
        return self.world.webhooks.create(channel)

    @locked
    def delete_webhooks(self) -> None:
        """A moderator deletes every webhook."""
        self.world.webhooks.delete_all()

    @locked
    def posts(self) -> list[Post]:
        """What was posted by webhooks, oldest first."""
        return list(self.world.webhooks.posts)
