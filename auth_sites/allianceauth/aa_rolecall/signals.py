"""What happens in Alliance Auth, and whom it is about. Receivers only mark; nothing is computed here.

An error of ours is logged and never raised. It is caught outside a savepoint: without one, a failed query would break
the transaction of whoever sent the signal.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from allianceauth.authentication.models import State, UserProfile
from allianceauth.authentication.models import User as AuthUser
from allianceauth.authentication.signals import state_changed
from allianceauth.eveonline.models import EveCharacter
from allianceauth.groupmanagement.models import Group as AuthGroup
from allianceauth.services.hooks import get_extension_logger
from allianceauth.services.models import NameFormatConfig
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import Signal

from . import own_service
from .models import Account, FurtherAccount, key_of
from .outbox import mark, mark_gone

logger = get_extension_logger(__name__)

AFTER = {"post_add", "post_remove", "post_clear"}
Ids = Iterable[int]


def receives(signal: Signal, *senders: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Connect a receiver, guarded, to the signal of each of these senders (of every sender, where none is named)."""

    def connect(receiver: Callable[..., None]) -> Callable[..., None]:
        @wraps(receiver)
        def guarded(sender: object, **said: Any) -> None:  # noqa: ANN401 - what a signal brings
            try:
                with transaction.atomic():
                    receiver(sender, **said)
            except Exception:
                logger.exception("%s failed; the hourly check finds what it should have marked", receiver.__name__)

        for sender in senders or (None,):
            uid = (
                f"aa_rolecall.{receiver.__name__}.{getattr(sender, '__module__', '')}.{getattr(sender, '__name__', '')}"
            )
            signal.connect(guarded, sender=sender, weak=False, dispatch_uid=uid)
        return receiver

    return connect


def with_state(state: State) -> QuerySet:
    """Ids of the users in this state."""
    return UserProfile.objects.filter(state=state).values_list("user_id", flat=True)


def with_group(group: Group) -> QuerySet:
    """Ids of the users in this group."""
    return User.objects.filter(groups=group.pk).values_list("pk", flat=True)


# --- groups ---------------------------------------------------------------------------------------------------


@receives(m2m_changed, User.groups.through)
def groups_changed(
    _sender: object, *, instance: Model, action: str, reverse: bool, pk_set: set[int] | None, **_said: object
) -> None:
    """Group added, removed, set or cleared, from either side. Cleared from the group's: afterwards nobody knows who."""
    if reverse and action == "pre_clear":
        mark(with_group(instance))
    elif reverse and action in AFTER:
        mark(pk_set or ())
    elif action in AFTER and pk_set != set():
        mark([instance.pk])


@receives(post_save, Group, AuthGroup)
def group_saved(_sender: object, *, instance: Group, created: bool, **_said: object) -> None:
    """A group was renamed, perhaps."""
    if not created:
        mark(with_group(instance))


@receives(pre_delete, Group, AuthGroup)
def group_deleted(_sender: object, *, instance: Group, **_said: object) -> None:
    """Deleting a group sends no m2m_changed."""
    mark(with_group(instance))


# --- states and permissions -----------------------------------------------------------------------------------


@receives(state_changed)
def user_changed_state(_sender: object, *, user: User, **_said: object) -> None:
    """Sent after the state was saved."""
    mark([user.pk])


@receives(post_save, State)
def state_saved(_sender: object, *, instance: State, created: bool, **_said: object) -> None:
    """A state was renamed, perhaps."""
    if not created:
        mark(with_state(instance))


@receives(m2m_changed, State.permissions.through, Group.permissions.through, User.user_permissions.through)
def permissions_changed(
    sender: object, *, instance: Model, action: str, reverse: bool, pk_set: set[int] | None, **_said: object
) -> None:
    """A state, a group or a user was given a permission, or lost it; or a permission its states, groups or users."""
    if not reverse and action in AFTER:
        mark(_holders(sender, {instance.pk}))
    elif reverse and action in AFTER and pk_set:
        mark(_holders(sender, pk_set))
    elif reverse and action == "pre_clear":
        mark(_holders_of(sender, instance))


def _holders(through: object, pks: set[int]) -> Ids:
    """Ids of those who hold what these states, groups or users hold."""
    if through is State.permissions.through:
        return UserProfile.objects.filter(state__in=pks).values_list("user_id", flat=True)
    if through is Group.permissions.through:
        return User.objects.filter(groups__in=pks).values_list("pk", flat=True).distinct()
    return pks


def _holders_of(through: object, permission: Permission) -> Ids:
    """Ids of those who hold the permission by way of `through`."""
    if through is State.permissions.through:
        states = State.objects.filter(permissions=permission.pk).values_list("pk", flat=True)
        return _holders(through, set(states))
    if through is Group.permissions.through:
        return _holders(through, set(Group.objects.filter(permissions=permission.pk).values_list("pk", flat=True)))
    return User.objects.filter(user_permissions=permission.pk).values_list("pk", flat=True)


# --- users and characters -------------------------------------------------------------------------------------


@receives(post_save, UserProfile)
def profile_saved(_sender: object, *, instance: UserProfile, created: bool, **_said: object) -> None:
    """Main character set, changed or lost; state changed. Before the save the old name would be read."""
    if not created:
        mark([instance.user_id])


@receives(post_save, EveCharacter)
def character_saved(_sender: object, *, instance: EveCharacter, created: bool, **_said: object) -> None:
    """Name, corporation, alliance or ticker of somebody's main character."""
    if not created:
        mark(UserProfile.objects.filter(main_character=instance).values_list("user_id", flat=True))


@receives(post_save, User, AuthUser)
def user_saved(
    _sender: object, *, instance: User, created: bool, update_fields: Iterable[str] | None = None, **_said: object
) -> None:
    """A user was deactivated or reactivated, perhaps. Logging in saves `last_login` alone."""
    if not created and set(update_fields or ()) != {"last_login"}:
        mark([instance.pk])


@receives(pre_delete, Account, FurtherAccount)
def account_deleted(sender: object, *, instance: Account, **_said: object) -> None:
    """The cascade of a deleted user sends it, however the user is deleted."""
    mark_gone(key_of(instance), instance.user_id)
    if sender is Account:
        own_service.unmirror(instance.user_id)


# --- name formats ---------------------------------------------------------------------------------------------


@receives(post_save, NameFormatConfig)
@receives(post_delete, NameFormatConfig)
def name_format_saved(_sender: object, *, instance: NameFormatConfig, **_said: object) -> None:
    """Who is called otherwise now is found by looking at everybody."""
    if str(instance.service_name).startswith("discord"):
        transaction.on_commit(_check_everybody, robust=True)


@receives(m2m_changed, NameFormatConfig.states.through)
def name_format_states_changed(_sender: object, *, action: str, **_said: object) -> None:
    """A format holds for other states."""
    if action in AFTER:
        transaction.on_commit(_check_everybody, robust=True)


def _check_everybody() -> None:
    from . import tasks

    try:
        tasks.check_everybody.delay()
    except Exception as error:  # noqa: BLE001 - nothing may break the request; it runs every hour
        logger.warning("No worker could be told of a name format (%s)", type(error).__name__)
