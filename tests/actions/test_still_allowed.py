"""What a viewer's own check sees, where no action has ended anything."""

from __future__ import annotations

import pytest

from gateway.policy.facts import EndCode
from tests.actions.world import World


@pytest.mark.parametrize("how", ["ended", "idle"])
async def test_an_operator_goes_with_their_sign_in(world: World, how: str) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    admission = await world.enter(olga, consent)
    if how == "ended":
        async with world.store.unit() as unit:
            await unit.sign_ins.end(olga.sign_in.id, world.now)  # and not its grant
    else:
        world.clock.advance(minutes=15)  # nobody looked in the meantime
    assert await admission.still_allowed() is EndCode.SIGN_IN_ENDED


async def test_history_has_one_record_from_the_first_operator_to_the_last(world: World) -> None:
    consent = await world.consent()
    for name in ("olga", "oscar"):
        await world.enter(await world.session(name), consent)
    async with world.store.reading() as unit:
        (record,) = await unit.sessions.for_consent(consent.id)
    assert record.ended_at is None
