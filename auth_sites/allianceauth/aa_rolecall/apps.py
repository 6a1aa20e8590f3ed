"""The Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class RolecallConfig(AppConfig):
    """`aa_rolecall`: Discord by way of Rolecall."""

    name = "aa_rolecall"
    label = "aa_rolecall"
    verbose_name = _("Discord (Rolecall)")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what must be connected once."""
        from . import checks, signals  # noqa: F401 - importing them registers checks and receivers
        from .permissions import create_permissions

        post_migrate.connect(create_permissions, sender=self)
