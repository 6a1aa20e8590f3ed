"""A permission for each server beyond the main one; the main one's is the model's."""

from typing import Any

from . import app_settings


def create_permissions(**_signal: Any) -> None:  # noqa: ANN401 - a receiver of post_migrate
    """Create `aa_rolecall.access_<key>` where `ROLECALL_SERVERS` names a server that has none yet."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from .models import Account

    for server in app_settings.servers():
        app, _, codename = server.permission.partition(".")
        if server.key and app == "aa_rolecall":
            Permission.objects.get_or_create(
                codename=codename,
                content_type=ContentType.objects.get_for_model(Account),
                defaults={"name": f"Can access the Discord service ({server.key})"},
            )
