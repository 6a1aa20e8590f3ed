"""What to do where Discord refused something as a whole."""

from ops.stage import Stage

PORTAL = "https://discord.com/developers/applications"
NO_SERVER = ("/50001", "/10004")  # of Discord's codes: the bot sees no such server


def cure_of_failure(why: str, stage: Stage) -> str:
    """The command that helps; `why` is what the failure said."""
    doctor = f"{stage.command('doctor')} looks for the cause"
    if any(code in why for code in NO_SERVER):
        return f"is the bot in the server? {stage.command('add-bot-url')} prints the page that adds it; {doctor}"
    return doctor
