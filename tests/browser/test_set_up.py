"""From an invitation to a signed-in person, and what a door says that stays shut."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
from playwright.async_api import expect

from gateway.demo import CONTOSO
from tests.browser.house import House
from tests.browser.person import Meet, Person, Resident

DEAD = "This link does not work any more. Ask an administrator for a new one."
PASSWORD = "seven grey herons at noon"


async def invite(house: House, meet: Meet, name: str, role: str, subscriptions: str = "") -> str:
    """As admin, on the accounts page: the set-up link's address."""
    admin = await meet(house.resident("admin"))
    await house.let_in(admin)
    page = admin.page
    await admin.goto("/admin/accounts")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Role").select_option(role)
    await page.get_by_label("Subscriptions of a tenant").fill(subscriptions)
    await admin.press("Create account")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    await admin.shoot_all("account-link", whole=True)
    address = await page.get_by_label("Link", exact=True).input_value()
    await page.get_by_role("link", name="Done").click()
    await expect(page.locator("tr", has_text=name)).to_contain_text("Not set up yet")
    await admin.shoot_all("accounts", whole=True)
    admin.assert_content()
    return address


async def choose_password(person: Person, password: str) -> None:
    await person.page.get_by_label("Password", exact=True).fill(password)
    await person.page.get_by_label("Password, once more").fill(password)


async def assert_signs_in(person: Person, code: str | None) -> None:
    await person.fill_sign_in(PASSWORD, code)
    await expect(person.page.get_by_role("button", name="Sign out")).to_be_visible()


async def test_an_operator_enrols_by_the_picture_and_signs_in(house: House, meet: Meet) -> None:
    address = await invite(house, meet, "nadia", "cloudadmin")
    nadia = await meet(Resident("nadia", house.standing.base))
    page = nadia.page
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, nadia")
    assert "#" not in page.url
    picture = page.get_by_role("img", name=re.compile("QR code"))
    assert await picture.evaluate("image => 100 < image.naturalWidth")
    secret = (await page.locator(".secret code").inner_text()).replace(" ", "")
    await nadia.shoot_all("set-up-operator", whole=True)

    await choose_password(nadia, "short")
    await page.fill("#code", "000000")
    assert await page.get_by_label("Password", exact=True).evaluate(
        "field => !field.validity.valid"
    )
    await choose_password(nadia, PASSWORD)
    await nadia.press("Finish set-up")
    await expect(page.get_by_role("alert")).to_be_visible()
    # The secret stays the same: the authenticator has it by now.
    assert (await page.locator(".secret code").inner_text()).replace(" ", "") == secret
    codes = pyotp.TOTP(secret)
    await choose_password(nadia, PASSWORD)
    await page.fill("#code", codes.at(house.clock()))
    await nadia.press("Finish set-up")
    await expect(page.locator("body")).to_contain_text("nadia is set up. Sign in now.")
    await assert_signs_in(nadia, codes.at(house.clock() + timedelta(seconds=30)))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Queue")
    nadia.assert_content()


async def test_a_tenant_chooses_a_longer_password_and_no_code(house: House, meet: Meet) -> None:
    address = await invite(house, meet, "tariq", "tenant", CONTOSO)
    tariq = await meet(Resident("tariq", house.standing.base))
    page = tariq.page
    await page.goto(address)
    await expect(page.locator("main")).to_contain_text("At least 15 characters")
    await expect(page.locator("#code")).to_have_count(0)
    await choose_password(tariq, PASSWORD)
    await page.get_by_label("Password, once more").fill("something else entirely")
    await tariq.press("Finish set-up")
    await expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
    await choose_password(tariq, PASSWORD)
    await tariq.press("Finish set-up")
    await assert_signs_in(tariq, None)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your virtual machines")
    await expect(page.locator("main")).to_contain_text("web01")
    tariq.assert_content()


async def test_a_set_up_link_is_dead_once_it_was_used(house: House, meet: Meet) -> None:
    address = await invite(house, meet, "tariq", "tenant", CONTOSO)
    tariq = await meet(Resident("tariq", house.standing.base))
    await tariq.page.goto(address)
    await choose_password(tariq, PASSWORD)
    await tariq.press("Finish set-up")
    await tariq.page.wait_for_url("**/sign-in")
    thief = await meet(house.stranger())
    await thief.page.goto(address)
    await expect(thief.page.get_by_role("alert")).to_have_text(DEAD)
    await thief.shoot_all("dead-set-up", whole=True)
    # Back shows the form that was sent, and sending it once more changes nothing.
    await tariq.goto("/set-up/account")
    await expect(tariq.page.get_by_role("alert")).to_have_text(DEAD)


async def test_a_wrong_sign_in_names_no_culprit_and_later_asks_to_wait(
    house: House, meet: Meet
) -> None:
    said = set()
    for name in ("contoso", "nobody"):
        person = await meet(Resident(name, house.standing.base))
        await person.goto("/sign-in")
        await person.fill_sign_in("a wrong password", None)
        said.add(await person.page.get_by_role("alert").inner_text())
        await expect(person.page.locator("#name")).to_have_value(name)
        await expect(person.page.locator("#password")).to_have_value("")
    assert said == {
        "That name, password and code do not belong together. Check all three and try again."
    }
    await person.shoot_all("wrong-sign-in", whole=True)
    for _ in range(5):
        await person.fill_sign_in("a wrong password", None)
    await expect(person.page.get_by_role("alert")).to_have_text(
        re.compile(r"Too many attempts\. Wait \d+ s, then try again\.")
    )
    await person.shoot_all("throttled", whole=True)
    person.assert_content()
