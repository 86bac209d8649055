"""Whose sign-in ends is out within a second: pages, tokens and live streams (SECURITY A8)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from gateway.actions.accounts import enable_account
from gateway.edge import SIGN_IN_COOKIE
from tests.doubles.visitors import Person, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def signs_out(site: Site, person: Person) -> None:
    del site
    assert (await person.post("/sign-out", {})).status == 303


async def is_disabled(site: Site, person: Person) -> None:
    admin = await site.person("admin").sign_in_to_api()
    account = site.standing.accounts[person.name].id
    assert (await admin.api("PATCH", f"accounts/{account}", {"disabled": True})).status == 200


async def is_revoked_by_an_admin(site: Site, person: Person) -> None:
    admin = await site.person("admin").sign_in_to_api()
    for one in (await admin.api("GET", "sign-ins")).json["sign_ins"]:
        if one["name"] == person.name:
            assert (await admin.api("DELETE", f"sign-ins/{one['id']}")).status == 204


async def ends_it_elsewhere(site: Site, person: Person) -> None:
    """From another browser of the same person."""
    other = await site.person(person.name).sign_in_to_api()
    for one in (await other.api("GET", "sign-ins")).json["sign_ins"]:
        if one["kind"] == "browser":
            assert (await other.api("DELETE", f"sign-ins/{one['id']}")).status == 204


Act = Callable[[Site, Person], Awaitable[None]]


@pytest.mark.parametrize("name", ["olga", "contoso"])
@pytest.mark.parametrize("act", [signs_out, is_disabled, is_revoked_by_an_admin, ends_it_elsewhere])
async def test_whose_sign_in_ends_is_out_within_a_second(act: Act, name: str, site: Site) -> None:
    consent = await site.consent()
    olga, contoso = await site.opened(consent), await site.signed_in("contoso")
    person, home = {"olga": (olga, "/operator"), "contoso": (contoso, "/tenant")}[name]
    try:
        async with olga.enter(consent) as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
            async with contoso.stream(consent) as tenant:
                await tenant.start()
                await tenant.until(lambda: tenant.frames)
                viewer = operator if name == "olga" else tenant
                secret = person.cookies[SIGN_IN_COOKIE]
                ended = time.monotonic()
                await act(site, person)
                answered = time.monotonic()
                assert await viewer.closed(1) in {4410, 4503}
                print(f"{act.__name__}: answered after {answered - ended:.2f} s, "
                      f"dark {time.monotonic() - answered:.2f} s later")  # fmt: skip
                assert time.monotonic() - answered < 1
                person.cookies[SIGN_IN_COOKIE] = secret
                assert (await person.get(home)).status == 303
                assert (await person.get(f"/consoles/{consent}/events")).status == 303
                async with person.stream(consent) as again:
                    assert await again.closed() == 4403
                if name == "contoso":
                    assert operator.ws.close_code is None  # nobody else is out
    finally:
        account = site.standing.accounts[name].id
        await enable_account(site.services, site.admin, account, now=site.clock())


async def test_a_token_that_signed_out_is_dead(site: Site) -> None:
    contoso = await site.person("contoso").sign_in_to_api()
    assert (await contoso.api("DELETE", "sign-ins/current")).status == 204
    assert (await contoso.api("GET", "sign-ins/current")).status == 401


async def test_a_live_page_hears_that_it_is_over(site: Site) -> None:
    """The events of an open page end too; its last one says why."""
    consent = await site.consent()
    contoso = await site.signed_in("contoso")
    async with contoso.asking("GET", f"/consoles/{consent}/events") as events:
        assert events.status == 200
        assert await events.content.readline()
        await signs_out(site, contoso)
        rest = await events.content.read()
    assert b'"sign_in_ended"' in rest
