"""Device codes: a program waits, its person approves or turns it away, once (RFC 8628)."""

from __future__ import annotations

import pytest

from gateway.actions.accounts import disable_account
from gateway.actions.authenticate import actor_of
from gateway.actions.device_sign_in import (
    MOST_WAITING,
    DeviceAsked,
    ask_device_code,
    deny_device,
    grant_by_device_code,
    look_up_device,
)
from gateway.actions.tokens import Issued, Program
from gateway.errors import NotFound, NotSignedIn, Refused, Throttled
from gateway.identity.user_codes import shown_user_code
from gateway.store import new_id
from tests.actions.arm_clients import (
    ADMINS,
    PROGRAM_AT,
    TENANTS,
    approve,
    asked,
    both_endpoints,
    new_password,
    opens,
    program,
)
from tests.actions.world import ELSEWHERE, WORKSTATION, World


async def poll(world: World, waiting: DeviceAsked, asker: Program | None = None) -> Issued:
    return await grant_by_device_code(
        world.s, asker or program(), secret=waiting.secret, now=world.now
    )


async def word(world: World, waiting: DeviceAsked, asker: Program | None = None) -> str:
    """The error that a poll gets."""
    with pytest.raises(Refused) as refused:
        await poll(world, waiting, asker)
    return refused.value.code


async def test_a_program_gets_its_tokens_once_it_is_approved(world: World) -> None:
    waiting = await asked(world)
    assert await word(world, waiting) == "authorization_pending"
    await approve(world, waiting.user_code)
    world.clock.advance(seconds=5)
    issued = await poll(world, waiting)
    assert await opens(world, issued.access)
    assert issued.account.name == "tina"
    # The sign-in is the program's: it bears the program's address, not the browser's.
    assert issued.sign_in.address == PROGRAM_AT


async def test_a_device_code_works_once(world: World) -> None:
    waiting = await asked(world)
    await approve(world, waiting.user_code)
    issued = await poll(world, waiting)
    assert await word(world, waiting) == "invalid_grant"
    assert await opens(world, issued.access)


async def test_who_polls_too_often_is_slowed_down(world: World) -> None:
    waiting = await asked(world)
    words = []
    for seconds in (0, 3, 4, 5):
        world.clock.advance(seconds=seconds)
        words.append(await word(world, waiting))
    # Four seconds will do: clients count five by clocks of their own.
    pending = "authorization_pending"
    assert words == [pending, "slow_down", pending, pending]


async def test_waiting_is_no_decision_and_leaves_no_record(world: World) -> None:
    waiting = await asked(world)
    before = len(await world.audit())
    await word(world, waiting)
    await word(world, waiting)
    assert len(await world.audit()) == before


async def test_a_program_that_is_turned_away_is_told_so(world: World) -> None:
    waiting = await asked(world)
    await deny_device(
        world.s, waiting.user_code, audience=TENANTS, address=WORKSTATION, now=world.now
    )
    assert await word(world, waiting) == "access_denied"
    with pytest.raises(NotFound):
        await approve(world, waiting.user_code)


async def test_a_code_runs_out_after_fifteen_minutes(world: World) -> None:
    waiting = await asked(world)
    world.clock.advance(minutes=15, microseconds=-1)
    assert await word(world, waiting) == "authorization_pending"
    world.clock.advance(microseconds=1)
    assert await word(world, waiting) == "expired_token"
    with pytest.raises(NotFound):
        await approve(world, waiting.user_code)


async def test_an_approval_that_nobody_collects_runs_out_too(world: World) -> None:
    waiting = await asked(world)
    await approve(world, waiting.user_code)
    world.clock.advance(minutes=15)
    assert await word(world, waiting) == "expired_token"


async def test_a_device_code_is_its_programs_own(world: World) -> None:
    both_endpoints(world)
    waiting = await asked(world)
    await approve(world, waiting.user_code)
    assert await word(world, waiting, program(client_id="another")) == "invalid_grant"
    assert await word(world, waiting, program(ADMINS)) == "invalid_grant"
    assert (await poll(world, waiting)).account.name == "tina"


@pytest.mark.parametrize(
    ("name", "audience"),
    [("tina", ADMINS), ("ada", TENANTS), ("olga", TENANTS), ("olga", ADMINS)],
)
async def test_only_the_endpoints_own_people_approve(
    world: World, name: str, audience: str
) -> None:
    both_endpoints(world)
    waiting = await asked(world, audience)
    with pytest.raises(Refused):
        await approve(world, waiting.user_code, name, audience)
    assert await word(world, waiting, program(audience)) == "authorization_pending"


async def test_a_code_of_one_endpoint_is_unknown_on_the_others_page(world: World) -> None:
    both_endpoints(world)
    waiting = await asked(world, ADMINS)
    with pytest.raises(NotFound):
        await look_up_device(
            world.s, waiting.user_code, audience=TENANTS, address=WORKSTATION, now=world.now
        )


async def test_an_admin_approves_with_a_one_time_code_and_each_works_once(world: World) -> None:
    both_endpoints(world)
    first, second = await asked(world, ADMINS), await asked(world, ADMINS)
    with pytest.raises(NotSignedIn):
        await approve(world, first.user_code, "ada", ADMINS, code="")
    await approve(world, first.user_code, "ada", ADMINS)
    with pytest.raises(NotSignedIn):
        await approve(world, second.user_code, "ada", ADMINS)


async def test_no_one_time_code_is_used_up_for_a_program_that_is_gone(world: World) -> None:
    both_endpoints(world)
    with pytest.raises(NotFound):
        await approve(world, "BCDFGHJK", "ada", ADMINS)
    await approve(world, (await asked(world, ADMINS)).user_code, "ada", ADMINS)


async def test_an_account_that_was_locked_after_it_approved_gives_nothing(world: World) -> None:
    waiting = await asked(world)
    await approve(world, waiting.user_code)
    ada = actor_of(world.accounts["ada"], new_id(), WORKSTATION)
    await disable_account(world.s, ada, world.accounts["tina"].id, now=world.now)
    assert await word(world, waiting) == "access_denied"


async def test_a_new_password_turns_away_what_was_approved_with_the_old_one(world: World) -> None:
    waiting, other = await asked(world), await asked(world)
    await approve(world, waiting.user_code)
    await new_password(world)
    assert await word(world, waiting) == "access_denied"
    assert await word(world, other) == "authorization_pending"


async def test_a_code_is_found_however_it_is_typed(world: World) -> None:
    waiting = await asked(world)
    shown = shown_user_code(waiting.user_code)
    for typed in (shown, shown.lower(), f" {shown.replace('-', ' ')} "):
        found = await look_up_device(
            world.s, typed, audience=TENANTS, address=WORKSTATION, now=world.now
        )
        assert found.address == PROGRAM_AT


async def test_guesses_at_codes_are_counted(world: World) -> None:
    waiting = await asked(world)
    for _ in range(20):
        with pytest.raises(NotFound):
            await look_up_device(
                world.s, "BBBBBBBB", audience=TENANTS, address=ELSEWHERE, now=world.now
            )
    with pytest.raises(Throttled):
        await look_up_device(
            world.s, waiting.user_code, audience=TENANTS, address=ELSEWHERE, now=world.now
        )


async def test_an_address_keeps_only_so_many_programs_waiting(world: World) -> None:
    for _ in range(MOST_WAITING):
        await asked(world)
    with pytest.raises(Throttled):
        await asked(world)
    world.clock.advance(minutes=15)
    await asked(world)


async def test_a_whole_ipv6_network_is_one_address(world: World) -> None:
    for number in range(MOST_WAITING):
        await ask_device_code(world.s, program(address=f"2001:db8::{number:x}"), now=world.now)
    with pytest.raises(Throttled):
        await ask_device_code(world.s, program(address="2001:db8::1:0:0:1"), now=world.now)
    await ask_device_code(world.s, program(address="2001:db8:0:1::1"), now=world.now)


async def test_turning_ones_own_programs_away_makes_no_room_for_more(world: World) -> None:
    for _ in range(MOST_WAITING):
        waiting = await asked(world)
        await deny_device(
            world.s, waiting.user_code, audience=TENANTS, address=PROGRAM_AT, now=world.now
        )
    with pytest.raises(Throttled):
        await asked(world)


@pytest.mark.parametrize("over", ["expired_token", "access_denied"])
async def test_who_polls_on_for_what_is_over_is_throttled(world: World, over: str) -> None:
    """Each of those polls is a record: a flood of them would hold up a revocation."""
    waiting = await asked(world)
    await deny_device(
        world.s, waiting.user_code, audience=TENANTS, address=WORKSTATION, now=world.now
    )
    world.clock.advance(minutes=15 if over == "expired_token" else 0)
    for _ in range(20):
        assert await word(world, waiting) == over
    with pytest.raises(Throttled):
        await poll(world, waiting)


async def test_the_programs_secret_lies_nowhere(world: World) -> None:
    waiting = await asked(world)
    assert waiting.secret not in repr(await world.rows()) + repr(await world.audit())
    assert waiting.secret not in repr(waiting)


async def test_every_step_is_one_record(world: World) -> None:
    waiting = await asked(world)
    await look_up_device(
        world.s, waiting.user_code, audience=TENANTS, address=WORKSTATION, now=world.now
    )
    await approve(world, waiting.user_code)
    await poll(world, waiting)
    records = [(each.action, each.actor, each.address) for each in (await world.audit())[-4:]]
    assert records == [
        ("device.ask", "", PROGRAM_AT),
        ("device.look_up", "", WORKSTATION),
        ("device.approve", "tina", WORKSTATION),
        ("token.issue", "tina", PROGRAM_AT),
    ]
