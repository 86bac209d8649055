"""Client credentials: given by an admin, for a while, and taken back with all that came of them."""

from __future__ import annotations

import pytest

from gateway.actions.accounts import disable_account
from gateway.actions.authenticate import actor_of
from gateway.actions.credential_grant import WRONG, grant_by_credential
from gateway.actions.credentials import (
    NewCredential,
    add_credential,
    list_credentials,
    revoke_credential,
)
from gateway.actions.tokens import Issued
from gateway.errors import InvalidInput, NotFound, Refused, Throttled
from gateway.policy.facts import Actor
from gateway.store import new_id
from tests.actions.arm_clients import (
    ADMINS,
    PROGRAM_AT,
    TENANTS,
    both_endpoints,
    opens,
    program,
)
from tests.actions.world import WORKSTATION, World


def ada(world: World) -> Actor:
    return actor_of(world.accounts["ada"], new_id(), WORKSTATION)


async def added(world: World, name: str = "tina", *, days: int = 30) -> NewCredential:
    return await add_credential(
        world.s,
        ada(world),
        account_id=world.accounts[name].id,
        label="nightly checks",
        days=days,
        now=world.now,
    )


async def signed_in(
    world: World, made: NewCredential, audience: str = TENANTS, secret: str | None = None
) -> Issued:
    asker = program(audience, client_id=made.named.credential.id)
    return await grant_by_credential(world.s, asker, secret=secret or made.secret, now=world.now)


@pytest.mark.parametrize(("name", "audience"), [("tina", TENANTS), ("ada", ADMINS)])
async def test_a_program_signs_in_as_its_account(world: World, name: str, audience: str) -> None:
    both_endpoints(world)
    issued = await signed_in(world, await added(world, name), audience)
    assert issued.account.name == name
    assert issued.refresh is None  # RFC 6749 §4.4.3
    assert await opens(world, issued.access, audience)


@pytest.mark.parametrize(("name", "audience"), [("tina", ADMINS), ("ada", TENANTS)])
async def test_its_account_must_belong_to_the_endpoint(
    world: World, name: str, audience: str
) -> None:
    both_endpoints(world)
    with pytest.raises(Refused) as refused:
        await signed_in(world, await added(world, name), audience)
    assert refused.value.code == "unauthorized_client"


async def test_a_programs_sign_in_lasts_an_hour_also_when_idle(world: World) -> None:
    """An admin's own would be over after 15 idle minutes; a program trusts `expires_in`."""
    both_endpoints(world)
    issued = await signed_in(world, await added(world, "ada"), ADMINS)
    world.clock.advance(minutes=60, microseconds=-1)
    assert await opens(world, issued.access, ADMINS)
    world.clock.advance(microseconds=1)
    assert not await opens(world, issued.access, ADMINS)


async def test_no_token_outlives_its_credential(world: World) -> None:
    made = await added(world, days=1)
    world.clock.advance(hours=23, minutes=50)
    issued = await signed_in(world, made)
    assert issued.access_ends == made.named.credential.expires_at
    world.clock.advance(minutes=10)
    assert not await opens(world, issued.access)
    with pytest.raises(Refused, match="MSIS9622"):
        await signed_in(world, made)


async def test_revoking_one_ends_what_its_program_is_signed_in_with(world: World) -> None:
    made, other = await added(world), await added(world)
    issued, others = await signed_in(world, made), await signed_in(world, other)
    ended = await revoke_credential(world.s, ada(world), made.named.credential.id, now=world.now)
    assert ended == 1
    assert not await opens(world, issued.access)
    assert await opens(world, others.access)
    with pytest.raises(Refused, match="MSIS9622"):
        await signed_in(world, made)


async def test_locking_the_account_locks_its_programs(world: World) -> None:
    made = await added(world)
    issued = await signed_in(world, made)
    await disable_account(world.s, ada(world), world.accounts["tina"].id, now=world.now)
    assert not await opens(world, issued.access)
    with pytest.raises(Refused, match="MSIS9622"):
        await signed_in(world, made)


async def test_unknown_and_wrong_are_one_answer_and_are_counted(world: World) -> None:
    made = await added(world)
    asker = program(client_id="1b9e8d2c-0000-4000-8000-00000000c1d0")
    for number in range(20):
        with pytest.raises(Refused) as refused:
            if number % 2:
                await signed_in(world, made, secret="eva_wrong")
            else:
                await grant_by_credential(world.s, asker, secret=made.secret, now=world.now)
        assert (refused.value.code, refused.value.reason) == ("invalid_client", WRONG)
    with pytest.raises(Throttled):
        await signed_in(world, made)


async def test_what_was_revoked_and_still_tries_is_throttled(world: World) -> None:
    made = await added(world)
    await revoke_credential(world.s, ada(world), made.named.credential.id, now=world.now)
    for _ in range(20):
        with pytest.raises(Refused):
            await signed_in(world, made)
    with pytest.raises(Throttled):
        await signed_in(world, made)


async def test_many_programs_of_one_credential_sign_in_at_once(world: World) -> None:
    made = await added(world)
    for _ in range(30):
        await signed_in(world, made)


async def test_an_operator_has_no_program(world: World) -> None:
    with pytest.raises(InvalidInput, match="in person"):
        await added(world, "olga")


@pytest.mark.parametrize("days", [0, 366, -1])
async def test_a_credential_lasts_a_year_at_most(world: World, days: int) -> None:
    with pytest.raises(InvalidInput, match="days"):
        await added(world, days=days)


@pytest.mark.parametrize("name", ["tina", "olga"])
async def test_only_an_admin_gives_lists_and_revokes(world: World, name: str) -> None:
    made = await added(world)
    actor = actor_of(world.accounts[name], new_id(), WORKSTATION)
    with pytest.raises(Refused):
        await add_credential(
            world.s, actor, account_id=world.accounts["tina"].id, label="x", days=1, now=world.now
        )
    with pytest.raises(Refused):
        await list_credentials(world.s, actor, now=world.now)
    with pytest.raises(Refused):
        await revoke_credential(world.s, actor, made.named.credential.id, now=world.now)
    assert [each.outcome for each in (await world.audit())[-3:]] == ["denied"] * 3


async def test_all_are_listed_the_revoked_too(world: World) -> None:
    first = await added(world)
    world.clock.advance(seconds=1)
    second = await added(world, "ada")
    await revoke_credential(world.s, ada(world), first.named.credential.id, now=world.now)
    listed = await list_credentials(world.s, ada(world), now=world.now)
    assert [(one.credential.id, one.name) for one in listed] == [
        (second.named.credential.id, "ada"),
        (first.named.credential.id, "tina"),
    ]
    assert listed[1].credential.revoked_at == world.now


@pytest.mark.parametrize("unknown", ["0" * 36, "\0", "\ud800", "", "x" * 5000])
async def test_what_is_no_credential_is_not_found(world: World, unknown: str) -> None:
    with pytest.raises(NotFound):
        await revoke_credential(world.s, ada(world), unknown, now=world.now)


async def test_the_secret_is_said_once_and_lies_nowhere(world: World) -> None:
    made = await added(world)
    await signed_in(world, made)
    assert made.secret.startswith("eva_")
    assert made.secret not in repr(made) + repr(await world.rows()) + repr(await world.audit())
    assert PROGRAM_AT in repr(await world.rows())
