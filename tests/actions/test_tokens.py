"""Tokens of Resource Manager's clients: whose they are, how long they count, what ends them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from gateway.actions.accounts import disable_account
from gateway.actions.authenticate import actor_of, authenticate
from gateway.actions.device_sign_in import grant_by_device_code
from gateway.actions.password_grant import WRONG, grant_by_password
from gateway.actions.refresh_grant import grant_by_refresh_token
from gateway.actions.sign_in import end_sign_in, sign_out
from gateway.actions.tokens import Issued, Program, authenticate_token, require_audience
from gateway.errors import GatewayError, NotSignedIn, Refused, Throttled
from gateway.policy.facts import Role
from gateway.store import new_id
from tests.actions.arm_clients import (
    ADMINS,
    AZURE_CLI,
    PROGRAM_AT,
    TENANTS,
    approve,
    asked,
    both_endpoints,
    by_password,
    opens,
    program,
)
from tests.actions.world import PASSWORD, World


async def refreshed(world: World, secret: str, asker: Program | None = None) -> Issued:
    chosen = asker or program()
    return await grant_by_refresh_token(world.s, chosen, secret=secret, now=world.now)


async def test_a_token_tells_who_is_behind_it_and_from_where(world: World) -> None:
    issued = await by_password(world)
    session = await authenticate_token(
        world.s, issued.access, audience=TENANTS, address="192.0.2.1", now=world.now
    )
    assert (session.actor.name, session.actor.role) == ("tina", Role.TENANT)
    assert session.actor.address == "192.0.2.1"
    assert (session.sign_in.kind, session.sign_in.address) == ("arm", PROGRAM_AT)


async def test_a_token_counts_at_its_own_endpoint_alone(world: World) -> None:
    both_endpoints(world)
    issued = await by_password(world)
    assert await opens(world, issued.access, TENANTS)
    assert not await opens(world, issued.access, ADMINS)


async def test_a_refresh_token_is_no_access_token_and_the_reverse(world: World) -> None:
    issued = await by_password(world)
    assert issued.refresh is not None
    assert not await opens(world, issued.refresh)
    with pytest.raises(Refused):
        await refreshed(world, issued.access)


@pytest.mark.parametrize("kind", ["browser", "bearer"])
async def test_a_token_is_no_cookie_and_no_bearer_of_the_api(world: World, kind: str) -> None:
    issued = await by_password(world)
    with pytest.raises(NotSignedIn):
        await authenticate(world.s, issued.access, kind=kind, address=PROGRAM_AT, now=world.now)


async def test_an_access_token_lasts_an_hour_however_busy_it_is(world: World) -> None:
    issued = await by_password(world)
    for _ in range(59):
        world.clock.advance(minutes=1)
        assert await opens(world, issued.access)
    world.clock.advance(minutes=1)
    assert not await opens(world, issued.access)
    assert issued.access_ends == world.now


async def test_an_admins_token_never_says_that_it_outlives_an_idle_sign_in(world: World) -> None:
    both_endpoints(world)
    waiting = await asked(world, ADMINS)
    await approve(world, waiting.user_code, "ada", ADMINS)
    issued = await _collected(world, waiting.secret, ADMINS)
    world.clock.advance(minutes=15, microseconds=-1)
    assert await opens(world, issued.access, ADMINS)
    world.clock.advance(microseconds=1)
    assert issued.access_ends == world.now
    assert not await opens(world, issued.access, ADMINS)


async def _collected(world: World, secret: str, audience: str) -> Issued:
    return await grant_by_device_code(world.s, program(audience), secret=secret, now=world.now)


async def test_use_keeps_the_sign_in_alive_and_so_does_a_refresh(world: World) -> None:
    issued = await by_password(world)
    for _ in range(3):
        world.clock.advance(minutes=59)
        assert issued.refresh is not None
        issued = await refreshed(world, issued.refresh)
    assert await opens(world, issued.access)
    world.clock.advance(minutes=60)
    assert issued.refresh is not None
    with pytest.raises(Refused, match="over"):
        await refreshed(world, issued.refresh)


async def test_a_sign_in_is_over_after_a_day_whatever_is_refreshed(world: World) -> None:
    issued = await by_password(world)
    for _ in range(24):
        assert issued.refresh is not None
        issued = await refreshed(world, issued.refresh)
        world.clock.advance(minutes=59, seconds=59)
    assert issued.refresh is not None
    issued = await refreshed(world, issued.refresh)
    # 24 s are left of the day, and the newest access token knows.
    assert (issued.access_ends - world.now).total_seconds() == 24


async def sign_out_by_token(world: World, issued: Issued) -> None:
    session = await authenticate_token(
        world.s, issued.access, audience=TENANTS, address=PROGRAM_AT, now=world.now
    )
    await sign_out(world.s, session, now=world.now)


async def ended_by_an_admin(world: World, issued: Issued) -> None:
    ada = actor_of(world.accounts["ada"], new_id(), PROGRAM_AT)
    await end_sign_in(world.s, ada, issued.sign_in.id, now=world.now)


async def account_locked(world: World, issued: Issued) -> None:
    ada = actor_of(world.accounts["ada"], new_id(), PROGRAM_AT)
    await disable_account(world.s, ada, issued.account.id, now=world.now)


@pytest.mark.parametrize("end", [sign_out_by_token, ended_by_an_admin, account_locked])
async def test_whatever_ends_the_sign_in_ends_its_tokens(
    world: World, end: Callable[[World, Issued], Awaitable[None]]
) -> None:
    issued = await by_password(world)
    await end(world, issued)
    assert not await opens(world, issued.access)
    assert issued.refresh is not None
    with pytest.raises(Refused, match="over"):
        await refreshed(world, issued.refresh)


async def test_a_refresh_token_works_once_and_yields_the_next(world: World) -> None:
    first = await by_password(world)
    assert first.refresh is not None
    second = await refreshed(world, first.refresh)
    assert second.sign_in.id == first.sign_in.id
    assert await opens(world, second.access)
    assert second.refresh not in (None, first.refresh)


async def test_a_refresh_token_that_comes_back_ends_the_sign_in(world: World) -> None:
    # RFC 9700 §4.14.2: owner or thief, nobody can tell.
    first = await by_password(world)
    assert first.refresh is not None
    second = await refreshed(world, first.refresh)
    with pytest.raises(Refused):
        await refreshed(world, first.refresh)
    assert not await opens(world, first.access)
    assert not await opens(world, second.access)
    assert second.refresh is not None
    with pytest.raises(Refused):
        await refreshed(world, second.refresh)
    reuse = (await world.audit())[-2]
    assert (reuse.outcome, dict(reuse.facts)["ended"]) == (
        "denied",
        "a refresh token was used twice",
    )


@pytest.mark.parametrize(
    "thief", [program(client_id="another"), program(ADMINS)], ids=["another client", "endpoint"]
)
async def test_a_refresh_token_is_its_programs_own(world: World, thief: Program) -> None:
    both_endpoints(world)
    issued = await by_password(world)
    assert issued.refresh is not None
    with pytest.raises(Refused, match="over"):
        await refreshed(world, issued.refresh, thief)
    # And the attempt takes nothing from its owner.
    assert await opens(world, (await refreshed(world, issued.refresh)).access)


@pytest.mark.parametrize("name", ["ada", "olga", "nobody"])
async def test_a_password_alone_signs_in_nobody_who_needs_a_code(world: World, name: str) -> None:
    """With one text for all: it tells neither that the name exists nor that the password fits."""
    both_endpoints(world)
    texts = set()
    for password in (PASSWORD, "wrong"):
        with pytest.raises(Refused) as refused:
            await grant_by_password(
                world.s, program(ADMINS), name=name, password=password,
                refreshable=True, now=world.now,
            )  # fmt: skip
        texts.add((refused.value.code, refused.value.reason))
    assert texts == {("invalid_grant", WRONG)}


async def test_a_tenant_has_no_token_at_the_administrators_endpoint(world: World) -> None:
    both_endpoints(world)
    with pytest.raises(Refused, match="administrators' endpoint") as refused:
        await by_password(world, "tina", ADMINS)
    assert refused.value.code == "unauthorized_client"


async def test_five_wrong_passwords_are_enough(world: World) -> None:
    async def guess(password: str) -> Exception:
        with pytest.raises(GatewayError) as error:
            await grant_by_password(
                world.s, program(), name="tina", password=password, refreshable=True, now=world.now
            )
        return error.value

    for _ in range(5):
        assert isinstance(await guess("wrong"), Refused)
    assert isinstance(await guess(PASSWORD), Throttled)
    assert world.passwords.checked == 5


async def test_twenty_made_up_refresh_tokens_are_enough(world: World) -> None:
    for number in range(20):
        with pytest.raises(Refused):
            await refreshed(world, f"made up {number}")
    issued = await by_password(world)
    assert issued.refresh is not None
    with pytest.raises(Throttled):
        await refreshed(world, issued.refresh)


async def test_a_refresh_token_that_keeps_coming_back_is_a_guess(world: World) -> None:
    stolen = (await by_password(world)).refresh or ""
    await refreshed(world, stolen)
    for _ in range(20):
        with pytest.raises(Refused):
            await refreshed(world, stolen)
    with pytest.raises(Throttled):
        await refreshed(world, stolen)


async def test_every_grant_and_refusal_is_one_record(world: World) -> None:
    before = len(await world.audit())
    issued = await by_password(world)
    assert issued.refresh is not None
    await refreshed(world, issued.refresh)
    with pytest.raises(Refused):
        await refreshed(world, issued.refresh)
    records = (await world.audit())[before:]
    assert [(each.action, each.outcome, each.actor) for each in records] == [
        ("token.issue", "allowed", "tina"),
        ("token.issue", "allowed", "tina"),
        ("token.issue", "denied", ""),
    ]
    assert dict(records[0].facts)["client_id"] == AZURE_CLI
    assert dict(records[0].facts)["sign_in"] == issued.sign_in.id


async def test_no_token_lies_in_the_store_or_in_the_audit_log(world: World) -> None:
    issued = await by_password(world)
    everything = repr(await world.rows()) + repr(await world.audit())
    assert issued.access not in everything
    assert issued.refresh is not None
    assert issued.refresh not in everything
    assert issued.access not in repr(issued)
    assert PASSWORD not in repr(await world.audit())


async def test_tokens_that_ran_out_are_forgotten(world: World) -> None:
    await by_password(world)
    world.clock.advance(hours=25)
    await by_password(world)
    assert len((await world.rows())["tokens"]) == 2


@pytest.mark.parametrize(
    "scope",
    [
        "https://gateway.example/.default",
        "https://gateway.example//.default",
        "https://GATEWAY.example/user_impersonation",
        "https://gateway.example/",
        "https://gateway.example",
        "openid",
        "offline_access",
    ],
)
def test_the_endpoint_is_known_however_it_is_written(scope: str) -> None:
    require_audience([scope], TENANTS)


@pytest.mark.parametrize(
    "scope",
    [
        "https://management.azure.com/.default",
        "https://gateway.example.evil/.default",
        "https://gateway.example:444/.default",
        "https://admin.gateway.example/.default",
        "http://gateway.example/.default",
        ".default",
        "/.default",
    ],
)
def test_another_resource_is_refused(scope: str) -> None:
    with pytest.raises(Refused, match="ask for the scope") as refused:
        require_audience(["openid", scope], TENANTS)
    assert refused.value.code == "invalid_scope"
