"""`manage.py rolecall_move_out`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aa_rolecall import app_settings, moving


class Command(BaseCommand):
    """Makes Alliance Auth's own Discord service ready to go on; Discord notices nothing."""

    help = "Write all links and the permission back to Alliance Auth's own Discord service."

    def handle(self, *_arguments: Any, **_options: Any) -> None:  # noqa: ANN401
        """Do it, and say what comes next."""
        try:
            count = moving.move_out(app_settings.server(app_settings.MAIN))
        except moving.CannotMove as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count} links are in Alliance Auth's own table, and its permission is given.")
        self.stdout.write("Next: take aa_rolecall out of INSTALLED_APPS, put its periodic tasks back, restart.")
