"""`manage.py rolecall_check`."""

from typing import Any

from django.core.management.base import BaseCommand

from aa_rolecall.diagnosis import diagnose


class Command(BaseCommand):
    """Prints what is fine and what is not; ends with 1 where anything is wrong."""

    help = "Look whether Rolecall is set up right, and say how to fix what is not."
    requires_system_checks: list[str] = []  # noqa: RUF012 - ours are part of what it prints

    def handle(self, *_arguments: Any, **_options: Any) -> None:  # noqa: ANN401
        """Print one line for each thing looked at, and one for how to fix it."""
        faults = 0
        for found in diagnose():
            faults += not found.fine
            mark = self.style.SUCCESS("ok   ") if found.fine else self.style.ERROR("fault")
            self.stdout.write(f"{mark}  {found.text}")
            if found.fix:
                self.stdout.write(f"       {found.fix}")
        if faults:
            raise SystemExit(1)
