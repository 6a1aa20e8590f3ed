"""What Alliance Auth asks of a service: one for each server; the main one is named `discord`, as its own was."""

from collections.abc import Callable, Iterable
from typing import Any

from allianceauth import hooks
from allianceauth.authentication.models import User
from allianceauth.services.hooks import ServicesHook, UrlHook
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from . import app_settings, own_service, urls
from .accounts import server_name
from .app_settings import MAIN
from .desired import NAME_FORMAT
from .models import accounts_of
from .outbox import FORCE, mark

BASE_URL = r"^rolecall/"


class RolecallService(ServicesHook):
    """One server's service. What changes is found out by signals; these methods mark too, which does no harm.

    One method for each call that Alliance Auth makes to a `ServicesHook`, hence so many.
    """

    def __init__(self, key: str = MAIN) -> None:
        super().__init__()
        self.key = key
        self.name = self._server.service_name
        self.access_perm = self._server.permission
        self.service_ctrl_template = "aa_rolecall/service_ctrl.html"
        self.name_format = NAME_FORMAT

    @property
    def _server(self) -> app_settings.Server:
        return app_settings.server(self.key)

    @property
    def title(self) -> str:
        """What people see; Alliance Auth's admin actions are named by it, too."""
        return self._server.title

    def _mark(self, users: Iterable[User], kind: str = "") -> None:
        mark([user.pk for user in users], kind, server=self._server)

    def validate_user(self, user: User) -> None:
        """Look whether they may keep their account."""
        self._mark([user])

    def update_groups(self, user: User) -> None:
        """Look at their groups."""
        self._mark([user])

    def sync_nickname(self, user: User) -> None:
        """Look at their name. Called before the new main character is saved: what is delivered is read later."""
        self._mark([user])

    def delete_user(self, user: User, notify_user: bool = False) -> None:  # noqa: ARG002 - decided when it is read
        """Look whether they may keep their account."""
        self._mark([user])

    def update_groups_bulk(self, users: Iterable[User]) -> None:
        """An admin wants Discord looked at, whether or not anything differs."""
        self._mark(users, FORCE)

    def sync_nicknames_bulk(self, users: Iterable[User]) -> None:
        """As `update_groups_bulk`."""
        self._mark(users, FORCE)

    def update_all_groups(self) -> None:
        """As `update_groups_bulk`, for everybody."""
        mark(accounts_of(self.key).values_list("user_id", flat=True), FORCE, server=self._server)

    def service_active_for_user(self, user: User) -> bool:
        """May they have an account?"""
        return user.has_perm(self.access_perm)

    def render_services_ctrl(self, request: HttpRequest) -> str:
        """The card on the services page."""
        server = self._server
        account = accounts_of(self.key).filter(user_id=request.user.pk).first()
        linked = account is not None and account.uid is not None
        said = {
            "service_name": self.title,
            "server_name": server_name(server),
            "username": (account.username or str(account.uid)) if linked else "",
            "linked": linked,
            "parting": linked and bool(account.parting),
            "problem": account.problem if linked else "",
            "may_use": self.service_active_for_user(request.user),
            "urls": addresses(self.key),
            "key": self.key,
            "my_discord": linked and server.my_discord,
        }
        return render_to_string(self.service_ctrl_template, said, request=request)


def addresses(key: str) -> dict[str, str]:
    """Where the card's buttons lead."""
    names = ("activate", "reset", "deactivate", "add_bot", "my_discord")
    return {name: reverse(f"aa_rolecall:{name}", kwargs={"key": key} if key else {}) for name in names}


def service_of(key: str) -> Callable[[], RolecallService]:
    """What Alliance Auth calls for the server's service."""

    def service() -> RolecallService:
        return RolecallService(key)

    service.aa_rolecall_key = key  # type: ignore[attr-defined]
    return service


def register_services() -> None:
    """One service for each server of the settings, in place of those registered before."""
    registered: list[Any] = hooks._hooks.setdefault("services_hook", [])
    registered[:] = [hook for hook in registered if not hasattr(hook, "aa_rolecall_key")]
    for server in app_settings.servers():
        hooks.register("services_hook", service_of(server.key))


@hooks.register("url_hook")
def register_urls() -> UrlHook:
    """The addresses; Alliance Auth asks for login and a main character on each."""
    return UrlHook(urls, "aa_rolecall", BASE_URL)


register_services()
own_service.silence()
