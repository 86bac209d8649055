"""The journeys through the pages, without a line of script."""

from __future__ import annotations

import re
from urllib.parse import quote

from gateway.actions.share_console import share_console
from tests.actions.world import CONTOSO, FAB01, NODE, PASSWORD, WEB01
from tests.web.conftest import Site

HOSTILE = '<img src=x onerror="alert(1)">\u202egnp'


async def test_a_tenant_reads_what_is_granted_then_allows_it(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = f"/tenant/consents/new?vm={quote(WEB01.vm.resource_id, safe='')}"
    terms = await (await tina.get(page)).text()
    for said in ("The operator can", "The operator cannot", "22:00 UTC", "web01"):
        assert said in terms
    form = {"resource_id": WEB01.vm.resource_id, "reason": "locked out"}
    response = await tina.post("/tenant/consents", form, page=page)
    assert response.headers["Location"] == "/tenant"
    assert NODE in await (await tina.get("/tenant")).text()


async def test_what_was_done_is_said_once(site: Site) -> None:
    tina = await site.signed_in("tina")
    form = {"resource_id": WEB01.vm.resource_id, "reason": "locked out"}
    await tina.post("/tenant/consents", form, page="/tenant")
    assert "Access is allowed until" in await (await tina.get("/tenant")).text()
    assert "Access is allowed until" not in await (await tina.get("/tenant")).text()


async def test_another_tenants_machine_is_not_there(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = f"/tenant/consents/new?vm={quote(FAB01.vm.resource_id, safe='')}"
    assert (await tina.get(page)).status == 404


async def test_an_operator_finds_the_request_and_must_step_up(site: Site) -> None:
    consent = await site.world.consent()
    olga = await site.signed_in("olga")
    assert "web01" in await (await olga.get("/operator")).text()
    response = await olga.get(f"/consoles/{consent.id}")
    assert response.headers["Location"] == f"/consents/{consent.id}/open"


async def test_the_step_up_changes_the_cookie_and_opens_the_console(site: Site) -> None:
    consent = await site.world.consent()
    olga = await site.signed_in("olga")
    before = olga.cookies["__Host-eva"]
    form = {"password": PASSWORD, "code": site.world.code("olga") or ""}
    response = await olga.post(f"/consents/{consent.id}/open", form)
    assert response.headers["Location"] == f"/consoles/{consent.id}"
    assert olga.cookies["__Host-eva"] != before
    page = await (await olga.get(f"/consoles/{consent.id}")).text()
    assert "Enter console" in page


async def test_a_failed_step_up_opens_nothing_and_keeps_the_sign_in(site: Site) -> None:
    consent = await site.world.consent()
    olga = await site.signed_in("olga")
    form = {"password": "wrong", "code": "000000"}
    response = await olga.post(f"/consents/{consent.id}/open", form)
    assert response.status == 401
    assert "Nothing was opened" in await response.text()
    assert (await olga.get("/operator")).status == 200


async def test_the_queue_keeps_its_filter_and_order_in_the_address(site: Site) -> None:
    await site.world.consent()
    olga = await site.signed_in("olga")
    assert "Nothing matches" in await (await olga.get("/operator?q=zzz")).text()
    page = await (await olga.get("/operator?q=web&sort=vm")).text()
    assert 'aria-sort="ascending"' in page
    assert "q=web&amp;sort=-vm" in page


async def test_an_empty_queue_says_what_to_do(site: Site) -> None:
    olga = await site.signed_in("olga")
    assert "Ask a tenant for access" in await (await olga.get("/operator")).text()


async def test_withdrawing_asks_once_then_says_what_happened(site: Site) -> None:
    consent = await site.world.consent()
    tina = await site.signed_in("tina")
    asked = await (await tina.get(f"/consents/{consent.id}/end")).text()
    assert "Withdraw access to web01?" in asked
    assert re.search(r'<a class="button"[^>]*autofocus>Cancel', asked), "focus is on Cancel"
    await tina.post(f"/consents/{consent.id}/end", {"reason": "done"})
    assert "Access to web01 was withdrawn" in await (await tina.get("/tenant")).text()


async def test_a_tenant_of_another_subscription_finds_no_consent(site: Site) -> None:
    consent = await site.world.consent()
    theo = await site.signed_in("theo")
    for path in (f"/consents/{consent.id}/end", f"/consoles/{consent.id}", "/consents/nope/end"):
        assert (await theo.get(path)).status == 404


async def test_hostile_names_arrive_as_text(site: Site) -> None:
    tina = await site.signed_in("tina")
    form = {"resource_id": WEB01.vm.resource_id, "reason": HOSTILE}
    await tina.post("/tenant/consents", form, page="/tenant")
    page = await (await tina.get("/tenant")).text()
    assert "<img src=x" not in page
    assert '<bdi class="name">&lt;img src=x' in page


async def test_a_guest_joins_by_a_link_and_sees_only_that_screen(site: Site) -> None:
    consent = await site.world.consent()
    olga = await site.world.session("olga")
    await site.world.enter(olga, consent)
    shared = await share_console(
        site.world.s, olga.actor, consent.id, label="Dana", capacity=1, now=site.world.now
    )
    guest = site.browser()
    response = await guest.post("/join", {"secret": shared.secret, "name": "Dana"})
    assert response.headers["Location"] == f"/shared/{consent.id}"
    page = await (await guest.get(f"/shared/{consent.id}")).text()
    assert "Watching only: your keyboard and mouse are not sent." in page
    assert "Enter console" not in page
    full = await site.browser().post("/join", {"secret": shared.secret, "name": "Eve"})
    assert "This link is full" in await full.text()


async def test_a_guest_lets_nobody_dial_the_hypervisor(site: Site) -> None:
    consent = await site.world.consent()
    olga = await site.world.session("olga")
    await site.world.enter(olga, consent)
    shared = await share_console(
        site.world.s, olga.actor, consent.id, label="Dana", capacity=1, now=site.world.now
    )
    guest = site.browser()
    await guest.post("/join", {"secret": shared.secret, "name": "Dana"})
    screen = f"/shared/{consent.id}"
    refused = await guest.post(
        f"/consoles/{consent.id}/control", page=screen, json={"verb": "retry"}
    )
    assert refused.status == 403
    assert "WatchingOnly" in await refused.text()


async def test_every_dead_link_reads_the_same(site: Site) -> None:
    answers = set()
    for secret in ("", "unknown", "x" * 43):
        response = await site.browser().post("/join", {"secret": secret, "name": "Eve"})
        text = await response.text()
        answers.add((response.status, text.split('role="alert">')[1].split("</div>")[0]))
    assert len(answers) == 1
    assert "This link does not work any more." in answers.pop()[1]


async def test_looking_at_a_link_uses_nothing_up(site: Site) -> None:
    for _ in range(50):
        assert (await site.browser().get("/join")).status == 200


async def test_an_account_is_created_set_up_and_used(site: Site) -> None:
    ada = await site.signed_in("ada")
    form = {"name": "tom", "role": "tenant", "subscriptions": CONTOSO}
    made = await (await ada.post("/admin/accounts", form)).text()
    link = re.search(r"https://gateway\.example/set-up#([\w-]+)", made)
    assert link is not None
    tom = site.browser()
    assert (await tom.post("/set-up", {"secret": link[1]})).headers["Location"] == "/set-up/account"
    form = {"password": "a rather long passphrase", "again": "a rather long passphrase"}
    assert (await tom.post("/set-up/account", form)).headers["Location"] == "/sign-in"
    again = await site.browser().post("/set-up", {"secret": link[1]})
    assert "does not work any more" in await again.text()


async def test_an_operators_set_up_shows_the_code_as_picture_and_text(site: Site) -> None:
    ada = await site.signed_in("ada")
    made = await (await ada.post("/admin/accounts", {"name": "otto", "role": "cloudadmin"})).text()
    link = re.search(r"/set-up#([\w-]+)", made)
    assert link is not None
    otto = site.browser()
    await otto.post("/set-up", {"secret": link[1]})
    page = await (await otto.get("/set-up/account")).text()
    assert 'src="data:image/svg+xml' in page
    assert re.search(r"<code>([A-Z2-7]{4} ){7}[A-Z2-7]{4}</code>", page)


async def test_an_admin_enables_and_disables_and_verifies(site: Site) -> None:
    ada = await site.signed_in("ada")
    await ada.post(f"/admin/subscriptions/{CONTOSO}/disable")
    assert "is disabled" in await (await ada.get("/admin/subscriptions")).text()
    await ada.post("/admin/safelist", {"node": NODE, "network": "10.9.0.0/28"})
    assert "10.9.0.0/28" in await (await ada.get("/admin/safelist")).text()
    await ada.post("/admin/audit/verify", page="/admin/audit")
    assert "The audit log is intact" in await (await ada.get("/admin/audit")).text()


async def test_a_revoked_sign_in_is_out_at_once(site: Site) -> None:
    tina, ada = await site.signed_in("tina"), await site.signed_in("ada")
    page = await (await ada.get("/sign-ins")).text()
    found = re.search(r'/sign-ins/(\w+)/end">End<span class="unseen">[^/]*<bdi>tina', page)
    assert found is not None
    await ada.post(f"/sign-ins/{found[1]}/end")
    assert (await tina.get("/tenant")).status == 303
