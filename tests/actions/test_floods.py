"""A flood of throttled guesses is told in the audit log, and does not fill it."""

from __future__ import annotations

from collections.abc import Awaitable

from gateway.actions.admit import TicketSecret, admit
from gateway.actions.floods import Floods
from gateway.actions.sign_in import sign_in
from gateway.errors import GatewayError, NotFound, Throttled
from tests.actions.world import ELSEWHERE, WORKSTATION, World


async def refusals(attempts: list[Awaitable[object]]) -> list[type[GatewayError]]:
    kinds = []
    for attempt in attempts:
        try:
            await attempt
        except GatewayError as error:
            kinds.append(type(error))
    return kinds


def guess(world: World, address: str = WORKSTATION) -> Awaitable[object]:
    return sign_in(
        world.s, name="olga", password="guess", code=None, address=address, user_agent="",
        kind="bearer", now=world.now,
    )  # fmt: skip


async def test_throttled_guesses_are_recorded_once_a_minute_with_their_number(world: World) -> None:
    before = len(await world.audit())
    kinds = await refusals([guess(world) for _ in range(60)])
    throttled = kinds.count(Throttled)
    assert 40 <= throttled
    # Each guess that was judged, and the first that was not.
    assert len(await world.audit()) - before == 60 - throttled + 1

    world.clock.advance(seconds=61)
    assert await refusals([guess(world)]) == [Throttled]
    newest = max(await world.audit(), key=lambda record: record.seq)
    assert newest.facts["left_out"] == throttled - 1


async def test_another_address_has_its_own_record(world: World) -> None:
    await refusals([guess(world) for _ in range(40)])
    before = len(await world.audit())
    kinds = await refusals([guess(world, ELSEWHERE) for _ in range(40)])
    assert Throttled in kinds
    assert len(await world.audit()) - before == 40 - kinds.count(Throttled) + 1


async def test_made_up_tickets_are_throttled_too(world: World) -> None:
    consent = await world.consent()
    attempts = [
        admit(
            world.s, consent_id=consent.id, credentials=TicketSecret(f"guess {n}"),
            address=WORKSTATION, now=world.now,
        )
        for n in range(40)
    ]  # fmt: skip
    kinds = await refusals(attempts)
    assert kinds == [NotFound] * 20 + [Throttled] * 20


def test_what_is_remembered_of_a_flood_is_bounded(world: World) -> None:
    floods = Floods()
    for n in range(10_050):
        assert floods.left_out(f"address {n}", "sign_in", world.now) == 0
    # The oldest are forgotten, and would be recorded anew; the newest are not.
    assert floods.left_out("address 0", "sign_in", world.now) == 0
    assert floods.left_out("address 10049", "sign_in", world.now) is None
