"""`manage.py rolecall_settings`."""

import json
from typing import Any

from allianceauth.groupmanagement.models import ReservedGroupName
from django.conf import settings
from django.core.management.base import BaseCommand

SECRETS = ("DISCORD_APP_SECRET", "DISCORD_BOT_TOKEN")


class Command(BaseCommand):
    """Prints Rolecall's settings, taken from Alliance Auth's; never a secret."""

    help = "Print what belongs into Rolecall's .chalice/config.json, taken from the settings of this site."
    requires_system_checks: list[str] = []  # noqa: RUF012 - it is used before everything is set up

    def handle(self, *_arguments: Any, **_options: Any) -> None:  # noqa: ANN401
        """Print them as JSON, and which secrets there are."""
        self.stdout.write("Put these into .chalice/config.json, under stages → prod → environment_variables:")
        self.stdout.write(json.dumps(rolecall_settings(), indent=2, ensure_ascii=False))
        odd = [name for name in reserved() if "," in name]
        if odd:
            self.stdout.write(f"A reserved name with a comma cannot be told apart there; rename: {'; '.join(odd)}")
        self.stdout.write("\n`make secrets STAGE=prod` will ask for three secrets:")
        for name in SECRETS:
            self.stdout.write(
                f"  {name}: {'it is in local.py' if getattr(settings, name, '') else 'local.py has none'}"
            )
        self.stdout.write(
            "  AUTH_SITE_SECRET: the ROLECALL_AUTH_SITE_SECRET of local.py (openssl rand -hex 32 makes one)"
        )


def rolecall_settings() -> dict[str, str]:
    """Rolecall's settings by name."""
    site = str(getattr(settings, "SITE_URL", "")).rstrip("/")
    return {
        "DISCORD_APP_ID": str(getattr(settings, "DISCORD_APP_ID", "")),
        "DISCORD_GUILD_ID": str(getattr(settings, "DISCORD_GUILD_ID", "")),
        "DISCORD_SYNC_NAMES": str(bool(getattr(settings, "DISCORD_SYNC_NAMES", False))),
        "DISCORD_DISABLE_ROLE_CREATION": str(bool(getattr(settings, "DISCORD_DISABLE_ROLE_CREATION", False))),
        "DISCORD_RESERVED_ROLES": ",".join(name for name in reserved() if "," not in name),
        "AUTH_SITE_URL": f"{site}/rolecall/returned/",
    }


def reserved() -> list[str]:
    """Names that Alliance Auth keeps groups from having; roles of those names are never given or taken."""
    return list(ReservedGroupName.objects.order_by("name").values_list("name", flat=True))
