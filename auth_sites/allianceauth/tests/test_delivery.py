"""What is sent, of whom, when."""

from collections.abc import Callable
from typing import Any

from aa_rolecall import outbox
from django.contrib.auth.models import User

from .conftest import account, marked

Deliver = Callable[[], list[dict[str, Any]]]


def test_a_linked_member_is_stated_with_groups_state_and_name(kira: User, deliver: Deliver) -> None:
    outbox.mark([kira.pk])
    (sent,) = deliver()
    assert sent["kind"] == "update_all"
    assert sent["user_id"] == str(kira.pk)
    assert sent["groups"] == ["Logistics", "Member"]
    assert sent["nickname"] == "Kira Vantari"
    assert sent["changed_at"] == account(kira).clock
    assert marked() == set()


def test_what_is_stated_already_is_not_sent_again_unless_forced(settled: User, deliver: Deliver) -> None:
    outbox.mark([settled.pk])
    assert deliver() == []
    outbox.mark([settled.pk], outbox.FORCE)
    assert [one["kind"] for one in deliver()] == ["update_all"]
