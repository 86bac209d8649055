"""What the gateway sets in a browser, and when it changes (SECURITY A4)."""

from __future__ import annotations

import pytest

from gateway.edge import SIGN_IN_COOKIE
from tests.doubles.visitors import FROM_OUR_PAGE, Person, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


def with_cookie(site: Site, secret: str) -> Person:
    """Another browser that has got hold of that cookie."""
    return Person(site, "thief", cookies={SIGN_IN_COOKIE: secret})


async def test_a_cookie_planted_before_the_sign_in_is_not_taken_over(site: Site) -> None:
    olga = site.person("olga")
    olga.cookies[SIGN_IN_COOKIE] = planted = "A" * 43
    await olga.sign_in()
    assert olga.cookies[SIGN_IN_COOKIE] != planted
    assert (await with_cookie(site, planted).get("/operator")).status == 303


async def test_signing_in_again_ends_what_the_browser_had(site: Site) -> None:
    contoso = await site.signed_in("contoso")
    first = contoso.cookies[SIGN_IN_COOKIE]
    form = {"name": "contoso", **contoso.proof()}
    assert (await contoso.post("/sign-in", form)).status == 303
    assert contoso.cookies[SIGN_IN_COOKIE] != first
    assert (await with_cookie(site, first).get("/tenant")).status == 303
    assert (await contoso.get("/tenant")).status == 200


async def test_a_step_up_changes_the_cookie_and_the_token(site: Site) -> None:
    consent = await site.consent()
    olga = await site.signed_in("olga")
    first = olga.cookies[SIGN_IN_COOKIE]
    await olga.step_up(consent)
    assert olga.cookies[SIGN_IN_COOKIE] != first
    old = await with_cookie(site, first).ask("POST", f"/consoles/{consent}/tickets", FROM_OUR_PAGE)
    assert old.status in {401, 403}
    assert (await with_cookie(site, first).get("/operator")).status == 303
    script = await site.person("omar").sign_in_to_api()
    body = {"resource_id": site.vm("web01"), **script.proof()}
    opened = await script.api("POST", "consoles", body)
    assert opened.status == 201
    assert (await script.api("GET", "sign-ins/current")).status == 401
    fresh = opened.json["token"]
    assert (await script.api("GET", "sign-ins/current", token=fresh)).status == 200


async def test_a_failed_step_up_changes_nothing(site: Site) -> None:
    consent = await site.consent()
    olga = await site.signed_in("olga")
    first = olga.cookies[SIGN_IN_COOKIE]
    wrong = {**olga.proof(), "password": "not hers, by far"}
    assert (await olga.post(f"/consents/{consent}/open", wrong)).status == 401
    assert olga.cookies[SIGN_IN_COOKIE] == first
    assert (await olga.get("/operator")).status == 200


async def test_every_cookie_is_this_hosts_alone(site: Site) -> None:
    """ASVS V3.3: `__Host-`, Secure, HttpOnly, SameSite, Path=/, no Domain: set or dropped."""
    consent = await site.consent()
    olga = await site.opened(consent)
    async with olga.enter(consent) as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        gustav, contoso = site.person("Gustav"), await site.signed_in("contoso")
        await gustav.join(await olga.share(consent))
        await gustav.post("/leave", {}, page="/join")
        await contoso.post(f"/consents/{consent}/end", {})
        await contoso.get("/tenant")  # says once what was done, and forgets it
    await olga.post("/sign-out", {})
    stale = with_cookie(site, "A" * 43)
    await stale.get("/operator")
    lines = [line for who in (olga, gustav, contoso, stale) for line in who.set_cookies]
    names = {line.partition("=")[0] for line in lines}
    assert names == {"__Host-eva", "__Host-eva-visit", "__Host-eva-said"}
    for line in lines:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= attributes, line
        assert not any(attribute.startswith("domain") for attribute in attributes), line


async def test_the_api_sets_no_cookie(site: Site) -> None:
    contoso = site.person("contoso")
    answer = await contoso.api("POST", "sign-ins", {"user": "contoso", **contoso.proof()})
    assert answer.status == 201
    assert "Set-Cookie" not in answer.headers
