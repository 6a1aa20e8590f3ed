"""`manage.py rolecall_move_in`."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from aa_rolecall import app_settings, moving
from aa_rolecall.moving import MoveIn


class Command(BaseCommand):
    """Takes over the links of Alliance Auth's own Discord service; nobody links again."""

    help = "Take over the links that Rolecall confirms, and the permission; then everybody is stated to Rolecall."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two options."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument(
            "--force", action="store_true", help="even if more are removed than ROLECALL_BRAKE_PERCENT allows"
        )

    def handle(self, *_arguments: Any, dry_run: bool, force: bool, **_options: Any) -> None:  # noqa: ANN401
        """Do it, and say what was found."""
        try:
            result = moving.move_in(app_settings.server(app_settings.MAIN), dry_run=dry_run, force=force)
        except moving.CannotMove as error:
            raise CommandError(str(error)) from None
        self._say(result, "would be" if dry_run else "are")
        if result.missing or result.differ or result.unread:
            raise SystemExit(1)

    def _say(self, result: MoveIn, verb: str) -> None:
        self.stdout.write(f"{len(result.agree)} links {verb} taken over.")
        self.stdout.write(f"{result.holders} states, groups and users {verb} given the permission.")
        self._name(result.not_entitled, "not entitled to Discord, and will be removed from it")
        self._name(result.missing, "not linked at Rolecall: run `ops import-links` there, then this again")
        self._name(result.differ, "linked to another Discord account at Rolecall; left alone")
        self._name(result.unread, "not read, since Rolecall could not be asked: run this again")

    def _name(self, user_ids: list[int], what: str) -> None:
        if user_ids:
            names = User.objects.filter(pk__in=user_ids).order_by("username").values_list("username", flat=True)
            self.stdout.write(f"{len(user_ids)} {what}: {', '.join(names)}")
