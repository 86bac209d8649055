"""The demo's VMs of other kinds, as a newcomer sees them: opened, typed into, on the wall."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from gateway.demo.engines import ENGINES
from tests.browser.person import Meet, Person, resident_of
from tests.browser.test_backends import picture_of, type_in
from tests.browser.test_journeys import consent_to, open_console
from tests.doubles.program import running_demo
from tests.hypervisor.programs import need

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(240)]

# A one-time code works once: an operator has three of them within the first seconds.
OPENED = (("olga", "boot01"), ("olga", "boot02"), ("omar", "jump01"))


async def until_typed(person: Person, text: str) -> None:
    """Type, and wait until the picture shows that something came of it."""
    before = (await picture_of(person)).tobytes()
    await type_in(person, text)
    async with asyncio.timeout(30):
        while (await picture_of(person)).tobytes() == before:
            await asyncio.sleep(0.1)


async def until_at_the_menu(person: Person) -> None:
    """The firmware's menu is blue, in VGA's palette."""
    async with asyncio.timeout(60):
        while (await picture_of(person))[-1, -1].tolist() != [0, 0, 168]:
            await asyncio.sleep(0.2)


async def test_each_kind_is_opened_typed_into_and_seen_on_the_wall(
    tmp_path: Path, meet: Meet
) -> None:
    need(*{program for engine in ENGINES for program in engine.programs})
    async with running_demo(tmp_path, engines=True) as demo:
        tenant, admin = [await meet(resident_of(demo, name)) for name in ("contoso", "admin")]
        operators = {name: await meet(resident_of(demo, name)) for name in ("olga", "omar")}
        await asyncio.gather(
            tenant.sign_in(), admin.sign_in(), *(each.sign_in() for each in operators.values())
        )
        await tenant.goto("/tenant")
        await tenant.shoot_all("demo-engines-tenant", whole=True)
        for name, vm in OPENED:
            await consent_to(tenant, vm, "it does not boot")
            operator = await beside(operators[name])
            await open_console(operator, vm)
            await operator.until_in_control(within=30)
            if vm.startswith("boot"):
                await until_at_the_menu(operator)
            await until_typed(operator, "\n" if vm.startswith("boot") else "hello from the console")
            await operator.shoot_all(f"demo-engines-{vm}")
            operator.assert_content()
        await admin.goto("/admin")
        for _, vm in OPENED:
            screen = admin.page.get_by_alt_text(f"Screen of {vm} now")
            await expect(screen).to_have_js_property("complete", True)
            assert 0 < await screen.evaluate("image => image.naturalWidth")
        await admin.shoot_all("demo-engines-wall", whole=True)
        for person in (tenant, admin):
            person.assert_content()
        assert await demo.stop() == 0


async def beside(person: Person) -> Person:
    """The same person in another tab."""
    return Person(person.resident, person.context, await person.context.new_page())
