"""The people of the demo, put into Alliance Auth by its own models: states follow from alliances by its own rules."""

import json
from pathlib import Path
from typing import Any

from allianceauth import __version__
from allianceauth.admin_status.models import SoftwareVersion
from allianceauth.authentication.models import CharacterOwnership, State
from allianceauth.eveonline.models import EveAllianceInfo, EveCharacter, EveCorporationInfo
from django.contrib.auth.models import Group, Permission, User

WORLD = json.loads(Path(__file__).with_name("people.json").read_text())
FIRST_CHARACTER = 90_000_001


def settle() -> None:
    """Fill an empty database."""
    SoftwareVersion.objects.update_or_create(defaults={"latest_stable_version": __version__})  # or it says "update"
    alliances = {number: make_alliance(int(number), *said) for number, said in WORLD["alliances"].items()}
    for number, (name, ticker, alliance) in WORLD["corporations"].items():
        EveCorporationInfo.objects.create(
            corporation_id=int(number),
            corporation_name=name,
            corporation_ticker=ticker,
            member_count=10,
            alliance=alliances.get(alliance),
        )
    for name, said in WORLD["states"].items():
        make_state(name, said, alliances)
    for name in WORLD["groups"]:
        Group.objects.create(name=name)
    for number, said in enumerate(WORLD["users"]):
        make_user(FIRST_CHARACTER + number, said)


def make_alliance(number: int, name: str, ticker: str) -> EveAllianceInfo:
    """An alliance that EVE does not know."""
    return EveAllianceInfo.objects.create(
        alliance_id=number, alliance_name=name, alliance_ticker=ticker, executor_corp_id=98_000_001
    )


def make_state(name: str, said: dict[str, Any], alliances: dict[str, EveAllianceInfo]) -> None:
    """A state, with its alliances, and with the permission to use Discord if it has it."""
    state, _ = State.objects.update_or_create(name=name, defaults={"priority": said["priority"]})
    state.member_alliances.set([alliances[one] for one in said["alliances"]])
    if said["discord"]:
        access = Permission.objects.get(codename="access_discord", content_type__app_label="aa_rolecall")
        state.permissions.add(access.pk)


def make_user(number: int, said: dict[str, Any]) -> None:
    """Somebody with a password and a main character."""
    corporation = EveCorporationInfo.objects.get(corporation_id=int(said["corporation"]))
    alliance = corporation.alliance
    character = EveCharacter.objects.create(
        character_id=number,
        character_name=said["character"],
        corporation_id=corporation.corporation_id,
        corporation_name=corporation.corporation_name,
        corporation_ticker=corporation.corporation_ticker,
        alliance_id=alliance and alliance.alliance_id,
        alliance_name=alliance.alliance_name if alliance else "",
        alliance_ticker=alliance.alliance_ticker if alliance else "",
    )
    make = User.objects.create_superuser if said.get("superuser") else User.objects.create_user
    user = make(said["name"], f"{said['name']}@example.org", WORLD["password"])
    CharacterOwnership.objects.create(user=user, character=character, owner_hash=f"demo-{number}")
    user.profile.main_character = character
    user.profile.save()
    user.groups.set(Group.objects.filter(name__in=said["groups"]))
