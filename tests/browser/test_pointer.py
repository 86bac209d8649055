"""Those who watch see where the operator points, drawn over the screen as the page shows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser.house import House, machine_at_port, open_house
from tests.browser.person import PHONE, Meet, Person
from tests.doubles.rfbserver import FakeRfbServer

WIDTH, HEIGHT = 320, 200
TIP = 2  # how far the mark's tip is from its corner, in the page's pixels


def mark(person: Person) -> Locator:
    return person.page.locator(".pointer")


async def canvas_box(person: Person) -> dict[str, float]:
    found: dict[str, float] = await person.page.evaluate(
        """() => {
          const canvas = document.querySelector('#screen canvas:not(.held)');
          const { x, y, width, height } = canvas.getBoundingClientRect();
          return { x, y, width, height };
        }"""
    )
    return found


async def point_at(operator: Person, x: int, y: int) -> None:
    """At the middle of a pixel of the VM's."""
    box = await canvas_box(operator)
    await operator.page.mouse.move(
        box["x"] + (x + 0.5) * box["width"] / WIDTH, box["y"] + (y + 0.5) * box["height"] / HEIGHT
    )


async def pointed_at(watcher: Person) -> tuple[float, float]:
    """The pixel of the VM's that the mark's tip is on."""
    drawn, box = await mark(watcher).bounding_box(), await canvas_box(watcher)
    assert drawn is not None
    return (
        (drawn["x"] + TIP - box["x"]) / box["width"] * WIDTH,
        (drawn["y"] + TIP - box["y"]) / box["height"] * HEIGHT,
    )


async def until_pointed_at(watcher: Person, x: int, y: int) -> None:
    """Raises: TimeoutError."""
    async with asyncio.timeout(5):
        while True:
            at = await pointed_at(watcher) if await mark(watcher).is_visible() else (-9.0, -9.0)
            if abs(at[0] - x - 0.5) < 1 and abs(at[1] - y - 0.5) < 1:
                return
            await asyncio.sleep(0.02)


async def both(house: House, meet: Meet) -> tuple[Person, Person]:
    """Olga in control, contoso watching."""
    consent = await house.consent("fake01")
    operator, tenant = await meet(house.resident("olga")), await meet(house.resident("contoso"))
    await house.seat(operator, consent)
    await operator.until_in_control()
    await house.seat(tenant, consent)
    await tenant.until_watching()
    return operator, tenant


@pytest.mark.rule(5)
async def test_a_watcher_sees_where_the_operator_points(tmp_path: Path, meet: Meet) -> None:
    async with (
        FakeRfbServer(width=WIDTH, height=HEIGHT) as server,
        open_house(tmp_path, machine_at_port(server.port)) as house,
    ):
        server.paint(0, 0, WIDTH, HEIGHT // 2, (240, 240, 240))
        operator, tenant = await both(house, meet)
        await expect(mark(tenant)).to_be_hidden()
        for place in ((10, 20), (300, 150), (WIDTH - 1, HEIGHT - 1), (120, 60)):
            await point_at(operator, *place)
            await until_pointed_at(tenant, *place)
        await expect(mark(operator)).to_be_hidden()  # it is their own
        await expect(mark(tenant)).to_have_attribute("aria-hidden", "true")

        # It stays on its pixel however the page scales the screen.
        await tenant.page.set_viewport_size({"width": 1180, "height": 800})  # the same size, moved
        await until_pointed_at(tenant, 120, 60)
        await tenant.page.set_viewport_size(PHONE)
        await until_pointed_at(tenant, 120, 60)
        await tenant.shoot_all("console-tenant-pointer")

        # Also where it is shown at its own size, scrolled.
        await point_at(operator, 130, 60)
        await tenant.page.click("#fit")
        await tenant.page.set_viewport_size({"width": 300, "height": 600})
        await until_pointed_at(tenant, 130, 60)
        await tenant.page.evaluate("document.querySelector('#screen > div').scrollTo(20, 0)")
        assert (await canvas_box(tenant))["x"] < 0
        await until_pointed_at(tenant, 130, 60)

        # A watcher's own pointer moves nothing, for themselves or in the VM.
        talk = await server.connected()
        told = len(talk.pointers)
        box = await canvas_box(tenant)
        await tenant.page.mouse.move(box["x"] + 3, box["y"] + 3)
        await point_at(operator, 121, 61)
        await until_pointed_at(tenant, 121, 61)
        assert [(x, y) for x, y, _ in talk.pointers[told:]] == [(121, 61)]

        await operator.page.close()
        await expect(mark(tenant)).to_be_hidden()
        tenant.assert_content()


async def test_a_pointer_at_rest_gets_out_of_the_way(tmp_path: Path, meet: Meet) -> None:
    async with (
        FakeRfbServer(width=WIDTH, height=HEIGHT) as server,
        open_house(tmp_path, machine_at_port(server.port)) as house,
    ):
        operator, tenant = await both(house, meet)
        await tenant.page.clock.install()
        await tenant.page.reload()
        await tenant.until_watching()
        await point_at(operator, 10, 20)
        await expect(mark(tenant)).to_be_visible()
        await tenant.page.clock.fast_forward(9_000)
        await expect(mark(tenant)).to_be_hidden()
        await point_at(operator, 11, 20)
        await expect(mark(tenant)).to_be_visible()
