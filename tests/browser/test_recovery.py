"""Recovering access as people see it: chosen, confirmed, proposed, followed live, done or not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Locator, Route, expect

from gateway.actions.recover import propose_recovery, start_recovery
from gateway.backends.demo.text_machine import TextMachine
from gateway.policy.facts import Consent, Power
from gateway.recovery.calls import Answer, Call, Declined, SetPassword
from gateway.store import RecoveryAction
from tests.actions.guests import obliging
from tests.browser.conftest import LOOP
from tests.browser.house import House, open_house
from tests.browser.person import PHONE, Meet, Person
from tests.browser.test_accessibility import findings, visit
from tests.browser.test_journeys import consent_to, open_console, type_on_the_console
from tests.doubles.staged_guest import StagedGuest

HOSTILE = '<img src=x onerror="alert(1)">\u202egnp.exe'


@dataclass
class Clinic:
    """A house whose machines all have one guest inside, and shortcuts to what is under way."""

    house: House
    guest: StagedGuest

    async def meet(self, meet: Meet, name: str, **options: object) -> Person:
        person = await meet(self.house.resident(name), **options)
        await self.house.let_in(person)
        return person

    def new(self, vm: str = "web01") -> str:
        return f"/recoveries/new?vm={self.house.vm(vm).resource_id}"

    async def start(self, kind: str, vm: str = "web01", **given: str) -> RecoveryAction:
        """As contoso."""
        return await start_recovery(
            self.house.services, self.house.actor("contoso"), kind=kind, now=self.house.clock(),
            resource_id=self.house.vm(vm).resource_id, **given,
        )  # fmt: skip

    async def propose(self, consent: Consent, kind: str, note: str = "") -> RecoveryAction:
        """As olga."""
        return await propose_recovery(
            self.house.services, self.house.actor("olga"), consent_id=consent.id, kind=kind,
            note=note, now=self.house.clock(),
        )  # fmt: skip


@pytest_asyncio.fixture(loop_scope=LOOP)
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    guest = StagedGuest()
    async with open_house(tmp_path, guest=guest) as house:
        yield Clinic(house, guest)


def told(person: Person) -> Locator:
    """The line that says how it stands."""
    return person.page.locator("#told")


async def choose(person: Person, what: str) -> None:
    await person.page.get_by_role("link", name=what, exact=True).click()


async def test_a_tenant_resets_a_password_and_follows_it_live(clinic: Clinic, meet: Meet) -> None:
    clinic.guest.go.clear()
    tenant = await clinic.meet(meet, "contoso")
    page = tenant.page
    await tenant.goto("/tenant")
    await tenant.shoot_all("tenant-machines", whole=True)
    await page.get_by_role("link", name="Recover access to web01", exact=True).click()
    await tenant.shoot_all("recovery-choose", whole=True)
    await choose(tenant, "Reset the password")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Reset the password on web01?")
    await page.fill("#user", "azureuser")
    await expect(page.locator("[data-account]")).to_have_text("azureuser")
    await tenant.press("Suggest a password")
    suggested = await page.locator("#suggested").input_value()
    assert await page.locator("#password").input_value() == suggested
    assert len(suggested) == 20
    await tenant.shoot_all("recovery-confirm", whole=True)
    await tenant.press("Reset the password on web01")
    await page.wait_for_url(re.compile("/recoveries/[0-9a-f]{32}$"))
    await expect(told(tenant)).to_contain_text("asking the guest agent")
    clinic.guest.go.set()
    await expect(told(tenant)).to_have_text("The password was reset on web01.")
    await expect(page.get_by_role("button", name="Cancel it")).to_have_count(0)
    await expect(page.locator(".course li[data-state=done]").first).to_be_visible()
    await tenant.shoot_all("recovery-done", whole=True)
    assert suggested not in await page.content()
    (sent,) = [call for call in clinic.guest.asked if isinstance(call, SetPassword)]
    assert (sent.user, sent.password.reveal()) == ("azureuser", suggested)
    tenant.assert_content()


async def test_going_back_and_reloading_repeats_nothing(clinic: Clinic, meet: Meet) -> None:
    tenant = await clinic.meet(meet, "contoso")
    page = tenant.page
    await tenant.goto(clinic.new())
    await choose(tenant, "Reset the password")
    await page.fill("#user", "azureuser")
    for field in ("#password", "#again"):
        await page.fill(field, "correct-Horse-7-battery")
    await page.get_by_role("button", name="Reset the password on web01").dblclick()
    await expect(told(tenant)).to_have_text("The password was reset on web01.")
    await page.reload()
    await page.go_back()
    assert await page.locator("#password").input_value() == ""
    await page.go_forward()
    await expect(told(tenant)).to_have_text("The password was reset on web01.")
    assert len([call for call in clinic.guest.asked if isinstance(call, SetPassword)]) == 1


async def test_what_is_typed_while_the_page_still_loads_stays(clinic: Clinic, meet: Meet) -> None:
    tenant = await clinic.meet(meet, "contoso")
    page, go = tenant.page, asyncio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await tenant.goto(clinic.new())
    await page.route("**/copy.js", hold)
    await choose(tenant, "Reset the password")
    await page.fill("#user", "azureuser")
    for field in ("#password", "#again"):
        await page.fill(field, "correct-Horse-7-battery")
    assert await page.evaluate("document.readyState") != "complete"
    go.set()
    await page.wait_for_load_state()
    await tenant.press("Reset the password on web01")
    await expect(told(tenant)).to_have_text("The password was reset on web01.")


async def test_the_line_that_says_how_it_stands_runs_on(clinic: Clinic, meet: Meet) -> None:
    async def slowly(call: Call) -> Answer:
        if isinstance(call, SetPassword):
            clinic.guest.go.clear()
        return await obliging(call)

    clinic.guest.answer = slowly
    action = await clinic.start("set_password", user="azureuser", password="x" * 16)
    tenant = await clinic.meet(meet, "contoso")
    await tenant.goto(f"/recoveries/{action.id}")
    waiting = "Resetting the password on web01: the guest agent accepted it, waiting"
    await expect(told(tenant)).to_have_text(waiting)
    await expect(tenant.page.locator("#lasting")).to_have_text(re.compile(r"\(0:0[1-9]\)"))
    await expect(tenant.page.locator(".course [aria-current=step]")).to_have_count(1)
    await tenant.shoot_all("recovery-running", whole=True)
    clinic.guest.go.set()
    await expect(told(tenant)).to_have_text("The password was reset on web01.")
    tenant.assert_content()


async def test_a_queued_recovery_is_cancelled(clinic: Clinic, meet: Meet) -> None:
    clinic.guest.go.clear()
    await clinic.start("check_disk")
    action = await clinic.start("reset_ssh")
    tenant = await clinic.meet(meet, "contoso")
    await tenant.goto(f"/recoveries/{action.id}")
    await tenant.shoot_all("recovery-queued", whole=True)
    await tenant.press("Cancel it")
    await expect(told(tenant)).to_have_text(
        "Resetting SSH on web01 was cancelled before it was sent."
    )
    clinic.guest.go.set()


async def test_a_failure_says_why_and_what_next(clinic: Clinic, meet: Meet) -> None:
    async def refusing(call: Call) -> Answer:
        return (
            Declined("GenericError", HOSTILE)
            if isinstance(call, SetPassword)
            else await obliging(call)
        )

    clinic.guest.answer = refusing
    action = await clinic.start("set_password", user="azureuser", password="x" * 16)
    tenant = await clinic.meet(meet, "contoso")
    await tenant.goto(f"/recoveries/{action.id}")
    await expect(told(tenant)).to_have_text("Resetting the password on web01 failed.")
    await expect(tenant.page.get_by_role("heading", name="What to do next")).to_be_visible()
    assert await tenant.page.locator("main img").count() == 0
    await tenant.shoot_all("recovery-failed", whole=True)
    tenant.assert_content()


async def test_a_machine_that_is_off_says_so_in_the_form(clinic: Clinic, meet: Meet) -> None:
    clinic.guest.power = Power.OFF
    tenant = await clinic.meet(meet, "contoso")
    await tenant.goto(clinic.new())
    await choose(tenant, "Check the disks")
    await tenant.press("Check the disks on web01")
    alert = tenant.page.get_by_role("alert")
    await expect(alert).to_contain_text("when the VM is not running")
    await tenant.shoot_all("recovery-refused", whole=True)


async def test_an_operator_proposes_on_the_console_and_the_tenant_approves(
    clinic: Clinic, meet: Meet
) -> None:
    house = clinic.house
    consent = await house.consent()
    operator, tenant = await meet(house.resident("olga")), await meet(house.resident("contoso"))
    await house.seat(operator, consent)
    await house.seat(tenant, consent)
    await operator.until_in_control()
    await tenant.until_watching()
    await operator.page.get_by_role("button", name="Recovery").click()
    await operator.page.select_option("#propose-kind", "set_password")
    await operator.page.fill("#propose-note", "the login says that it expired")
    await operator.press("Propose it")
    mine = operator.page.locator("#recovery-list")
    await expect(mine).to_contain_text("olga proposes: reset the password on web01")
    await operator.shoot_all("console-operator-proposes")
    notice = tenant.page.locator("#recovery-notice")
    await expect(notice).to_contain_text("olga proposes: reset the password on web01")
    await expect(notice).to_contain_text("the login says that it expired")
    await tenant.shoot_all("console-tenant-proposal")
    await tenant.goto("/tenant")
    await tenant.shoot_all("tenant-proposal", whole=True)
    await tenant.page.get_by_role("link", name=re.compile("^Answer")).click()
    await tenant.shoot_all("recovery-approve", whole=True)
    await tenant.page.fill("#user", "secretaccount")
    await tenant.press("Suggest a password")
    await tenant.press("Reset the password on web01")
    await expect(told(tenant)).to_have_text("The password was reset on web01.")
    await expect(mine).to_contain_text("The password was reset on web01.")
    assert "secretaccount" not in await operator.page.content()
    await operator.until_in_control()
    tenant.assert_content()
    operator.assert_content()


async def test_an_open_panel_stays_below_the_bar(clinic: Clinic, meet: Meet) -> None:
    operator = await meet(clinic.house.resident("olga"))
    await clinic.house.seat(operator, await clinic.house.consent())
    page = operator.page
    await page.get_by_role("button", name="Recovery").click()
    await expect(page.locator("#propose-kind")).to_be_focused()
    await page.set_viewport_size(PHONE)
    await page.wait_for_function(BELOW_THE_BAR)
    await expect(page.locator("#recovery-list")).to_be_hidden()


BELOW_THE_BAR = """() => {
  const top = (id) => document.getElementById(id).getBoundingClientRect().top;
  return top('stage') <= top('recovery-panel');
}"""


async def test_a_proposal_is_declined_from_the_screen(clinic: Clinic, meet: Meet) -> None:
    house = clinic.house
    consent = await house.consent()
    tenant, operator = await meet(house.resident("contoso")), await clinic.meet(meet, "olga")
    await house.seat(tenant, consent)
    await operator.goto("/operator")
    await operator.shoot_all("operator-queue", whole=True)
    await operator.page.get_by_role("link", name="Propose a recovery for web01").click()
    await operator.page.get_by_role("radio", name=re.compile("Reset SSH")).check()
    await operator.shoot_all("recovery-propose", whole=True)
    await operator.press("Propose it")
    await expect(told(operator)).to_have_text("olga proposes: reset SSH on web01")
    await operator.shoot_all("recovery-proposed", whole=True)
    await tenant.page.get_by_role("link", name="Answer", exact=True).click()
    await tenant.press("Decline the proposal")
    declined = "The proposal to reset SSH on web01 was declined."
    await expect(told(tenant)).to_have_text(declined)
    await expect(told(operator)).to_have_text(declined)
    assert clinic.guest.asked == []


async def test_the_list_keeps_its_state_in_the_address(clinic: Clinic, meet: Meet) -> None:
    await clinic.start("reset_ssh")
    await clinic.start("check_disk")
    admin = await clinic.meet(meet, "admin")
    page = admin.page
    await admin.goto("/admin")
    await page.get_by_role("link", name="Recoveries").click()
    await expect(page.locator("tbody tr")).to_have_count(2)
    await admin.shoot_all("recoveries-admin", whole=True)
    await page.select_option("#kind", "check_disk")
    await admin.press("Apply")
    # The list as filtered stands before it is asked for again.
    await expect(page.locator("tbody tr")).to_have_count(1)
    assert "kind=check_disk" in page.url
    await page.reload()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("link", name=re.compile("^Look")).click()
    await expect(told(admin)).to_contain_text("on web01")
    await page.get_by_role("link", name="Agent logs").click()
    await expect(page.locator(".log")).to_contain_text("fsck")
    await admin.shoot_all("recovery-log", whole=True)
    admin.assert_content()


async def test_axe_finds_nothing_on_the_recovery_pages(clinic: Clinic, meet: Meet) -> None:
    house, vm = clinic.house, clinic.house.vm("web01").resource_id
    consent = await house.consent()
    proposal = await clinic.propose(consent, "set_password", HOSTILE)
    done = await clinic.start("check_disk")
    tenant = await clinic.meet(meet, "contoso", bypass_csp=True)
    shared = ["/recoveries", f"/recoveries/{done.id}", f"/recoveries/log?vm={vm}"]
    own = [f"/recoveries/confirm?kind={kind}&vm={vm}" for kind in ("set_password", "repair_disk")]
    pages = [*shared, *own, clinic.new(), "/tenant", f"/recoveries/{proposal.id}/approve"]
    found = await visit(tenant, [*pages, "/recoveries?state=declined"])
    operator = await clinic.meet(meet, "olga", bypass_csp=True)
    theirs = ["/recoveries", f"/recoveries/{proposal.id}", f"/consents/{consent.id}/propose"]
    found += await visit(operator, theirs)
    admin = await clinic.meet(meet, "admin", bypass_csp=True)
    assert found + await visit(admin, shared) == []


async def test_axe_finds_nothing_on_a_screen_with_a_proposal(clinic: Clinic, meet: Meet) -> None:
    house = clinic.house
    consent = await house.consent()
    await clinic.propose(consent, "set_password", HOSTILE)
    found = []
    for name in ("olga", "contoso"):
        person = await meet(house.resident(name), bypass_csp=True)
        await house.seat(person, consent)
        await person.page.get_by_role("button", name="Recovery").click()
        await expect(person.page.locator("#recovery-list li")).to_have_count(1)
        found += await findings(person.page)
    assert found == []


async def test_recovering_needs_no_script(clinic: Clinic, meet: Meet) -> None:
    tenant = await clinic.meet(meet, "contoso", java_script_enabled=False)
    page = tenant.page
    await tenant.goto(clinic.new())
    await choose(tenant, "Reset the password")
    await page.fill("#user", "azureuser")
    for field in ("#password", "#again"):
        await page.fill(field, "correct-Horse-7-battery")
    await tenant.press("Reset the password on web01")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Reset the password on web01")
    async with asyncio.timeout(15):
        while await told(tenant).text_content() != "The password was reset on web01.":
            await choose(tenant, "Look again")


# the whole way, in the demo's own machines


def screen_of(house: House, name: str) -> str:
    """What the machine's text console shows."""
    machine = house.hypervisor.machine(name)
    assert isinstance(machine, TextMachine)
    return machine.terminal.text()


async def until_shown(house: House, name: str, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in screen_of(house, name):
            await asyncio.sleep(0.05)


async def test_a_reset_password_then_logs_in_at_the_console(house: House, meet: Meet) -> None:
    """Contoso resets azureuser's password; by contoso's consent olga logs in with it."""
    tenant, operator = [await meet(house.resident(name)) for name in ("contoso", "olga")]
    await house.let_in(tenant)
    page = tenant.page
    await tenant.goto("/tenant")
    await page.get_by_role("link", name="Recover access to web01", exact=True).click()
    await choose(tenant, "Reset the password")
    await page.fill("#user", "azureuser")
    await tenant.press("Suggest a password")
    password = await page.locator("#suggested").input_value()
    await tenant.press("Reset the password on web01")
    await expect(told(tenant)).to_have_text("The password was reset on web01.")
    await consent_to(tenant, "web01", "please log in with the password that I read to you")

    await operator.sign_in()
    await open_console(operator, "web01")
    await operator.until_painted()
    await until_shown(house, "web01", "web01 login:")
    await type_on_the_console(operator, "azureuser")
    await until_shown(house, "web01", "Password:")
    await operator.page.keyboard.type(password, delay=20)
    await operator.page.keyboard.press("Enter")
    await until_shown(house, "web01", "azureuser@web01:~$")
    assert password not in screen_of(house, "web01")
    await operator.shoot_all("console-after-recovery")
    tenant.assert_content()
    operator.assert_content()


async def test_a_windows_policy_turns_a_weak_password_down_in_its_own_words(
    house: House, meet: Meet
) -> None:
    tenant = await meet(house.resident("contoso"))
    await house.let_in(tenant)
    await tenant.goto(f"/recoveries/new?vm={house.vm('win01').resource_id}")
    await expect(tenant.page.locator("main")).to_contain_text("no such function for Windows")
    await tenant.shoot_all("recovery-choose-windows", whole=True)
    await choose(tenant, "Reset the password")
    await tenant.page.fill("#user", "Administrator")
    for field in ("#password", "#again"):
        await tenant.page.fill(field, "weak")
    await tenant.press("Reset the password on win01")
    await expect(told(tenant)).to_have_text("Resetting the password on win01 failed.")
    main = tenant.page.locator("main")
    await expect(main).to_contain_text(
        "The password does not meet the password policy requirements."
    )
    await expect(main).to_contain_text("Choose a longer password")
    await tenant.shoot_all("recovery-failed-windows", whole=True)


async def test_a_suggested_password_has_every_kind_of_character(clinic: Clinic, meet: Meet) -> None:
    tenant = await clinic.meet(meet, "contoso")
    await tenant.goto("/tenant")
    made = await tenant.page.evaluate(SUGGESTIONS)
    assert len(set(made)) == len(made) == 500
    kinds = "[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]"
    for password in made:
        assert len(password) == 20
        assert all(re.search(kind, password) for kind in kinds), password
        assert not set(password) & set("0O1lI|'\"\\ ")
    # No place is always of the same kind.
    assert all(re.search(kind, "".join(word[0] for word in made)) for kind in kinds)


SUGGESTIONS = """async () => {
  const { suggestion } = await import('/static/js/recovery/suggestion.js');
  return Array.from({ length: 500 }, () => suggestion());
}"""
