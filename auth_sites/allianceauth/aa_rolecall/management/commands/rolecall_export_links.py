"""`manage.py rolecall_export_links FILE`."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aa_rolecall import moving


class Command(BaseCommand):
    """Writes the links of Alliance Auth's own Discord service, as Rolecall's `ops import-links` reads them."""

    help = "Write the links of Alliance Auth's own Discord service to a CSV file, for Rolecall's `ops import-links`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file."""
        parser.add_argument("file", type=Path, metavar="FILE", help="where to write; an existing file is replaced")

    def handle(self, *_arguments: Any, file: Path, **_options: Any) -> None:  # noqa: ANN401
        """Write it."""
        try:
            rows = list(moving.links())
        except moving.CannotMove as error:
            raise CommandError(str(error)) from None
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, moving.COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        self.stdout.write(f"{len(rows)} links written to {file}. Next, where Rolecall is operated:")
        self.stdout.write(f"  python -m ops --stage prod import-links {file.name}")
