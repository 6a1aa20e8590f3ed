"""The admin page of Discord accounts, in place of Alliance Auth's own."""

from allianceauth.services.admin import ServicesUserAdmin
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import app_settings, own_service
from .app_settings import Server, UnknownServer
from .models import QUIET, Account, AccountBase, FurtherAccount, accounts_of, key_of
from .outbox import FORCE, REMOVE, mark
from .stamps import take_stamp


class AccountAdmin(ServicesUserAdmin):
    """Linked accounts: to look at, to sync, to remove. Nothing is edited: Discord and Rolecall say what is so."""

    search_fields = (*ServicesUserAdmin.search_fields, "uid", "username")
    list_display = (*ServicesUserAdmin.list_display, "activated", "_username", "_uid", "problem")
    list_filter = (*ServicesUserAdmin.list_filter, "activated")
    ordering = ("-activated",)
    actions = ("sync_with_discord",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Rows without a link are this app's own business."""
        return super().get_queryset(request).filter(uid__isnull=False)

    def get_readonly_fields(self, _request: HttpRequest, _obj: AccountBase | None = None) -> list[str]:
        """All of them."""
        return [field.name for field in self.model._meta.fields]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Only its owner can link an account."""
        return False

    @admin.display(description="Discord ID (UID)", ordering="uid")
    def _uid(self, account: AccountBase) -> int | None:
        return account.uid

    @admin.display(description="Discord Username", ordering="username")
    def _username(self, account: AccountBase) -> str:
        return account.username

    def delete_model(self, request: HttpRequest, obj: AccountBase) -> None:
        """Remove the member; the row stays, and loses its link once they are gone."""
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """As `delete_model`, for each."""
        self._remove(request, list(queryset))

    def _remove(self, request: HttpRequest, accounts: list[AccountBase]) -> None:
        for account in accounts:
            stamp = take_stamp(key_of(account), account.user_id) or 0
            accounts_of(key_of(account)).filter(user_id=account.user_id).update(parting=QUIET, parting_at=stamp)
        self._mark(accounts, REMOVE)
        said = _("%(count)d Discord accounts are being removed. They vanish from this list once they are gone.")
        self.message_user(request, said % {"count": len(accounts)})

    @admin.action(description=gettext_lazy("Sync with Discord"))
    def sync_with_discord(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Let Rolecall look at these members, whether or not anything differs here."""
        marked = self._mark(list(queryset), FORCE)
        self.message_user(request, _("%(count)d Discord accounts are being synced.") % {"count": marked})

    def _mark(self, accounts: list[AccountBase], kind: str) -> int:
        by_key: dict[str, list[int]] = {}
        for account in accounts:
            by_key.setdefault(key_of(account), []).append(account.user_id)
        return sum(mark(ids, kind, server=one) for key, ids in by_key.items() if (one := _known(key)))


def _known(key: str) -> Server | None:
    try:
        return app_settings.server(key)
    except UnknownServer:  # taken out of the settings, its rows still here
        return None


class FurtherAccountAdmin(AccountAdmin):
    """The same for the other servers."""

    list_display = ("server", *AccountAdmin.list_display)
    list_filter = ("server", *AccountAdmin.list_filter)


admin.site.register(Account, AccountAdmin)
if any(one.key for one in app_settings.servers()):
    admin.site.register(FurtherAccount, FurtherAccountAdmin)


def replace_own_page() -> None:
    """Alliance Auth's own page would remove members by itself (`delete selected`)."""
    if own_service.installed():
        from allianceauth.services.modules.discord import admin as _registers_it  # noqa: F401 - whatever the order
        from allianceauth.services.modules.discord.models import DiscordUser

        if admin.site.is_registered(DiscordUser):
            admin.site.unregister(DiscordUser)


replace_own_page()
