"""What people are told in Alliance Auth, in their own language: a worker has none by itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from allianceauth.authentication.models import User
from allianceauth.notifications import notify
from django.conf import settings
from django.core.cache import cache
from django.utils import translation
from django.utils.translation import gettext as _

from .app_settings import Server

ONCE_A_DAY = 24 * 3600  # seconds


@contextmanager
def language_of(user: User) -> Iterator[None]:
    """The user's language, or the site's."""
    profile = getattr(user, "profile", None)
    with translation.override((profile and profile.language) or settings.LANGUAGE_CODE):
        yield


def account_disabled(user: User) -> None:
    """Title and text are Alliance Auth's own, so its catalogues translate them."""
    with language_of(user):
        notify(
            user,
            _("Discord Account Disabled"),
            _(
                "Your Discord account was disabled automatically by Auth. "
                "If you think this was a mistake, please contact an admin."
            ),
            "warning",
        )


def tell_superusers(server: Server, reason: str, count: int = 0) -> None:
    """`reason`: `brake` (with `count`), or what Rolecall said of the whole server. Once a day for each reason."""
    if not cache.add(f"aa_rolecall_told_{server.key}_{reason}", "told", ONCE_A_DAY):
        return
    for user in User.objects.filter(is_superuser=True, is_active=True).select_related("profile"):
        with language_of(user):
            notify(user, _("%(service)s needs a look") % {"service": server.title}, _text(reason, count), "danger")


def _text(reason: str, count: int) -> str:
    if reason == "brake":
        return _(
            "%(count)d users would be removed from Discord because they are no longer entitled to it. That is more "
            "than ROLECALL_BRAKE_PERCENT allows, so nothing was done. If it is right, run: manage.py "
            "rolecall_state_everybody"
        ) % {"count": count}
    if reason == "removals_held":
        return _("Rolecall holds back removals: its removal limit was reached. Its operator must release or drop them.")
    return _("Rolecall could not do something for the whole server: %(reason)s") % {"reason": reason}
