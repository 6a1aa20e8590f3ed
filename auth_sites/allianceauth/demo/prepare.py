"""`python -m demo.prepare`: make the database and the people."""

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0, skip_checks=True)

from demo.people import settle  # noqa: E402 - models can be imported only now

settle()
print("The people are settled.", flush=True)
