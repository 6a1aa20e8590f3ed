"""The driver of Rolecall's conformance check: lets this Alliance Auth do what its people and admins do.

For tests only: whoever can reach it can do everything. `python -m local demo-allianceauth --conformance` uses it.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any

from aa_rolecall import tasks
from aa_rolecall.models import Account
from allianceauth.authentication.models import CharacterOwnership, User
from allianceauth.eveonline.models import EveAllianceInfo, EveCharacter
from django.contrib.auth.models import Group
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

numbers = itertools.count(91_000_001)


@csrf_exempt
@require_POST
def drive(request: HttpRequest) -> JsonResponse:
    """Do what the field `do` says."""
    said = json.loads(request.body)
    return JsonResponse(DOES[said.pop("do")](**said) or {})


def change_user(name: str, groups: list[str], nickname: str) -> dict[str, Any]:
    """A member of the alliance, in exactly these groups, whose main character has this name."""
    user = User.objects.filter(username=name).first() or User.objects.create_user(name)
    if not user.is_active:
        user.is_active = True
        user.save()
    character = user.profile.main_character
    if character is None:
        user.profile.main_character = make_character(user, nickname)
        user.profile.save()
    elif character.character_name != nickname:
        character.character_name = nickname
        character.save()
    user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    return {"user_id": str(user.pk)}


def make_character(user: User, name: str) -> EveCharacter:
    """A character of the alliance whose people may use Discord."""
    alliance = EveAllianceInfo.objects.order_by("alliance_id").first()
    corporation = alliance.evecorporationinfo_set.first()
    character = EveCharacter.objects.create(
        character_id=next(numbers),
        character_name=name,
        corporation_id=corporation.corporation_id,
        corporation_name=corporation.corporation_name,
        corporation_ticker=corporation.corporation_ticker,
        alliance_id=alliance.alliance_id,
        alliance_name=alliance.alliance_name,
        alliance_ticker=alliance.alliance_ticker,
    )
    CharacterOwnership.objects.create(user=user, character=character, owner_hash=f"driver-{character.character_id}")
    return character


def browser_of(user_id: str) -> Client:
    """A browser in which this user is logged in."""
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(User.objects.get(pk=int(user_id)), "django.contrib.auth.backends.ModelBackend")
    return browser


def click_link(user_id: str) -> dict[str, Any]:
    """Where the button *Activate* leads."""
    return {"url": browser_of(user_id).get(reverse("aa_rolecall:activate")).headers.get("Location")}


def click_unlink(user_id: str) -> None:
    """The button *Deactivate*: the app tells Rolecall itself."""
    browser_of(user_id).post(reverse("aa_rolecall:deactivate"))


def remove(user_id: str) -> None:
    """An admin deactivates the user."""
    user = User.objects.get(pk=int(user_id))
    user.is_active = False
    user.save()


def linked(user_id: str) -> dict[str, Any]:
    """The account that the card shows."""
    account = Account.objects.filter(user_id=int(user_id)).first()
    return {"discord_id": str(account.uid) if account and account.uid else None}


def work() -> None:
    """What beat starts every minute."""
    tasks.deliver_changes()
    tasks.read_notices()


DOES: dict[str, Callable[..., dict[str, Any] | None]] = {
    "user": change_user,
    "link": click_link,
    "unlink": click_unlink,
    "remove": remove,
    "linked": linked,
    "work": work,
}
