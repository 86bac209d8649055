"""Tickets into the stream: once, soon, by whom and where they were made for (SECURITY A6, B4)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.doubles.rfbserver import Conversation, FakeRfbServer
from tests.doubles.visitors import Person, Site, open_site

RUNS = 60


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as standing:
        yield standing


async def refused(person: Person, consent: str, ticket: str) -> bool:
    """Whether the stream closed with 4403 and without a byte."""
    async with person.stream(consent, f"ticket.{ticket}") as viewer:
        return await viewer.closed() == 4403 and viewer.received == 0


async def reason(site: Site) -> tuple[str, str]:
    last = (await site.audit())[-1]
    assert last.action == "console.enter"
    return last.outcome, last.reason


async def test_a_ticket_admits_once_of_twenty_at_once(site: Site) -> None:
    consent = await site.consent()
    olga = await site.opened(consent)
    ticket = await olga.ticket(consent)

    async def enter() -> bool:
        async with olga.enter(consent, ticket) as viewer:
            with contextlib.suppress(Exception):
                await viewer.start()
                return True
            return False

    assert sum(await asyncio.gather(*(enter() for _ in range(20)))) == 1
    assert await refused(olga, consent, ticket)
    assert await reason(site) == ("denied", "this ticket does not work any more")
    assert len(site.hypervisor.conversations) == 1


async def test_a_ticket_is_for_one_vm(site: Site) -> None:
    consent, other = await site.consent("web01"), await site.consent("web02")
    olga = await site.opened(consent)
    await olga.step_up(other)
    ticket = await olga.ticket(consent)
    assert await refused(olga, other, ticket)
    assert await reason(site) == ("denied", "this ticket does not work any more")
    assert await refused(olga, consent, ticket)  # and it is used up by that
    assert not site.hypervisor.conversations
    assert not site.other_hypervisor.conversations


async def test_a_ticket_is_for_one_address(site: Site) -> None:
    consent = await site.consent()
    olga = await site.opened(consent)
    ticket = await olga.ticket(consent)
    elsewhere = site.person("olga", "127.0.0.8")
    elsewhere.cookies = olga.cookies
    assert await refused(elsewhere, consent, ticket)
    assert await reason(site) == ("denied", "this ticket does not work any more")
    assert not site.hypervisor.conversations


async def test_a_ticket_of_one_operator_admits_nobody_else_s_name(site: Site) -> None:
    """It carries its operator: whose cookie comes along does not matter."""
    consent = await site.consent()
    olga, omar = await site.opened(consent), await site.signed_in("omar")
    assert (await omar.post(f"/consoles/{consent}/tickets", json={})).status == 403
    async with omar.enter(consent, await olga.ticket(consent)) as viewer:
        await viewer.start()
        (session,) = site.standing.gateway.registry.sessions()
        assert [one.name for one in session.participants()] == ["olga"]


async def test_a_ticket_lives_for_sixty_seconds(site: Site) -> None:
    consent = await site.consent()
    olga = await site.opened(consent)
    ticket = await olga.ticket(consent)
    site.clock.ahead += timedelta(seconds=60)
    assert await refused(olga, consent, ticket)
    assert await reason(site) == ("denied", "this ticket does not work any more")
    assert not site.hypervisor.conversations


async def test_a_ticket_dies_with_its_sign_in(site: Site) -> None:
    consent = await site.consent()
    olga = await site.opened(consent)
    ticket = await olga.ticket(consent)
    assert (await olga.post("/sign-out", {})).status == 303
    assert await refused(olga, consent, ticket)
    assert not site.hypervisor.conversations


async def test_no_step_up_no_ticket(site: Site) -> None:
    consent = await site.consent()
    olga = await site.signed_in("olga")
    answer = await olga.post(f"/consoles/{consent}/tickets", json={})
    assert (answer.status, answer.json["error"]["code"]) == (403, "StepUpNeeded")


class Hesitant:
    """A hypervisor that paints nothing before it is told to."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def __call__(self, talk: Conversation) -> None:
        await talk.handshake()
        await self.told.wait()
        await talk.listen()


async def test_a_revocation_on_the_way_in_leaves_no_frame(tmp_path: Path) -> None:
    """SECURITY B4: between ticket, upgrade and first frame, at a random moment of each run.

    The first frame is there once the revocation is answered: from then on none may pass.
    """
    chance = random.Random(4)
    script = Hesitant()
    ends: Counter[int] = Counter()
    async with open_site(tmp_path, FakeRfbServer(script)) as site:
        contoso = await site.person("contoso").sign_in_to_api()
        omar = site.person("omar")
        for run in range(RUNS):
            script.told.clear()
            consent = await site.consent(tenant=contoso)
            body = {"resource_id": site.vm("web01"), "user": "omar", **omar.proof()}
            opened = (await omar.api("POST", "consoles", body)).json
            path = f"consents/{consent}" if run % 2 else f"sessions/{consent}"

            async def revoke(path: str = path) -> None:
                await asyncio.sleep(chance.uniform(0, 0.05))
                assert (await contoso.api("DELETE", path)).status in {200, 204}
                script.told.set()

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(revoke())
                await asyncio.sleep(chance.uniform(0, 0.03))
                code, frames, received = await entered(omar, consent, opened["ticket"])
            ends[code] += 1
            assert (frames, received) == (0, 0), f"run {run}"
    print(ends)
    # Turned away before it was admitted, and cut after that: the moments lie on both sides.
    assert set(ends) == {4403, 4410}


async def entered(operator: Person, consent: str, ticket: str) -> tuple[int, int, int]:
    """Close code, frames and bytes of a viewer that goes as far as it gets."""
    async with operator.stream(consent, f"ticket.{ticket}") as viewer:
        with contextlib.suppress(Exception):
            await viewer.start()
        return await viewer.closed(2), viewer.frames, viewer.received
