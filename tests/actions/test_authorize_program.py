"""Authorization codes: bound to their program by PKCE, good once (RFC 6749 §4.1, RFC 7636)."""

from __future__ import annotations

import pytest

from gateway.actions.authorize_program import deny_program, grant_by_authorization_code
from gateway.actions.tokens import Issued, Program
from gateway.errors import NotSignedIn, Refused, Throttled
from tests.actions.arm_clients import (
    ADMINS,
    REDIRECT,
    VERIFIER,
    authorization_code,
    both_endpoints,
    new_password,
    opens,
    program,
    wish,
)
from tests.actions.world import PASSWORD, WORKSTATION, World


async def exchange(
    world: World,
    code: str,
    asker: Program | None = None,
    *,
    redirect_uri: str = REDIRECT,
    verifier: str = VERIFIER,
) -> Issued:
    return await grant_by_authorization_code(
        world.s,
        asker or program(),
        secret=code,
        redirect_uri=redirect_uri,
        verifier=verifier,
        refreshable=True,
        now=world.now,
    )


async def test_a_code_is_exchanged_for_tokens(world: World) -> None:
    issued = await exchange(world, await authorization_code(world))
    assert await opens(world, issued.access)
    assert (issued.account.name, issued.nonce) == ("tina", "n-0S6_WzA2Mj")


async def test_a_code_that_comes_back_ends_what_it_was_exchanged_for(world: World) -> None:
    code = await authorization_code(world)
    issued = await exchange(world, code)
    with pytest.raises(Refused):
        await exchange(world, code)
    assert not await opens(world, issued.access)


@pytest.mark.parametrize(
    "wrong",
    [
        {"verifier": "w" * 64},
        {"verifier": ""},
        {"verifier": "v" * 63},
        {"redirect_uri": "http://localhost:8401"},
        {"asker": program(client_id="another")},
        {"asker": program(ADMINS)},
    ],
    ids=str,
)
async def test_a_code_is_good_for_its_own_program_and_then_no_more(
    world: World, wrong: dict[str, str]
) -> None:
    both_endpoints(world)
    code = await authorization_code(world)
    with pytest.raises(Refused) as refused:
        await exchange(world, code, **wrong)
    assert refused.value.code == "invalid_grant"
    # Used up: whoever stole it has one guess at the verifier.
    with pytest.raises(Refused):
        await exchange(world, code)


async def test_a_new_password_withdraws_what_was_approved_with_the_old_one(world: World) -> None:
    code = await authorization_code(world)
    await new_password(world)
    with pytest.raises(Refused):
        await exchange(world, code)


async def test_a_code_runs_out_after_two_minutes(world: World) -> None:
    early, late = await authorization_code(world), await authorization_code(world)
    world.clock.advance(minutes=2, microseconds=-1)
    await exchange(world, early)
    world.clock.advance(microseconds=1)
    with pytest.raises(Refused):
        await exchange(world, late)


@pytest.mark.parametrize(
    ("name", "audience"), [("tina", ADMINS), ("ada", wish().audience), ("olga", ADMINS)]
)
async def test_only_the_endpoints_own_people_approve(
    world: World, name: str, audience: str
) -> None:
    both_endpoints(world)
    with pytest.raises(Refused):
        await authorization_code(world, name, audience)


async def test_an_admin_approves_with_a_one_time_code(world: World) -> None:
    both_endpoints(world)
    code = await authorization_code(world, "ada", ADMINS)
    assert (await exchange(world, code, program(ADMINS))).account.name == "ada"
    with pytest.raises(NotSignedIn):
        await authorization_code(world, "ada", ADMINS)  # the same one-time code again


async def test_nobody_fills_the_audit_log_with_refusals(world: World) -> None:
    """To turn a program away takes no proof, and each time is a record."""
    for _ in range(20):
        await deny_program(world.s, wish(), address=WORKSTATION, now=world.now)
    with pytest.raises(Throttled):
        await deny_program(world.s, wish(), address=WORKSTATION, now=world.now)


async def test_a_code_that_keeps_coming_back_is_a_guess(world: World) -> None:
    code = await authorization_code(world)
    await exchange(world, code)
    for _ in range(20):
        with pytest.raises(Refused):
            await exchange(world, code)
    with pytest.raises(Throttled):
        await exchange(world, code)


async def test_every_step_is_one_record_without_a_secret(world: World) -> None:
    code = await authorization_code(world)
    await exchange(world, code)
    await deny_program(world.s, wish(), address=WORKSTATION, now=world.now)
    records = (await world.audit())[-3:]
    assert [(each.action, each.outcome, each.actor) for each in records] == [
        ("program.approve", "allowed", "tina"),
        ("token.issue", "allowed", "tina"),
        ("program.deny", "allowed", ""),
    ]
    everything = repr(records) + repr(await world.rows())
    for secret in (code, VERIFIER, PASSWORD):
        assert secret not in everything.replace(f"hash of {PASSWORD}", "")
