"""Set-up links: how an account gets its credentials, once."""

from __future__ import annotations

from dataclasses import replace

import pyotp
import pytest

from gateway.actions.accounts import (
    NewAccount,
    create_account,
    disable_account,
    first_start,
    issue_setup_link,
)
from gateway.actions.set_up import finish_setup, look_up_setup_link
from gateway.actions.sign_in import sign_in
from gateway.errors import Conflict, GatewayError, InvalidInput, NotFound, Throttled
from gateway.policy.facts import Role
from gateway.store import Account, Store
from tests.actions.world import CONTOSO, WORKSTATION, World

GOOD = "correct horse battery"


async def new(world: World, name: str, role: Role, *subscriptions: str) -> NewAccount:
    ada = await world.session("ada")
    return await create_account(
        world.s, ada.actor, name=name, role=role, subscriptions=subscriptions, now=world.now
    )


async def look(world: World, secret: str) -> str | None:
    found = await look_up_setup_link(world.s, secret, address=WORKSTATION, now=world.now)
    return found.code_secret


async def finish(world: World, secret: str, code: str | None, password: str = GOOD) -> Account:
    return await finish_setup(
        world.s, secret, password=password, code=code, address=WORKSTATION, now=world.now
    )


async def test_an_operator_chooses_a_password_and_confirms_the_authenticator(world: World) -> None:
    invited = await new(world, "opal", Role.CLOUDADMIN)
    code_secret = await look(world, invited.secret)
    assert code_secret is not None
    assert await look(world, invited.secret) == code_secret, "a reload shows the same QR code"
    with pytest.raises(InvalidInput) as refused:
        await finish(world, invited.secret, "000000")
    assert refused.value.field == "code"
    code = pyotp.TOTP(code_secret).at(world.now)
    await finish(world, invited.secret, code)
    # The code proved the enrolment; it may sign in next.
    signed_in = await sign_in(
        world.s,
        name="opal",
        password=GOOD,
        code=code,
        address=WORKSTATION,
        user_agent="",
        kind="bearer",
        now=world.now,
    )
    assert signed_in.actor.role is Role.CLOUDADMIN


async def test_a_tenant_needs_no_code(world: World) -> None:
    invited = await new(world, "tom", Role.TENANT, CONTOSO.upper())
    assert invited.account.subscriptions == {CONTOSO}
    assert await look(world, invited.secret) is None
    account = await finish(world, invited.secret, None)
    assert account.code_secret is None


async def test_a_code_cannot_be_confirmed_before_it_was_shown(world: World) -> None:
    invited = await new(world, "opal", Role.CLOUDADMIN)
    with pytest.raises(InvalidInput):
        await finish(world, invited.secret, "123456")


@pytest.mark.parametrize("password", ["short", "password1234", "", "x" * 5000])
async def test_a_weak_password_is_refused_and_the_link_stays(world: World, password: str) -> None:
    invited = await new(world, "tom", Role.TENANT, CONTOSO)
    with pytest.raises(InvalidInput):
        await finish(world, invited.secret, None, password)
    await finish(world, invited.secret, None)


async def test_a_link_works_once_and_its_code_secret_is_forgotten(world: World) -> None:
    invited = await new(world, "opal", Role.CLOUDADMIN)
    code_secret = await look(world, invited.secret)
    assert code_secret is not None
    await finish(world, invited.secret, pyotp.TOTP(code_secret).at(world.now))
    with pytest.raises(NotFound):
        await look(world, invited.secret)
    with pytest.raises(NotFound):
        await finish(world, invited.secret, pyotp.TOTP(code_secret).at(world.now))
    async with world.store.reading() as unit:
        (link,) = await unit.setup_links.for_account(invited.account.id)
    assert link.code_secret is None


async def test_every_dead_link_gets_one_answer(world: World) -> None:
    ada = await world.session("ada")
    used = await new(world, "a", Role.TENANT)
    await finish(world, used.secret, None)
    replaced = await new(world, "b", Role.TENANT)
    fresh = await issue_setup_link(world.s, ada.actor, replaced.account.id, now=world.now)
    locked = await new(world, "c", Role.TENANT)
    await disable_account(world.s, ada.actor, locked.account.id, now=world.now)
    answers = set()
    for secret in (used.secret, replaced.secret, locked.secret, "unknown", "", "\ud800"):
        with pytest.raises(NotFound) as refused:
            await look(world, secret)
        answers.add(str(refused.value))
    world.clock.advance(hours=24)
    with pytest.raises(NotFound) as refused:
        await look(world, fresh.secret)
    assert answers == {str(refused.value)}


async def test_a_new_password_ends_the_sign_ins_and_the_other_links(world: World) -> None:
    ada, olga = await world.session("ada"), await world.session("olga")
    invited = await issue_setup_link(world.s, ada.actor, olga.account.id, now=world.now)
    async with world.store.reading() as unit:
        before = await unit.sign_ins.for_account(olga.account.id)
    assert before, "an unused link changes nothing yet"
    code_secret = await look(world, invited.secret)
    assert code_secret is not None
    await finish(world, invited.secret, pyotp.TOTP(code_secret).at(world.now))
    async with world.store.reading() as unit:
        assert not await unit.sign_ins.for_account(olga.account.id)


async def test_guessing_links_is_throttled_and_recorded(world: World) -> None:
    codes = []
    for number in range(22):
        with pytest.raises((NotFound, Throttled)) as refused:
            await look(world, f"guess {number}")
        codes.append(refused.value.code)
    assert codes == ["NotFound"] * 20 + ["TooManyRequests"] * 2
    assert [r.code for r in await world.audit()] == codes[:21]
    invited = await new(world, "tom", Role.TENANT)
    other_address = await look_up_setup_link(
        world.s, invited.secret, address="10.0.0.99", now=world.now
    )
    assert other_address.name == "tom"


@pytest.mark.parametrize("name", ["", "a b", "<b>", "-x", "x" * 65, "\u202eadmin", "ol\nga"])
async def test_a_strange_account_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(InvalidInput):
        await new(world, name, Role.TENANT)


async def test_a_name_is_taken_in_any_case(world: World) -> None:
    with pytest.raises(Conflict):
        await new(world, "TINA", Role.TENANT)
    assert (await world.audit())[-1].code == "Conflict"


@pytest.mark.parametrize(
    ("role", "subscriptions"), [(Role.TENANT, ["contoso"]), (Role.ADMIN, [CONTOSO])]
)
async def test_subscriptions_are_guids_and_a_tenants(
    world: World, role: Role, subscriptions: list[str]
) -> None:
    with pytest.raises(InvalidInput):
        await new(world, "somebody", role, *subscriptions)


# First start


@pytest.fixture
async def empty(tmp_path: object) -> object:
    opened = await Store.open(f"sqlite:///{tmp_path}/empty.sqlite3")
    yield World(opened)
    await opened.close()


async def test_first_start_invites_the_admin_until_they_have_signed_up(empty: World) -> None:
    first = await first_start(empty.s, now=empty.now)
    assert first is not None
    assert (first.account.name, first.account.role) == ("admin", Role.ADMIN)
    again = await first_start(empty.s, now=empty.now)
    assert again is not None
    assert again.account == first.account
    with pytest.raises(NotFound):
        await look(empty, first.secret)
    code_secret = await look(empty, again.secret)
    assert code_secret is not None
    await finish(empty, again.secret, pyotp.TOTP(code_secret).at(empty.now))
    assert await first_start(empty.s, now=empty.now) is None
    acts = [(r.actor, r.action) for r in await empty.audit()][:2]
    assert acts == [("gateway", "account.create"), ("gateway", "account.setup_link")]


async def test_a_link_dies_while_its_password_is_hashed(world: World) -> None:
    """The link is asked for again after the hash: two people with one link are one account."""
    invited = await new(world, "tom", Role.TENANT)
    hash_password = world.passwords.hash

    async def slowly(password: str) -> str:
        world.passwords.hash = hash_password  # type: ignore[method-assign]
        await finish(world, invited.secret, None, GOOD + " first")
        return await hash_password(password)

    world.passwords.hash = slowly  # type: ignore[method-assign]
    with pytest.raises(GatewayError):
        await finish(world, invited.secret, None)
    async with world.store.reading() as unit:
        account = await unit.accounts.by_id(invited.account.id)
    assert account == replace(account, password_hash=f"hash of {GOOD} first")  # type: ignore[type-var]
