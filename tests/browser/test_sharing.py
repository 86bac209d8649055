"""A share link from both ends: whoever has it watches, and nothing of it leaks or lingers."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from gateway.actions.queries import list_links
from gateway.actions.share_console import revoke_link
from gateway.policy.facts import Consent
from tests.browser.house import House, machine_at_port, open_house
from tests.browser.person import Meet, Person
from tests.doubles.rfbserver import FakeRfbServer

DEAD = "This link does not work any more."


async def an_open_console(house: House, meet: Meet) -> tuple[Person, Consent]:
    operator, consent = await meet(house.resident("olga")), await house.consent()
    await house.seat(operator, consent)
    await operator.until_in_control()
    return operator, consent


async def test_a_link_made_on_the_console_page_lets_a_guest_watch(house: House, meet: Meet) -> None:
    operator, _ = await an_open_console(house, meet)
    dialog = operator.page.get_by_role("dialog")
    await operator.press("Share")
    await dialog.get_by_label("For whom").fill("the network team")
    await dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_label("The link, shown only now")
    await expect(link).to_have_value(re.compile(r"/join#[\w-]{43}$"))
    await expect(dialog.locator("#share-list")).to_contain_text("0 of 1 joined")
    await operator.shoot_all("share-dialog")

    guest = await meet(house.stranger())
    await guest.page.goto(await link.input_value())
    await guest.shoot_all("join", whole=True)
    await guest.page.get_by_label("Your name").fill("Gustav")
    await guest.press("Watch the screen")
    await guest.until_watching()
    await guest.until_painted()
    await expect(guest.banner).to_contain_text("Watching only: your keyboard and mouse are not")
    await expect(guest.page.locator("#bar")).not_to_contain_text("Share")
    await expect(guest.page.locator("#bar")).not_to_contain_text("End session")
    await expect(operator.page.locator("#roster")).to_contain_text("Gustav")
    await guest.shoot_all("guest")

    await guest.press("Leave")
    await expect(guest.page.locator("body")).to_contain_text("You left the shared screen.")
    await expect(operator.page.locator("#roster")).not_to_contain_text("Gustav")
    operator.assert_content()
    guest.assert_content()


async def test_the_secret_leaves_the_address_bar_and_goes_nowhere_else(
    house: House, meet: Meet
) -> None:
    _, consent = await an_open_console(house, meet)
    _, address = await house.share(consent)
    secret = urlsplit(address).fragment
    guest = await meet(house.stranger())
    headers = keep_headers(guest.page)
    await guest.page.add_init_script(NOTE_WHEN_HASH_GONE)
    await guest.page.goto(address)
    assert await guest.page.evaluate("window.hashGoneAfter") < 1000
    assert "#" not in guest.page.url
    await guest.page.fill("#name", "Gustav")
    await guest.press("Watch the screen")
    await guest.until_watching()
    guest.assert_content()
    assert not [url for url in guest.requests if secret in url]
    assert headers, "no page was seen"
    for each in headers:
        assert each["referrer-policy"] == "no-referrer"
        assert each["cache-control"] == "no-store"
    await guest.page.go_back()
    await expect(guest.page.locator("#secret")).not_to_have_value(secret)
    assert secret not in guest.page.url


# The page takes the time itself, from the moment at which its navigation began.
NOTE_WHEN_HASH_GONE = """
  const look = setInterval(() => {
    if (location.hash) return;
    window.hashGoneAfter = performance.now();
    clearInterval(look);
  }, 5);
"""


def keep_headers(page: Page) -> list[dict[str, str]]:
    """Those of every answer but the static files."""
    kept: list[dict[str, str]] = []
    page.on(
        "response",
        lambda answer: kept.append(answer.headers) if "/static/" not in answer.url else None,
    )
    return kept


async def test_link_previews_use_nothing_up(house: House, meet: Meet) -> None:
    operator, consent = await an_open_console(house, meet)
    _, address = await house.share(consent, capacity=1)
    bot = await meet(house.stranger("bot"))
    for _ in range(50):
        assert (await bot.context.request.get(address)).status == 200
        assert (await bot.context.request.head(address)).status == 200
    views = await list_links(house.services, house.actor("contoso"), consent.id, now=house.clock())
    assert [view.joined for view in views] == [0]
    await expect(operator.page.locator("#people-count")).to_have_text("1")
    guest = await meet(house.stranger())
    await house.join(guest, address)
    await guest.until_watching()
    latecomer = await meet(house.stranger())
    await latecomer.page.goto(address)
    await latecomer.page.fill("#name", "Late")
    await latecomer.press("Watch the screen")
    await expect(latecomer.page.get_by_role("alert")).to_contain_text("This link is full.")


async def test_a_revoked_link_takes_its_guests_away_within_a_second(
    house: House, meet: Meet
) -> None:
    operator, consent = await an_open_console(house, meet)
    link, address = await house.share(consent)
    guest, tenant = await meet(house.stranger()), await meet(house.resident("contoso"))
    await house.join(guest, address)
    await guest.until_watching()
    await guest.until_painted()
    await house.seat(tenant, consent)
    await tenant.until_watching()
    await guest.note_when_blank()
    revoked_at = time.time()
    await revoke_link(house.services, house.actor("contoso"), link.id, now=house.clock())
    assert await guest.blank_at() - revoked_at <= 1
    await expect(guest.card).to_contain_text(DEAD)
    await guest.shoot_all("link-revoked")
    await tenant.until_watching()
    await operator.until_in_control()
    guest.assert_content()


async def test_a_link_is_revoked_from_the_console_page(house: House, meet: Meet) -> None:
    operator, consent = await an_open_console(house, meet)
    _, address = await house.share(consent, label="Ana")
    guest = await meet(house.stranger())
    await house.join(guest, address)
    await guest.until_watching()
    await operator.press("Share")
    await operator.press("Revoke the link for Ana")
    await guest.until_shut_out()
    await expect(operator.page.locator("#share-none")).to_be_visible()
    operator.assert_content()


async def test_a_dead_link_says_one_thing_whatever_killed_it(house: House, meet: Meet) -> None:
    operator, consent = await an_open_console(house, meet)
    link, revoked = await house.share(consent)
    await revoke_link(house.services, house.actor("contoso"), link.id, now=house.clock())
    _, ended = await house.share(consent)
    await house.end(consent, "contoso")
    await operator.until_shut_out()
    guest = await meet(house.stranger())
    said = set()
    for address in (revoked, ended, ended[:-4], f"{house.standing.base}/join#nonsense"):
        await guest.page.goto("about:blank")
        await guest.page.goto(address)
        await guest.page.fill("#name", "Gustav")
        await guest.press("Watch the screen")
        await expect(guest.page.get_by_role("alert")).to_be_visible()
        await guest.page.wait_for_load_state()  # unstyled, the same words stand otherwise
        said.add(await guest.page.locator("main").inner_text())
    assert len(said) == 1, said
    assert DEAD in said.pop()
    await guest.shoot_all("dead-link", whole=True)


# An element where names are put into HTML; beyond it, text that runs backwards.
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"

# Every text that bears the override must stand in an element, or in marks, that isolate it.
LOOSE = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const loose = [];
  while (walk.nextNode()) {
    const text = walk.currentNode.data, parent = walk.currentNode.parentElement;
    if (!text.includes("\\u202e") || parent.closest("bdi, textarea, [hidden]")) continue;
    if (!/\\u2068[^\\u2069]*\\u202e[^\\u2069]*\\u2069/.test(text)) loose.push(text);
  }
  return loose;
}"""


async def assert_harmless(person: Person) -> None:
    await expect(person.page.locator("img[src=x], [onerror]")).to_have_count(0)
    assert await person.page.evaluate(LOOSE) == [], person.page.url
    person.assert_content()


async def test_hostile_names_are_text_and_turn_nothing_around(tmp_path: Path, meet: Meet) -> None:
    async with FakeRfbServer(name=HOSTILE.encode()) as server:
        machine = machine_at_port(server.port)
        machine = replace(machine, vm=replace(machine.vm, name=HOSTILE))
        async with open_house(tmp_path, machine) as house:
            operator = await meet(house.resident("olga"))
            tenant = await meet(house.resident("contoso"))
            consent = await house.consent(HOSTILE, reason=HOSTILE)
            await house.let_in(tenant)
            await tenant.goto("/tenant")
            await expect(tenant.page.locator("article bdi").first).to_have_text(HOSTILE)
            await assert_harmless(tenant)
            await house.seat(operator, consent)
            await operator.until_in_control()
            _, address = await house.share(consent, label=HOSTILE)
            guest = await meet(house.stranger())
            await house.join(guest, address, name=HOSTILE)
            await guest.until_watching()
            await operator.page.click("#people-button")
            await expect(operator.page.locator("#roster")).to_contain_text("<img src=x")
            await assert_harmless(guest)
            await operator.shoot_all("hostile")
            await operator.press("Share")
            await expect(operator.page.locator("#share-list")).to_contain_text("<img src=x")
            await assert_harmless(operator)
            for page in ("/operator", "/operator/requests/new", f"/consents/{consent.id}/open"):
                await operator.goto(page)
                await assert_harmless(operator)
            await operator.goto(f"/operator/requests?vm={consent.resource_id}")
            await assert_harmless(operator)
            admin = await meet(house.resident("admin"))
            await house.let_in(admin)
            for page in ("/admin", f"/consents/{consent.id}/end", "/admin/audit"):
                await admin.goto(page)
                await expect(admin.page.locator("main")).to_be_visible()
                await assert_harmless(admin)
            await house.end(consent, "admin", HOSTILE)
            await expect(guest.card).to_contain_text("<img src=x")
            await assert_harmless(guest)
