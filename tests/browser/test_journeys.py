"""The three journeys whole, in three browsers at once, ending in a revocation that blanks both."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import expect

from tests.browser.person import Meet, Person, resident_of
from tests.doubles.program import Program


async def consent_to(tenant: Person, vm: str, reason: str) -> None:
    """The tenant reads what is granted, and consents."""
    page = tenant.page
    await tenant.goto("/tenant")
    await page.get_by_role("link", name=re.compile(f"Allow console access.*{vm}")).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(vm)
    await page.fill("#reason", reason)
    await page.get_by_role("button", name="Allow access").click()
    await expect(page.get_by_role("link", name=re.compile(f"Watch.*{vm}"))).to_be_visible()


async def open_console(operator: Person, vm: str) -> None:
    """From the queue through the step-up to the screen."""
    page = operator.page
    await operator.goto("/operator")
    row = page.locator("tr", has_text=vm)
    await row.get_by_role("link", name=re.compile("Open console")).click()
    await operator.step_up()


async def watch(tenant: Person) -> None:
    await tenant.goto("/tenant")
    await tenant.page.get_by_role("link", name=re.compile("Watch")).click()
    await tenant.page.wait_for_url("**/consoles/*")


async def type_on_the_console(operator: Person, text: str) -> None:
    await operator.page.click("#enter")
    await operator.page.keyboard.type(text, delay=20)
    await operator.page.keyboard.press("Enter")


async def test_consent_operate_watch_revoke(demo: Program, meet: Meet) -> None:
    cast = ("contoso", "olga", "admin")
    tenant, operator, admin = [await meet(resident_of(demo, name)) for name in cast]
    await asyncio.gather(tenant.sign_in(), operator.sign_in(), admin.sign_in())

    await consent_to(tenant, "web01", "locked out after a firewall change")
    await open_console(operator, "web01")
    await expect(operator.page.locator("#banner")).to_contain_text("You control web01")
    await operator.until_painted()

    await watch(tenant)
    await expect(tenant.page.locator("#banner")).to_contain_text("Watching only")
    await tenant.until_painted()
    await expect(tenant.page.locator("#enter")).to_have_count(0)

    before = await tenant.page.locator("#screen canvas").screenshot()
    await type_on_the_console(operator, "azureuser")
    async with asyncio.timeout(10):
        while await tenant.page.locator("#screen canvas").screenshot() == before:
            await asyncio.sleep(0.1)
    await operator.shoot_all("console-operator", always=True)
    await tenant.shoot_all("console-tenant", always=True)

    await admin.goto("/admin")
    await expect(admin.page.get_by_text("web01").first).to_be_visible()
    await admin.shoot_all("admin-wall", always=True)
    await admin.page.get_by_role("link", name="Revoke access to web01").first.click()
    await admin.page.fill("#reason", "the change window is over")
    await admin.page.locator("main form button[type=submit]").click()

    for person in (operator, tenant):
        await person.until_painted(painted=False, within=2)
        await expect(person.page.locator("#card")).to_contain_text("the change window is over")
        await expect(person.page.locator("#card")).to_contain_text("administrator")
    await operator.shoot_all("revoked-operator", always=True)
    for person in (tenant, operator, admin):
        person.assert_content()
