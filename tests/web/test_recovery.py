"""Recovering access through the pages: chosen, confirmed, started once, followed, told in words."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from gateway.inventory import Machine
from gateway.policy.facts import Consent
from gateway.policy.recovery import ActionState
from gateway.recovery.calls import Answer, Call, Declined, Execute, SetPassword
from tests.actions.guests import obliging
from tests.actions.world import FAB01, WEB01, resource_id
from tests.web.conftest import Browser, Site

SECRET = "correct-Horse-7-battery"
WIN01 = replace(
    WEB01,
    vm=replace(
        WEB01.vm, resource_id=resource_id(WEB01.vm.subscription_id, "win01"), name="win01",
        os="windows",
    ),
)  # fmt: skip


def new(machine: Machine = WEB01) -> str:
    return f"/recoveries/new?vm={quote(machine.vm.resource_id, safe='')}"


def confirm(kind: str, machine: Machine = WEB01) -> str:
    return "/recoveries/confirm?" + urlencode({"vm": machine.vm.resource_id, "kind": kind})


async def text_of(person: Browser, path: str) -> str:
    response = await person.get(path)
    assert response.status == 200, (path, response.status)
    return unescape(await response.text())


async def form_of(person: Browser, page: str) -> dict[str, str]:
    """The hidden fields of the page's own form."""
    text = await text_of(person, page)
    main = text[text.index("<main") :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', main))


async def start(person: Browser, kind: str, **fields: str) -> str:
    """Fill in and send; where that led."""
    page = confirm(kind)
    form = await form_of(person, page)
    response = await person.post("/recoveries", {**form, **fields}, page=page)
    assert response.status == 303, await response.text()
    return response.headers["Location"]


async def reset_password(person: Browser, user: str = "azureuser") -> str:
    return await start(person, "set_password", user=user, password=SECRET, again=SECRET)


async def propose(site: Site, olga: Browser, consent: Consent, kind: str, note: str = "") -> str:
    page = f"/consents/{consent.id}/propose"
    response = await olga.post(page, {"kind": kind, "note": note})
    assert response.status == 303, await response.text()
    return response.headers["Location"]


async def rows(site: Site) -> list[Any]:
    async with site.world.store.reading() as unit:
        return list(await unit.recovery_actions.history(100))


# choosing and confirming


async def test_a_linux_machine_offers_its_functions(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = await text_of(tina, new())
    for offered in ("Reset the password", "Reset SSH", "Check the disks", "Repair a disk"):
        assert offered in page
    assert "Reset Remote Desktop" not in page


async def test_a_windows_machine_offers_no_disk_function_and_says_so(site: Site) -> None:
    site.world.inventory.put(WIN01)
    tina = await site.signed_in("tina")
    page = await text_of(tina, new(WIN01))
    assert "Reset Remote Desktop" in page
    assert "Disks of a Windows machine cannot be checked or repaired from here" in page
    assert (await tina.get(confirm("check_disk", WIN01))).status == 404
    assert (await tina.get(confirm("reset_remote_desktop", WEB01))).status == 404


async def test_the_confirming_page_says_what_will_happen(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = await text_of(tina, confirm("reset_ssh"))
    assert "What will happen in the guest" in page
    assert "Port 22 is opened" in page
    assert await rows(site) == []


async def test_another_tenants_machine_is_not_there(site: Site) -> None:
    tina = await site.signed_in("tina")
    for path in (new(FAB01), confirm("reset_ssh", FAB01)):
        assert (await tina.get(path)).status == 404
    form = {**await form_of(tina, confirm("reset_ssh")), "resource_id": FAB01.vm.resource_id}
    response = await tina.post("/recoveries", form, page=confirm("reset_ssh"))
    assert response.status == 404


# starting


async def test_a_started_recovery_is_followed_to_its_end(site: Site) -> None:
    tina = await site.signed_in("tina")
    href = await reset_password(tina)
    page = await text_of(tina, href)
    assert "Resetting the password on web01: waiting for its turn, nothing is sent yet" in page
    assert "Cancel it" in page
    await site.world.carry_out()
    page = await text_of(tina, href)
    assert "The password was reset on web01." in page
    assert "Cancel it" not in page
    assert "data-events" not in page


async def test_while_it_is_sent_the_page_says_so_in_the_tables_words(site: Site) -> None:
    tina = await site.signed_in("tina")
    seen: list[str] = []

    async def slow(call: Call) -> Answer:
        if isinstance(call, SetPassword):
            site.world.clock.advance(seconds=12)
            seen.append(await text_of(tina, href))
        return await obliging(call)

    site.world.guests.of(WEB01).answer = slow
    href = await reset_password(tina)
    await site.world.carry_out()
    headline = re.sub(r"<[^>]*>", "", seen[0][seen[0].index('id="headline"') :])
    said = "Resetting the password on web01: the guest agent accepted it, waiting (0:12)"
    assert said in headline
    assert 'aria-current="step"' in seen[0]
    assert "Cancel it" not in seen[0]


async def test_a_failure_shows_the_guests_reason_as_text_and_the_next_step(site: Site) -> None:
    hostile = '<img src=x onerror="alert(1)">'

    async def hostilely(call: Call) -> Answer:
        return Declined(hostile, hostile) if isinstance(call, Execute) else await obliging(call)

    site.world.guests.of(WEB01).answer = hostilely
    tina = await site.signed_in("tina")
    href = await reset_password(tina)
    await site.world.carry_out()
    raw = await (await tina.get(href)).text()
    assert "Resetting the password on web01 failed." in raw
    assert "What to do next" in raw
    assert "<img src=x" not in raw
    assert "&lt;img src=x" in raw
    assert "VMExtensionProvisioningError" in raw


async def test_a_machine_that_is_off_is_refused_in_the_seeds_words(site: Site) -> None:
    site.world.guests.of(WEB01).power = "off"
    tina = await site.signed_in("tina")
    page = confirm("check_disk")
    response = await tina.post("/recoveries", await form_of(tina, page), page=page)
    assert response.status == 400
    said = unescape(await response.text())
    assert "Cannot modify extensions in the VM when the VM is not running." in said
    assert "Nothing was sent to the guest." in said
    assert await rows(site) == []


async def test_two_passwords_that_differ_start_nothing_and_are_not_echoed(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = confirm("set_password")
    form = {**await form_of(tina, page), "user": "azureuser", "password": SECRET, "again": "else"}
    response = await tina.post("/recoveries", form, page=page)
    said = await response.text()
    assert response.status == 400
    assert 'value="azureuser"' in said
    assert SECRET not in said
    assert await rows(site) == []


async def test_a_form_that_is_sent_twice_starts_one_recovery(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = confirm("check_disk")
    form = await form_of(tina, page)
    both = await asyncio.gather(*(tina.post("/recoveries", form, page=page) for _ in range(2)))
    await site.world.carry_out()
    late = await tina.post("/recoveries", form, page=page)
    assert len({answer.headers["Location"] for answer in (*both, late)}) == 1
    assert len(await rows(site)) == 1


async def test_a_form_from_before_a_restart_is_stale(site: Site) -> None:
    tina = await site.signed_in("tina")
    page = confirm("check_disk")
    form = await form_of(tina, page)
    other = site.world.identity.signer("once").dumps(["another process", "x"])
    for stale in (other, "", form["attempt"][:-1]):
        response = await tina.post("/recoveries", {**form, "attempt": str(stale)}, page=page)
        assert response.status == 403
    assert await rows(site) == []


async def test_what_could_not_be_started_can_be_sent_again(site: Site) -> None:
    site.world.guests.of(WEB01).power = "off"
    tina = await site.signed_in("tina")
    page = confirm("check_disk")
    form = await form_of(tina, page)
    assert (await tina.post("/recoveries", form, page=page)).status == 400
    site.world.guests.of(WEB01).power = "running"
    assert (await tina.post("/recoveries", form, page=page)).status == 303


async def test_a_queued_recovery_is_cancelled_and_a_sent_one_is_not(site: Site) -> None:
    tina = await site.signed_in("tina")
    href = await start(tina, "check_disk")
    response = await tina.post(f"{href}/cancel", page=href)
    assert response.headers["Location"] == href
    assert "Checking the disks on web01 was cancelled before it was sent." in await text_of(
        tina, href
    )
    assert (await tina.post(f"{href}/cancel", page=href)).status == 403
    assert [row.state for row in await rows(site)] == [ActionState.CANCELLED]


async def test_no_page_and_no_record_holds_the_password(site: Site) -> None:
    tina, ada = await site.signed_in("tina"), await site.signed_in("ada")
    href = await reset_password(tina)
    pages = [href, "/recoveries", new(), "/tenant"]
    shown = [await (await tina.get(path)).text() for path in pages]
    await site.world.carry_out()
    log = f"/recoveries/log?vm={WEB01.vm.resource_id}"
    for path in (*pages, log, f"{log}&file=extension.log"):
        shown.append(await (await tina.get(path)).text())
    for path in (href, "/recoveries", "/admin/audit", log):
        shown.append(await (await ada.get(path)).text())
    assert not [page for page in shown if SECRET in page]


# proposals


async def test_an_operator_proposes_and_the_tenant_approves(site: Site) -> None:
    consent = await site.world.consent()
    olga, tina = await site.signed_in("olga"), await site.signed_in("tina")
    href = await propose(site, olga, consent, "set_password", "the login fails")
    page = await text_of(tina, "/tenant")
    assert "olga proposes: reset the password on web01" in page
    assert "the login fails" in page
    assert f'href="{href}/approve">Answer' in await text_of(tina, "/recoveries")
    page = await text_of(tina, f"{href}/approve")
    assert "proposes this" in page
    form = {"user": "azureuser", "password": SECRET, "again": SECRET}
    response = await tina.post(f"{href}/approve", form)
    assert response.headers["Location"] == href
    await site.world.carry_out()
    assert "The password was reset on web01." in await text_of(olga, href)
    page = await text_of(tina, href)
    assert "The password was reset on web01." in page
    assert "Not kept, like the password" in page, (
        "a Linux account went as a secret, and the page says so"
    )
    assert "Not kept, like the password" not in await text_of(olga, href)


async def test_the_operator_never_learns_account_or_password(site: Site) -> None:
    async def tells(call: Call) -> Answer:
        if isinstance(call, SetPassword):
            return Declined("GenericError", f"no such user {call.user}")
        return await obliging(call)

    consent = await site.world.consent()
    olga, tina = await site.signed_in("olga"), await site.signed_in("tina")
    for answer in (obliging, tells):
        site.world.guests.of(WEB01).answer = answer
        href = await propose(site, olga, consent, "set_password")
        form = {"user": "secretaccount", "password": SECRET, "again": SECRET}
        await tina.post(f"{href}/approve", form)
        queued = await text_of(olga, href)
        await site.world.carry_out()
        shown = [
            queued,
            *[await text_of(olga, path) for path in (href, "/recoveries", "/operator")],
        ]
        assert not [page for page in shown if "secretaccount" in page or SECRET in page]
    assert "Resetting the password on web01 failed." in shown[1]
    assert "Set the password" not in shown[1]
    assert 'class="course"' not in shown[1]
    assert (await olga.get(f"/recoveries/log?vm={WEB01.vm.resource_id}")).status == 404


async def test_an_approval_that_is_sent_twice_has_it_done_once(site: Site) -> None:
    consent = await site.world.consent()
    olga, tina = await site.signed_in("olga"), await site.signed_in("tina")
    href = await propose(site, olga, consent, "check_disk")
    first = await tina.post(f"{href}/approve")
    again = await tina.post(f"{href}/approve", page=href)
    assert [first.headers["Location"], again.headers["Location"]] == [href, href]
    assert len(site.world.recoveries.started) == 1


async def test_a_declined_proposal_sends_nothing(site: Site) -> None:
    consent = await site.world.consent()
    olga, tina = await site.signed_in("olga"), await site.signed_in("tina")
    href = await propose(site, olga, consent, "reset_ssh")
    await tina.post(f"{href}/decline", page=href)
    assert "The proposal to reset SSH on web01 was declined." in await text_of(olga, href)
    assert "Code" not in await text_of(tina, href), "nothing failed"
    assert site.world.recoveries.started == []
    assert "Answer" not in await text_of(tina, "/recoveries")


async def test_only_an_operator_with_a_consent_proposes(site: Site) -> None:
    consent = await site.world.consent()
    tina, ada = await site.signed_in("tina"), await site.signed_in("ada")
    for person in (tina, ada):
        assert (await person.get(f"/consents/{consent.id}/propose")).status == 404
    olga = await site.signed_in("olga")
    page = f"/consents/{consent.id}/propose"
    site.world.clock.advance(hours=9)
    olga = await site.signed_in("olga")
    response = await olga.post(page, {"kind": "check_disk"}, page="/operator")
    assert response.status in {403, 404}
    assert await rows(site) == []


async def test_the_console_proposes_without_leaving_the_screen(site: Site) -> None:
    consent = await site.world.consent()
    olga = await site.signed_in("olga")
    body = {"kind": "check_disk", "note": "it came up read-only"}
    page = f"/consents/{consent.id}/propose"
    answer = await olga.post(page, json=body)
    assert answer.status == 201
    wrong = await olga.post(page, json={"kind": ["check_disk"]})
    assert wrong.status == 400


# who sees what


async def test_the_console_pages_events_tell_of_proposals(site: Site) -> None:
    consent = await site.world.consent()
    olga, tina = await site.signed_in("olga"), await site.signed_in("tina")
    await propose(site, olga, consent, "check_disk", "slow disk")
    told = await first_view(site, tina, f"/consoles/{consent.id}/events")
    (recovery,) = told["recoveries"]
    assert recovery["text"] == "olga proposes: check the disks on web01"
    assert recovery["decide"]
    assert recovery["note"] == "slow disk"
    told = await first_view(site, olga, f"/consoles/{consent.id}/events")
    assert not told["recoveries"][0]["decide"]


async def test_the_progress_pages_events_end_with_the_recovery(site: Site) -> None:
    tina = await site.signed_in("tina")
    href = await start(tina, "check_disk")
    cookies = "; ".join(f"{name}={value}" for name, value in tina.cookies.items())
    events = await site.client.get(f"{href}/events", headers={"Cookie": cookies})
    lines = [line.decode() async for line in carried_out(site, events)]
    views = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    assert views[0]["text"].startswith("Checking the disks on web01: waiting for its turn")
    assert views[0]["since"] is not None
    assert not views[0]["over"]
    assert views[-1]["text"] == "The disks were checked on web01."
    assert views[-1]["over"]


async def carried_out(site: Site, events: Any) -> Any:
    """The lines of an event stream; once the first event has come, the work is done."""
    begun = False
    async for line in events.content:
        yield line
        if not begun and line.startswith(b"data:"):
            begun = True
            await site.world.carry_out()


async def first_view(site: Site, person: Browser, path: str) -> dict[str, Any]:
    cookies = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    events = await site.client.get(path, headers={"Cookie": cookies})
    async for line in events.content:
        if line.startswith(b"data:"):
            events.close()
            view: dict[str, Any] = json.loads(line[5:])
            return view
    raise AssertionError("the events ended")


async def test_an_admin_finds_them_all_by_the_address(site: Site) -> None:
    tina, theo, ada = [await site.signed_in(name) for name in ("tina", "theo", "ada")]
    await start(tina, "check_disk")
    await start(tina, "reset_ssh")
    page = confirm("check_disk", FAB01)
    await theo.post("/recoveries", await form_of(theo, page), page=page)
    everything = await text_of(ada, "/recoveries")
    assert everything.count("<tr>") == 4
    assert "fab01" in everything
    one = await text_of(ada, "/recoveries?kind=reset_ssh&state=requested&sort=vm")
    assert one.count("<tr>") == 2
    assert 'aria-sort="ascending"' in one
    assert "kind=reset_ssh&state=requested&sort=-vm" in one
    assert "Nothing matches" in await text_of(ada, "/recoveries?state=done")
    assert "fab01" not in await text_of(tina, "/recoveries")


async def test_another_tenants_recovery_is_not_there(site: Site) -> None:
    tina, theo, olga = [await site.signed_in(name) for name in ("tina", "theo", "olga")]
    href = await start(tina, "check_disk")
    for stranger in (theo, olga):
        for path in (href, f"{href}/events", f"{href}/approve"):
            assert (await stranger.get(path)).status == 404
        for path in (f"{href}/cancel", f"{href}/decline", f"{href}/approve"):
            assert (await stranger.post(path, page="/recoveries")).status == 404
    assert (await theo.get(f"/recoveries/log?vm={WEB01.vm.resource_id}")).status == 404


async def test_the_agents_logs_are_read_per_machine(site: Site) -> None:
    tina = await site.signed_in("tina")
    log = f"/recoveries/log?vm={quote(WEB01.vm.resource_id, safe='')}"
    assert "Nothing has been written yet" in await text_of(tina, log)
    await start(tina, "check_disk")
    await site.world.carry_out()
    assert "fsck" in await text_of(tina, log)
    assert "started for" in await text_of(tina, f"{log}&file=extension.log")


@pytest.mark.parametrize("path", ["/recoveries?sort=zzz&before=zzz&vm=zzz", "/recoveries?kind=%00"])
async def test_addresses_of_nonsense_are_empty_lists(site: Site, path: str) -> None:
    tina = await site.signed_in("tina")
    assert "Nothing matches" in await text_of(tina, path)
