"""`manage.py rolecall_state_everybody`."""

from typing import Any

from django.core.management.base import BaseCommand

from aa_rolecall import app_settings, outbox
from aa_rolecall.models import accounts_of


class Command(BaseCommand):
    """States everybody again, whether or not anything differs: after Rolecall's tables were restored, say."""

    help = "Tell Rolecall of every linked user again, and have those removed who are no longer entitled."

    def handle(self, *_arguments: Any, **_options: Any) -> None:  # noqa: ANN401
        """Mark all who are linked; workers do the rest."""
        for server in app_settings.servers():
            linked = accounts_of(server.key).filter(uid__isnull=False).values_list("user_id", flat=True)
            count = outbox.mark(linked, outbox.FORCE, server=server)
            self.stdout.write(f"{server.title}: {count} users are stated again within the next minutes.")
