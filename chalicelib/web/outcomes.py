"""What people are told when linking or unlinking ended: what happened, and what to do next, in two languages. Pure."""

from chalicelib.errors import Reason

# For each reason of the closed list: what happened, and what to do next.
ENGLISH: dict[Reason, tuple[str, str]] = {
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
    # Also told where the functions cannot reach their own store or queues: the closed list has no reason for that.
    Reason.DISCORD_UNAVAILABLE: (
        "This does not work just now",
        (
            "It is not your fault: Discord, or a service that we need ourselves, does not answer in time. Wait a few "
            "minutes, then go back to your alliance’s site and click there again."
        ),
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
GERMAN: dict[Reason, tuple[str, str]] = {
    Reason.BAD_TOKEN: (
        "Dieser Link geht nicht",
        (
            "Vielleicht wurde er schon benutzt oder abgeschnitten. Geh zurück auf die Seite deiner Allianz und klick "
            "dort noch einmal."
        ),
    ),
    Reason.EXPIRED: (
        "Das hat zu lange gedauert",
        "Der Link galt nur ein paar Minuten. Geh zurück auf die Seite deiner Allianz und klick dort noch einmal.",
    ),
    Reason.BAD_STATE: (
        "Wir haben dich verloren",
        (
            "Fang im selben Browser an, in dem du aufhörst, erlaube Cookies und lade unterwegs nicht neu. Geh zurück "
            "auf die Seite deiner Allianz und klick dort noch einmal."
        ),
    ),
    Reason.DENIED: (
        "Du hast bei Discord abgelehnt",
        (
            "Nichts wurde geändert. War es ein Versehen, geh zurück auf die Seite deiner Allianz, klick dort noch "
            "einmal und wähle „Autorisieren“."
        ),
    ),
    Reason.ALREADY_LINKED: (
        "Dieses Discord-Konto ist vergeben",
        (
            "Es gehört einem anderen Benutzer der Seite deiner Allianz. Bist das auch du, löse die Verknüpfung dort "
            "zuerst. Wenn nicht, melde dich bei Discord mit deinem eigenen Konto an und versuch es wieder, oder frag "
            "einen Administrator."
        ),
    ),
    Reason.BANNED: (
        "Du bist auf diesem Discord-Server gesperrt",
        "Nur seine Moderatoren können eine Sperre aufheben. Frag einen Administrator deiner Allianz.",
    ),
    Reason.GUILD_LIMIT: (
        "Du bist auf zu vielen Discord-Servern",
        (
            "Mehr lässt Discord nicht zu. Verlass einen, den du nicht mehr brauchst, geh dann zurück auf die Seite "
            "deiner Allianz und klick dort noch einmal."
        ),
    ),
    Reason.DISCORD_UNAVAILABLE: (
        "Das geht gerade nicht",
        (
            "Es liegt nicht an dir: Discord, oder ein Dienst, den wir selbst brauchen, antwortet nicht rechtzeitig. "
            "Warte ein paar Minuten, geh dann zurück auf die Seite deiner Allianz und klick dort noch einmal."
        ),
    ),
    Reason.MISCONFIGURED: (
        "Hier ist etwas falsch eingerichtet",
        (
            "Das liegt nicht an dir, und es noch einmal zu versuchen hilft nicht. Sag den Administratoren deiner "
            "Allianz Bescheid und nenn ihnen den Code unten; ihr Protokoll sagt mehr."
        ),
    ),
    Reason.ACCOUNT_NOT_READY: (
        "Dein Discord-Konto ist noch nicht so weit",
        (
            "Discord will, dass du es erst bestätigst, per E-Mail oder Telefon. Öffne Discord, tu unter „Mein Account“ "
            "das Verlangte, geh dann zurück auf die Seite deiner Allianz und klick dort noch einmal."
        ),
    ),
}
WORDS = {"en": ENGLISH, "de": GERMAN}
DONE = {
    "en": {
        "linked": ("You are linked", "Your Discord account is linked and gets its roles. You can close this page."),
        "unlinked": (
            "You are unlinked",
            "Your Discord account is no longer linked and loses its roles here. You can close this page.",
        ),
    },
    "de": {
        "linked": (
            "Du bist verknüpft",
            "Dein Discord-Konto ist verknüpft und bekommt seine Rollen. Du kannst diese Seite schließen.",
        ),
        "unlinked": (
            "Deine Verknüpfung ist gelöst",
            (
                "Dein Discord-Konto ist nicht mehr verknüpft und verliert hier seine Rollen. Du kannst diese Seite "
                "schließen."
            ),
        ),
    },
}
UNLINK = {  # the page that asks before it is done: title, text, button, what else one can do
    "en": (
        "Unlink Discord?",
        "You will lose your roles on the Discord server, and may be taken off it. You can link again at any time.",
        "Unlink Discord",
        "Changed your mind? Close this page, and all stays as it is.",
    ),
    "de": (
        "Verknüpfung mit Discord lösen?",
        (
            "Du verlierst deine Rollen auf dem Discord-Server und wirst vielleicht von ihm genommen. Du kannst "
            "jederzeit neu verknüpfen."
        ),
        "Verknüpfung lösen",
        "Anders überlegt? Schließ diese Seite, und alles bleibt, wie es ist.",
    ),
}
LANGUAGES = tuple(WORDS)
NEUTRAL = frozenset({Reason.DENIED})  # a person's own choice is no fault
