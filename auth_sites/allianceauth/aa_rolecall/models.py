"""What this site knows of Discord accounts, and the outbox of changes that Rolecall must still be told.

Times named `…_at` are stamps, epoch milliseconds. A stamp is a user's: each is greater than the one before (see
`stamps.py`), and what it dates is stored only over something older.
"""

from allianceauth.authentication.models import User
from django.db import models
from django.utils.translation import gettext_lazy as _

from .app_settings import MAIN

PARTED = "-"  # in `stated`: SQS took a delete_user
TELL, QUIET = "tell", "quiet"  # in `parting`: on the way out, and whether the user is told once they are


class AccountBase(models.Model):
    """One user's account on one server. The row stays when the link goes."""

    uid = models.BigIntegerField(null=True, blank=True, db_index=True, help_text="id on Discord; none: not linked")
    username = models.CharField(max_length=100, blank=True, default="", help_text="as Discord shows it")
    activated = models.DateTimeField(null=True, blank=True)
    link_asked_at = models.BigIntegerField(default=0)
    clock = models.BigIntegerField(default=0, help_text="the newest stamp given out")
    stated = models.CharField(max_length=64, blank=True, default="", help_text="digest of the newest statement sent")
    stated_at = models.BigIntegerField(default=0)
    read_at = models.BigIntegerField(default=0)
    parting = models.CharField(max_length=5, blank=True, default="")
    parting_at = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=1000, blank=True, default="")
    problem_at = models.BigIntegerField(default=0)

    class Meta:
        abstract = True
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user.username} - {self.uid}"  # type: ignore[attr-defined]


class Account(AccountBase):
    """A user's account on the main server: one row for each user who ever asked for a link or was imported."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="rolecall")

    class Meta:
        default_permissions = ()
        permissions = (("access_discord", "Can access the Discord service"),)
        verbose_name = _("Discord account")
        verbose_name_plural = _("Discord accounts")


class FurtherAccount(AccountBase):
    """A user's account on one of the other servers of `ROLECALL_SERVERS`."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="rolecall_further")
    server = models.CharField(max_length=30, help_text="its KEY")

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("user", "server"), name="aa_rolecall_one_per_server"),)
        verbose_name = _("Discord account on another server")
        verbose_name_plural = _("Discord accounts on other servers")


class Change(models.Model):
    """The outbox: something about this user changed. Rows are only ever added and deleted."""

    class Kind(models.TextChoices):
        """What is wanted of it."""

        CHANGED = ""
        FORCE = "force"  # state it even if nothing differs
        REMOVE = "remove"  # an admin wants the account gone

    id = models.BigAutoField(primary_key=True)
    user_id = models.BigIntegerField(db_index=True, help_text="no foreign key: it outlives the user")
    server = models.CharField(max_length=30, blank=True, default="")
    kind = models.CharField(max_length=6, choices=Kind.choices, blank=True, default=Kind.CHANGED)
    at = models.BigIntegerField()

    class Meta:
        default_permissions = ()


def accounts_of(key: str) -> models.QuerySet:
    """All accounts on the server of that key."""
    return Account.objects.all() if key == MAIN else FurtherAccount.objects.filter(server=key)


def open_account(key: str, user_id: int) -> AccountBase:
    """The user's account on that server; a new row where there is none."""
    if key == MAIN:
        return Account.objects.get_or_create(user_id=user_id)[0]
    return FurtherAccount.objects.get_or_create(server=key, user_id=user_id)[0]


def key_of(account: AccountBase) -> str:
    """The key of the server that the account is on."""
    return getattr(account, "server", MAIN)
