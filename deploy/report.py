"""What the person must know once everything is deployed, and what is left for them to do."""

from typing import NamedTuple

from deploy.check import CALLBACK


class Deployed(NamedTuple):
    """A stage after its deployment. `command` is the make target that it is deployed with."""

    stage: str
    command: str
    address: str
    callback_set: str
    """The callback URL in config.json; empty where there is none yet."""
    jobs_queue: str
    notices_queue: str
    alarms_to: str | None
    """An e-mail address; empty where alarms reach nobody, None where there are no alarms."""


def report(made: Deployed) -> str:
    """The addresses, then what is still to be done."""
    callback = f"{made.address}/discord/callback"
    lines = [
        f"Deployed. People start at      {made.address}/discord/link?token=…",
        f"The callback URL is            {callback}",
        f"The auth site sends jobs to    {made.jobs_queue}",
        f"and reads notices from         {made.notices_queue}",
    ]
    enter = (
        f"Enter the callback URL at Discord (developer portal → OAuth2 → Redirects) and in .chalice/config.json as\n"
        f"{CALLBACK}, and run `{made.command} STAGE={made.stage}` again."
    )
    if not made.callback_set:
        lines += ["", "One step is left.", enter]
    elif made.callback_set != callback:
        lines += [
            "",
            f"{CALLBACK} in .chalice/config.json is another one: {made.callback_set}",
            "That is right only with a domain of your own in front. If you have none:",
            enter,
        ]
    if made.alarms_to == "":
        lines += [
            "",
            f"Nobody hears the alarms of {made.stage}. Say where they go, once, and confirm the e-mail that AWS sends:",
            f"{made.command} STAGE={made.stage} EMAIL=you@example.org",
        ]
    return "\n".join(lines)
