"""What a browser asks for. All end on the services page."""

from collections.abc import Callable
from functools import wraps

from allianceauth.services.hooks import get_extension_logger
from allianceauth.services.views import superuser_test
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required, user_passes_test
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from . import app_settings, contract, linking, rolecall
from .accounts import learn
from .app_settings import MAIN, Server, UnknownServer
from .rolecall import Refused, RolecallUnavailable

logger = get_extension_logger(__name__)

View = Callable[..., HttpResponse]

ACTIVATED = gettext_lazy("Your Discord account has been successfully activated.")
NOT_ACTIVATED = gettext_lazy("An error occurred while trying to activate your Discord account. Please try again.")
DEACTIVATED = gettext_lazy("Deactivated Discord account.")
NOT_DEACTIVATED = gettext_lazy("An error occurred while processing your Discord account.")

REASONS = {
    "bad_token": gettext_lazy("Rolecall did not accept the link. Please tell an admin."),
    "expired": gettext_lazy("That took too long. Please try again."),
    "bad_state": gettext_lazy("The link was opened in another browser, or twice. Please try again."),
    "denied": gettext_lazy("You did not allow access to your Discord account, so nothing was changed."),
    "already_linked": gettext_lazy(
        "This Discord account is linked to another user. Choose another one, or ask an admin."
    ),
    "banned": gettext_lazy("This Discord account is banned from the Discord server."),
    "guild_limit": gettext_lazy(
        "This Discord account is in as many servers as Discord allows. Leave one and try again."
    ),
    "discord_unavailable": gettext_lazy("Discord cannot be reached just now. Please try again later."),
    "misconfigured": gettext_lazy("Something is set up wrongly. Please tell an admin."),
    "account_not_ready": gettext_lazy(
        "Discord wants this account put in order first, for instance its e-mail address verified. Then try again."
    ),
}


def with_server(view: Callable[[HttpRequest, Server], HttpResponse]) -> View:
    """Hand the view the server that the address names."""

    @wraps(view)
    def answer(request: HttpRequest, key: str = MAIN) -> HttpResponse:
        try:
            return view(request, app_settings.server(key))
        except UnknownServer:
            raise Http404 from None

    return answer


def needs_access(view: Callable[[HttpRequest, Server], HttpResponse]) -> Callable[[HttpRequest, Server], HttpResponse]:
    """For those who may have an account on this server; others are sent away as Alliance Auth does it."""

    @wraps(view)
    def answer(request: HttpRequest, server: Server) -> HttpResponse:
        return permission_required(server.permission)(lambda asked: view(asked, server))(request)

    return answer


def services_page() -> HttpResponse:
    """Where every way ends."""
    return redirect("services:services")


@login_required
@require_GET
@with_server
@needs_access
def activate(request: HttpRequest, server: Server) -> HttpResponse:
    """To Discord, by way of Rolecall. A link that is there is replaced: nobody is removed only to come back."""
    try:
        return redirect(linking.link_address(server, request.user.pk))
    except linking.CannotLink as error:
        logger.warning("%s: user %s cannot link: %s", server.title, request.user.pk, error)
        messages.error(request, NOT_ACTIVATED)
        return services_page()


@login_required
@require_POST
@with_server
@needs_access
def deactivate(request: HttpRequest, server: Server) -> HttpResponse:
    """End the link. By POST only: a page of somebody else's must not be able to do it."""
    try:
        linking.unlink(server, request.user.pk)
    except (Refused, RolecallUnavailable) as error:
        logger.warning("%s: user %s could not be unlinked: %s", server.title, request.user.pk, error)
        messages.error(request, NOT_DEACTIVATED)
    else:
        messages.success(request, DEACTIVATED)
    return services_page()


@login_required
@require_GET
@with_server
def returned(request: HttpRequest, server: Server) -> HttpResponse:
    """Back from Rolecall. What the address says is only a reason to look."""
    said = request.GET.get("discord", "")
    if said in ("linked", "unlinked"):
        _say_what_is(request, server, said)
    else:
        messages.error(request, REASONS.get(request.GET.get("reason", ""), NOT_ACTIVATED))
    return services_page()


def _say_what_is(request: HttpRequest, server: Server, said: str) -> None:
    try:
        found = learn(server, request.user.pk)
    except RolecallUnavailable as error:
        logger.warning("%s: the account of user %s cannot be read: %s", server.title, request.user.pk, error)
        messages.error(request, NOT_ACTIVATED if said == "linked" else NOT_DEACTIVATED)
        return
    if said == "unlinked":
        messages.success(request, DEACTIVATED)
    elif found:
        messages.success(request, ACTIVATED)
    else:
        messages.error(request, NOT_ACTIVATED)


@login_required
@user_passes_test(superuser_test)
@require_GET
@with_server
def add_bot(request: HttpRequest, server: Server) -> HttpResponse:
    """To Discord's page that adds the bot to the server."""
    token = rolecall.sign(server, str(request.user.pk), contract.ADD_BOT)
    return redirect(rolecall.address(server, "add_bot", token))


@login_required
@require_GET
@with_server
@needs_access
def my_discord(request: HttpRequest, server: Server) -> HttpResponse:
    """To the member's own page at Rolecall, where this Rolecall has one."""
    if not server.my_discord:
        raise PermissionDenied
    token = rolecall.sign(server, str(request.user.pk), contract.ME)
    return redirect(rolecall.address(server, "me", token))
