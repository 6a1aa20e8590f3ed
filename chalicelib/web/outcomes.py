"""What people are told when linking or unlinking ended: what happened, and what to do next. Pure."""

from chalicelib.errors import Reason

# For each reason of the closed list: what happened, and what to do next.
WORDS: dict[Reason, tuple[str, str]] = {
    Reason.BAD_TOKEN: (
        "This link does not work",
        "It may have been used already, or cut short. Go back to your alliance’s site and click there again.",
    ),
    Reason.EXPIRED: (
        "That took too long",
        "The link was good for a few minutes only. Go back to your alliance’s site and click there again.",
    ),
    Reason.BAD_STATE: (
        "We lost track of you",
        (
            "Start and finish in the same browser, with cookies allowed, and do not reload on the way. "
            "Go back to your alliance’s site and click there again."
        ),
    ),
    Reason.DENIED: (
        "You said no at Discord",
        (
            "Nothing was changed. If that was a slip, go back to your alliance’s site, click there again and choose "
            "“Authorise”."
        ),
    ),
    Reason.ALREADY_LINKED: (
        "This Discord account is taken",
        (
            "It belongs to another user of your alliance’s site. If that is you as well, unlink it there first. "
            "If not, log in to Discord with your own account and try again, or ask an administrator."
        ),
    ),
    Reason.BANNED: (
        "You are banned from this Discord server",
        "Only its moderators can lift a ban. Ask one of your alliance’s administrators.",
    ),
    Reason.GUILD_LIMIT: (
        "You are in too many Discord servers",
        (
            "Discord lets you join no more. Leave one that you no longer need, then go back to your alliance’s site "
            "and click there again."
        ),
    ),
    Reason.DISCORD_UNAVAILABLE: (
        "Discord does not answer",
        "This is not your fault. Wait a few minutes, then go back to your alliance’s site and click there again.",
    ),
    Reason.MISCONFIGURED: (
        "Something is set up wrongly here",
        (
            "This is not your fault, and trying again will not help. Tell your alliance’s administrators, with the "
            "code below; their log says more."
        ),
    ),
    Reason.ACCOUNT_NOT_READY: (
        "Your Discord account is not ready yet",
        (
            "Discord wants you to verify it first, by e-mail or phone. Open Discord, do what it asks for under "
            "“My Account”, then go back to your alliance’s site and click there again."
        ),
    ),
}
DONE = {
    "linked": ("You are linked", "Your Discord account is linked and gets its roles. You can close this page."),
    "unlinked": (
        "You are unlinked",
        "Your Discord account is no longer linked and loses its roles here. You can close this page.",
    ),
}
NEUTRAL = frozenset({Reason.DENIED})  # a person's own choice is no fault
