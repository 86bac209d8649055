"""Only the gateway's own pages open streams and change things (SECURITY D1)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from websockets.exceptions import InvalidStatus

from gateway.actions.workstations import grant_workstation, revoke_workstation
from tests.doubles.standing import NODE
from tests.doubles.visitors import FROM_OUR_PAGE, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREIGN = {
    "absent": None,
    "null": "null",
    "another host": "https://evil.example",
    "another scheme": "http://localhost:{port}",
    "another port": "https://localhost:1",
    "no port": "https://localhost",
    "a longer host": "https://localhost:{port}.evil.example",
    "the host's address": "https://127.0.0.1:{port}",
    "a path behind it": "https://localhost:{port}/",
    "two in one": "https://localhost:{port}, https://evil.example",
}
SPOOFED = {
    "X-Forwarded-Host": "localhost",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=localhost;proto=https",
}


def origin_of(site: Site, kind: str) -> str | None:
    origin = FOREIGN[kind]
    return origin.format(port=site.port) if origin else None


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_foreign_page_opens_no_stream(kind: str, site: Site) -> None:
    """403 before the upgrade; the ticket stays good, nobody is dialled."""
    consent = await site.consent()
    olga = await site.opened(consent)
    ticket, dials = await olga.ticket(consent), len(site.hypervisor.conversations)
    with pytest.raises(InvalidStatus) as refused:
        async with olga.enter(consent, ticket, origin=origin_of(site, kind), headers=SPOOFED):
            pass
    assert refused.value.response.status_code == 403
    assert len(site.hypervisor.conversations) == dials
    async with olga.enter(consent, ticket) as viewer:
        await viewer.start()


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_foreign_page_changes_nothing(kind: str, site: Site) -> None:
    origin = origin_of(site, kind)
    await changes_nothing(site, {"Origin": origin} if origin else {})


@pytest.mark.parametrize("where", ["cross-site", "same-site", "none"])
async def test_what_the_browser_says_of_the_sender_counts(where: str, site: Site) -> None:
    await changes_nothing(site, {"Sec-Fetch-Site": where, "Origin": site.standing.base})


async def changes_nothing(site: Site, headers: Mapping[str, str]) -> None:
    consent = await site.consent("web02")
    contoso = await site.signed_in("contoso")
    before = await site.audited()
    answer = await contoso.post(f"/consents/{consent}/end", {}, headers={**headers, **SPOOFED})
    assert answer.status == 403
    assert await site.audited() == before
    assert (await contoso.post(f"/consents/{consent}/end", {})).status == 303


async def test_our_own_page_without_its_token_changes_nothing(site: Site) -> None:
    contoso = await site.signed_in("contoso")
    refused = await contoso.ask("POST", "/sign-out", FROM_OUR_PAGE, data={})
    assert refused.status == 403
    assert (await contoso.get("/tenant")).status == 200


async def test_another_persons_token_changes_nothing(site: Site) -> None:
    contoso, fabrikam = await site.signed_in("contoso"), await site.signed_in("fabrikam")
    data = {"form_token": await fabrikam.form_token("/tenant")}
    assert (await contoso.ask("POST", "/sign-out", FROM_OUR_PAGE, data=data)).status == 403
    assert (await contoso.get("/tenant")).status == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_nobody_talks_themself_onto_the_safelist(header: str, site: Site) -> None:
    services, admin, now = site.services, site.admin, site.clock()
    await grant_workstation(services, admin, NODE, "127.0.0.1", now=now)
    await revoke_workstation(services, admin, NODE, "127.0.0.0/8", now=now)
    try:
        consent = await site.consent("web02")
        olga = await site.signed_in("olga", "127.0.3.1")
        form = {"form_token": await olga.form_token("/sign-ins"), **olga.proof()}
        headers = {**FROM_OUR_PAGE, header: "127.0.0.1"}
        answer = await olga.ask("POST", f"/consents/{consent}/open", headers, data=form)
        assert answer.status == 403
        last = (await site.audit())[-1]
        assert (last.code, last.address) == ("WorkstationNotSafelisted", "127.0.3.1")
    finally:
        await grant_workstation(services, admin, NODE, "127.0.0.0/8", now=now)


async def test_nobody_guesses_on_under_made_up_addresses(site: Site) -> None:
    guesser = site.person("Gustav", "127.0.3.2")
    token = await guesser.form_token("/join")
    statuses = []
    for number in range(22):
        headers = {**FROM_OUR_PAGE, "X-Forwarded-For": f"203.0.113.{number}"}
        form = {"form_token": token, "secret": f"{number:043}", "name": "Gustav"}
        statuses.append((await guesser.ask("POST", "/join", headers, data=form)).status)
    assert statuses == [404] * 20 + [429] * 2
