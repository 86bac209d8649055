"""What pages offer is what an ARM client could ask for."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidInput
from gateway.recovery.extension import handler_of, parse_extension
from gateway.recovery.handlers import GuestOs
from gateway.recovery.kinds import WORDS, ActionKind, kinds_for, needs_user, request_for
from gateway.recovery.plan import plan_for
from gateway.recovery.steps import Plan
from tests.recovery.samples import ED25519, PASSWORD

OFFERED = [(os, kind) for os in GuestOs for kind in kinds_for(os)]
GIVEN = {"user": "ana", "password": PASSWORD, "ssh_key": ED25519, "disk_name": "data"}


@pytest.mark.parametrize(("os", "kind"), OFFERED)
def test_every_button_becomes_a_plan_of_its_kind(os: GuestOs, kind: ActionKind) -> None:
    request = request_for(kind, os, **GIVEN)
    plan = plan_for(request, handler_of(request))
    assert isinstance(plan, Plan)
    assert plan.kind is kind
    assert plan.handler.os is os
    assert plan.title == WORDS[kind].title


@pytest.mark.parametrize(("os", "kind"), OFFERED)
def test_every_button_sends_what_an_arm_client_may_send(os: GuestOs, kind: ActionKind) -> None:
    request = request_for(kind, os, **GIVEN)
    body = {
        "properties": {
            "publisher": request.publisher,
            "type": request.type,
            "typeHandlerVersion": request.version,
            "autoUpgradeMinorVersion": request.auto_upgrade,
            "settings": request.settings,
            "protectedSettings": request.protected,
        }
    }
    assert parse_extension(request.name, body) == request
    assert PASSWORD not in str(request.settings)


def test_every_kind_has_its_words() -> None:
    assert set(WORDS) == set(ActionKind)
    assert len({words.title for words in WORDS.values()}) == len(WORDS)
    for words in WORDS.values():
        assert all((words.title, words.running, words.explains))


@pytest.mark.parametrize(
    ("kind", "os"),
    [
        (ActionKind.CHECK_DISK, GuestOs.WINDOWS),
        (ActionKind.RESET_REMOTE_DESKTOP, GuestOs.LINUX),
        (ActionKind.NOTHING, GuestOs.LINUX),
    ],
)
def test_a_kind_of_the_other_system_is_refused(kind: ActionKind, os: GuestOs) -> None:
    with pytest.raises(InvalidInput) as refusal:
        request_for(kind, os, **GIVEN)
    assert refusal.value.field == "kind"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (ActionKind.SET_PASSWORD, "user"),
        (ActionKind.SET_PASSWORD, "password"),
        (ActionKind.SET_SSH_KEY, "ssh_key"),
        (ActionKind.REMOVE_USER, "user"),
        (ActionKind.REPAIR_DISK, "disk_name"),
    ],
)
def test_what_a_kind_needs_is_asked_for(kind: ActionKind, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        request_for(kind, GuestOs.LINUX, **{**GIVEN, field: ""})
    assert refusal.value.field == field


def test_only_what_a_kind_needs_is_sent() -> None:
    request = request_for(ActionKind.SET_PASSWORD, GuestOs.LINUX, **GIVEN)
    assert request.protected == {"username": "ana", "password": PASSWORD}
    assert request_for(ActionKind.CHECK_DISK, GuestOs.LINUX, **GIVEN).protected is None
    assert not needs_user(ActionKind.CHECK_DISK)
