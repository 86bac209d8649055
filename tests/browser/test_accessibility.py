"""Every page for everybody: by axe, by keyboard alone, at 320 px, and without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from gateway.actions.accounts import create_account
from gateway.policy.facts import Consent, Role
from tests.browser.house import House, machine_at_port, open_house
from tests.browser.person import DESKTOP, Meet, Person
from tests.doubles.rfbserver import FakeRfbServer

AXE = Axe()
NARROW = ViewportSize(width=320, height=640)
# Levels A and AA of WCAG 2.0, 2.1 and 2.2, and what axe holds for good practice.
EVERYTHING = {"resultTypes": ["violations"]}
CONTRAST = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}


async def findings(page: Page) -> list[str]:
    """What axe calls serious or critical, light and dark, and whether the page scrolls sideways."""
    found = await _serious(page, EVERYTHING)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in await _serious(page, CONTRAST)]
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(NARROW)
    if await page.evaluate("320 < document.documentElement.scrollWidth"):
        found.append("scrolls sideways at 320 px")
    await page.set_viewport_size(DESKTOP)
    return [f"{page.url}: {one}" for one in found]


async def _serious(page: Page, options: Mapping[str, object]) -> list[str]:
    results = await AXE.run(page, options=dict(options))
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in results.response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


async def visit(person: Person, paths: Sequence[str]) -> list[str]:
    found = []
    for path in paths:
        await person.goto(path)
        await expect(person.page.locator("main")).to_be_visible()
        found += await findings(person.page)
    return found


@asynccontextmanager
async def a_day_at_work(house: House, meet: Meet) -> AsyncIterator[tuple[Consent, Person]]:
    """A console that olga has open, a share link, a tenant who watches."""
    consent, operator = await house.consent(), await meet(house.resident("olga"))
    await house.seat(operator, consent)
    await operator.until_in_control()
    await house.share(consent)
    yield consent, operator


async def test_axe_finds_nothing_before_the_door(house: House, meet: Meet) -> None:
    stranger = await meet(house.stranger(), bypass_csp=True)
    found = await visit(stranger, ["/sign-in", "/join", "/connect", "/set-up", "/no-such-page"])
    made = await create_account(
        house.services, house.actor("admin"), name="nadia", role=Role.CLOUDADMIN,
        subscriptions=(), now=house.clock(),
    )  # fmt: skip
    await stranger.goto(f"/set-up#{made.secret}")
    await expect(stranger.page.locator("#again")).to_be_visible()
    assert found + await findings(stranger.page) == []


async def test_axe_finds_nothing_on_the_tenants_pages(house: House, meet: Meet) -> None:
    async with a_day_at_work(house, meet) as (consent, _):
        tenant = await meet(house.resident("contoso"), bypass_csp=True)
        await house.seat(tenant, consent)
        await tenant.until_watching()
        found = await findings(tenant.page)
        ask = f"/tenant/consents/new?vm={house.vm('desk01').resource_id}"
        pages = ["/tenant", ask, f"/consents/{consent.id}/end", "/sign-ins"]
        assert found + await visit(tenant, pages) == []


async def test_axe_finds_nothing_on_the_operators_pages(house: House, meet: Meet) -> None:
    consent, operator = await house.consent(), await meet(house.resident("olga"), bypass_csp=True)
    await house.seat(operator, consent)
    await operator.until_in_control()
    page = operator.page
    found = await findings(page)
    for panel in ("Keys", "Type text", "Share"):
        await operator.press(panel)
        found += await findings(page)
    await operator.press("Close")
    await operator.press("End session")
    found += await findings(page)
    waiting = f"/operator/requests?vm={house.vm('desk01').resource_id}"
    pages = ["/operator", "/operator?q=nothing", "/operator/requests/new", waiting]
    assert found + await visit(operator, [*pages, f"/consents/{consent.id}/open"]) == []


async def test_axe_finds_nothing_on_the_administrators_pages(house: House, meet: Meet) -> None:
    async with a_day_at_work(house, meet) as (consent, _):
        admin = await meet(house.resident("admin"), bypass_csp=True)
        await house.let_in(admin)
        pages = [
            "/admin", "/admin/subscriptions", "/admin/safelist", "/admin/accounts",
            "/admin/sign-ins", "/admin/audit", "/admin/revoke-all", f"/consents/{consent.id}/end",
        ]  # fmt: skip
        assert await visit(admin, pages) == []


async def test_axe_finds_nothing_once_the_access_has_ended(house: House, meet: Meet) -> None:
    consent, operator = await house.consent(), await meet(house.resident("olga"), bypass_csp=True)
    await house.seat(operator, consent)
    await operator.until_in_control()
    await house.end(consent, "admin", "enough")
    await operator.until_shut_out()
    assert await findings(operator.page) == []


# by keyboard


async def test_the_console_is_entered_and_left_by_keyboard_alone(
    tmp_path: Path, meet: Meet
) -> None:
    async with (
        FakeRfbServer() as server,
        open_house(tmp_path, machine_at_port(server.port)) as house,
    ):
        server.paint(0, 0, 8, 8, (255, 0, 0))
        consent, operator = await house.consent("fake01"), await meet(house.resident("olga"))
        await house.seat(operator, consent)
        await operator.until_in_control()
        talk, keyboard = await server.connected(), operator.page.keyboard
        enter = operator.page.locator("#enter")
        for _ in range(8):
            await keyboard.press("Tab")
            if await enter.evaluate("button => button === document.activeElement"):
                break
        await expect(enter).to_be_focused()
        await expect(enter).to_have_accessible_description(
            "Ctrl+Alt+Shift leaves the screen with the keyboard."
        )
        await keyboard.press("Enter")
        await expect(operator.stage).to_have_attribute("data-look", "entered")
        await expect(operator.banner).to_contain_text("Ctrl+Alt+Shift leaves the screen.")
        await keyboard.press("Tab")  # goes to the VM, as every key does now
        await talk.until(lambda: (False, 0xFF09, None) in talk.keys)
        await keyboard.down("x")
        for key in ("Control", "Alt", "Shift"):
            await keyboard.down(key)
        await expect(enter).to_be_focused()
        await talk.until(lambda: not held(talk.keys))
        for key in ("Shift", "Alt", "Control", "x"):
            await keyboard.up(key)
        await expect(operator.stage).to_have_attribute("data-look", "control")
        sent = len(talk.keys)
        await keyboard.press("Shift")
        await operator.press("Ctrl+Alt+Del")
        await talk.until(lambda: sent + 6 <= len(talk.keys))
        assert len(talk.keys) == sent + 6, "a key went to the VM after the screen was left"
        assert not held(talk.keys)
        operator.assert_content()


def held(keys: Sequence[tuple[bool, int, int | None]]) -> set[int]:
    """The keys that are down now."""
    down: set[int] = set()
    for pressed, keysym, _ in keys:
        (down.add if pressed else down.discard)(keysym)
    return down


async def test_a_watchers_keys_go_nowhere(tmp_path: Path, meet: Meet) -> None:
    async with (
        FakeRfbServer() as server,
        open_house(tmp_path, machine_at_port(server.port)) as house,
    ):
        server.paint(0, 0, 8, 8, (255, 0, 0))
        consent, operator = await house.consent("fake01"), await meet(house.resident("olga"))
        await house.seat(operator, consent)
        await operator.until_in_control()
        tenant = await meet(house.resident("contoso"))
        await house.seat(tenant, consent)
        await tenant.until_watching()
        await tenant.page.locator("#screen canvas").click()
        await tenant.page.keyboard.press("a")
        await operator.press("Ctrl+Alt+Del")
        talk = await server.connected()
        await talk.until(lambda: 6 <= len(talk.keys))
        assert len(talk.keys) == 6
        assert not [pointer for pointer in talk.pointers if pointer[2]]


# without script


@pytest.fixture
def no_script() -> dict[str, bool]:
    return {"java_script_enabled": False}


async def test_consent_and_withdrawal_need_no_script(
    house: House, meet: Meet, no_script: dict[str, bool]
) -> None:
    tenant = await meet(house.resident("contoso"), **no_script)
    page = tenant.page
    await tenant.sign_in()
    await page.get_by_role("link", name="Allow console access to web01").click()
    await page.get_by_label("What is wrong").fill("locked out")
    await page.get_by_role("button", name="Allow access").click()
    await page.get_by_role("link", name="Withdraw access to web01").click()
    await page.get_by_label("Reason").fill("found the key")
    await tenant.press("Withdraw access")
    await expect(page.locator("body")).to_contain_text("Access to web01 was withdrawn.")
    await expect(page.locator("table").last).to_contain_text("found the key")
    await tenant.press("Sign out")
    await expect(page.locator("body")).to_contain_text("You are signed out.")


async def test_revocation_needs_no_script(
    house: House, meet: Meet, no_script: dict[str, bool]
) -> None:
    async with a_day_at_work(house, meet) as (_, operator):
        admin = await meet(house.resident("admin"), **no_script)
        await admin.sign_in()
        await admin.page.get_by_role("link", name="Revoke access to web01").click()
        await admin.page.get_by_label("Reason").fill("a drill")
        await admin.press("Revoke access")
        await expect(admin.page.locator("body")).to_contain_text("Cut off: olga (operator).")
        await operator.until_shut_out()


async def test_joining_without_script_says_what_is_missing(
    house: House, meet: Meet, no_script: dict[str, bool]
) -> None:
    async with a_day_at_work(house, meet) as (consent, _):
        _, address = await house.share(consent)
        guest = await meet(house.stranger(), **no_script)
        await guest.page.goto(address)
        await guest.page.fill("#secret", address.partition("#")[2])
        await guest.page.fill("#name", "Gustav")
        await guest.press("Watch the screen")
        # Playwright's own assertions pass over what stands in a noscript.
        said = await guest.card.locator("noscript").text_content()
        assert said and "The live screen needs JavaScript" in said
