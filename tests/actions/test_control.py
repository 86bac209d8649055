"""Who types: asking for control, and handing it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from gateway.actions.admit import Admission
from gateway.actions.authenticate import Session
from gateway.actions.control import ask_control, give_control
from gateway.actions.end_session import end_session
from gateway.errors import Conflict, NotFound, Refused
from gateway.policy.facts import Consent
from tests.actions.world import World


@dataclass
class FakeConsole:
    """Who is connected and who controls; the arbiter is tested where it lives."""

    inside: list[Admission] = field(default_factory=list)
    controller: str | None = None
    asked: list[str] = field(default_factory=list)

    def participants(self) -> list[object]:
        return [admission.participant for admission in self.inside]

    def view(self) -> object:
        seen = [
            SimpleNamespace(
                id=a.participant.id, name=a.participant.name, may_type=bool(a.participant.grant_id)
            )
            for a in self.inside
        ]
        return SimpleNamespace(controller=self.controller, participants=seen)

    def ask_control(self, participant_id: str) -> bool:
        self.asked.append(participant_id)
        return False

    def give_control(self, participant_id: str) -> bool:
        self.controller = participant_id
        return True


@dataclass
class Scene:
    consent: Consent
    console: FakeConsole
    olga: Session
    oscar: Session


@pytest.fixture
async def running(world: World) -> Scene:
    """Olga controls, Oscar is there too."""
    consent = await world.consent()
    olga, oscar = await world.session("olga"), await world.session("oscar")
    console = FakeConsole([await world.enter(olga, consent), await world.enter(oscar, consent)])
    console.controller = console.inside[0].participant.id
    world.registry.live[consent.id] = console
    return Scene(consent, console, olga, oscar)


@pytest.mark.rule(5)
async def test_an_operator_asks_and_the_one_in_control_gives(world: World, running: Scene) -> None:
    x = running
    theirs = x.console.inside[1].participant.id
    assert not await ask_control(world.s, x.oscar, x.consent.id, now=world.now)
    assert x.console.asked == [theirs]
    await give_control(world.s, x.olga, x.consent.id, theirs, now=world.now)
    assert x.console.controller == theirs
    acts = [(r.actor, r.action) for r in await world.audit()][-2:]
    assert acts == [("oscar", "console.ask_control"), ("olga", "console.give_control")]


@pytest.mark.rule(5)
async def test_control_is_given_by_who_has_it(world: World, running: Scene) -> None:
    x = running
    theirs = x.console.inside[1].participant.id
    with pytest.raises(Refused) as refused:
        await give_control(world.s, x.oscar, x.consent.id, theirs, now=world.now)
    assert refused.value.code == "NotInControl"
    with pytest.raises(Conflict):
        await give_control(world.s, x.olga, x.consent.id, "somebody", now=world.now)


@pytest.mark.parametrize(
    ("name", "error"), [("tina", Refused), ("ada", Refused), ("theo", NotFound)]
)
@pytest.mark.rule(5)
async def test_nobody_else_gets_near_the_keyboard(
    world: World, running: Scene, name: str, error: type[Exception]
) -> None:
    who = await world.session(name)
    before = running.console.controller
    with pytest.raises(error):
        await ask_control(world.s, who, running.consent.id, now=world.now)
    with pytest.raises(error):
        await give_control(world.s, who, running.consent.id, "", now=world.now)
    assert (running.console.asked, running.console.controller) == ([], before)
    assert [r.outcome for r in await world.audit()][-2:] == ["denied", "denied"]


async def test_whose_grant_has_ended_asks_in_vain(world: World, running: Scene) -> None:
    x = running
    await end_session(world.s, x.oscar.actor, x.consent.id, reason="", now=world.now)
    with pytest.raises(Refused) as refused:
        await ask_control(world.s, x.oscar, x.consent.id, now=world.now)
    assert refused.value.code == "OnlyWatching"
