"""The journey, behind every kind of console: consent, connect, type, watch, cut; and a refusal."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import expect

from tests.browser.behind import BEHIND, NAME, Behind
from tests.browser.house import House, open_house
from tests.browser.person import Meet, Person
from tests.browser.test_journeys import consent_to, open_console, watch
from tests.doubles.pictures import Picture, difference
from tests.hypervisor.echo import GRAPHICS_KEY, GRAPHICS_SIZE

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

ALL = pytest.mark.parametrize("kind", list(BEHIND))
WITHIN = 30.0


async def until(true: Callable[[], object]) -> None:
    """Raises: TimeoutError."""
    async with asyncio.timeout(WITHIN):
        while not true():
            await asyncio.sleep(0.1)


async def until_taken(behind: Behind, text: str) -> None:
    """Wait until the guest has taken `text`. Raises: AssertionError, with what it has."""
    try:
        await until(lambda: text in behind.taken())
    except TimeoutError:
        raise AssertionError(f"{text!r} is not in {behind.taken()[-200:]!r}") from None


async def picture_of(person: Person) -> Picture:
    """What the browser shows, in the guest's own pixels: height x width x R, G, B."""
    url: str = await person.page.evaluate(
        "document.querySelector('#screen canvas').toDataURL('image/png')"
    )
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


async def until_the_same(person: Person, behind: Behind) -> None:
    """Wait until the browser shows the guest's picture, pixel by pixel. Raises: AssertionError."""
    shown = truth = np.zeros((0, 0, 3), np.uint8)
    try:
        async with asyncio.timeout(WITHIN):
            while not shown.size or not np.array_equal(shown, truth):
                await asyncio.sleep(0.2)
                shown, truth = await picture_of(person), behind.screendump()
    except TimeoutError:
        raise AssertionError(
            f"{person.name}: {difference(shown, truth)}; the page: {await look_of(person)}"
        ) from None


async def look_of(person: Person) -> str:
    """What the page makes of its connection."""
    looks = [await person.stage.get_attribute(f"data-{each}") for each in ("look", "screen")]
    return f"{looks}, {person.complaints}, {await person.page.inner_text('body')!r}"


async def type_in(person: Person, text: str) -> None:
    await person.page.click("#enter")
    await person.page.keyboard.type(text, delay=30)


async def try_to_type(tenant: Person, text: str) -> None:
    """As far as the page of somebody who only watches lets them."""
    await expect(tenant.page.locator("#enter")).to_have_count(0)
    await tenant.page.locator("#screen canvas").click()
    await tenant.page.keyboard.type(text, delay=10)


async def point(operator: Person, behind: Behind) -> None:
    """Move the pointer, and see it arrive there."""
    assert behind.pointer is not None
    box = await operator.page.locator("#screen canvas").bounding_box()
    assert box is not None
    height, width, _ = behind.screendump().shape
    for share_x, share_y in ((0.25, 0.5), (0.6, 0.3)):
        await operator.page.mouse.move(
            box["x"] + box["width"] * share_x, box["y"] + box["height"] * share_y
        )
        async with asyncio.timeout(WITHIN):
            while not near(behind.pointer(), (width * share_x, height * share_y)):
                await asyncio.sleep(0.1)


def near(one: tuple[int, int], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))


async def restart(operator: Person, behind: Behind, typed: str) -> None:
    """By the console bar's Ctrl+Alt+Del."""
    await operator.press("Ctrl+Alt+Del")
    await until(lambda: typed not in behind.taken())
    await until_taken(behind, "Booting from Hard Disk")


async def cut(admin: Person, reason: str) -> None:
    """From the wall."""
    await admin.goto("/admin")
    await admin.page.get_by_role("link", name=f"Revoke access to {NAME}").first.click()
    await admin.page.fill("#reason", reason)
    await admin.page.locator("main form button[type=submit]").click()


@ALL
async def test_consent_operate_watch_cut(
    kind: str, tmp_path: Path, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with BEHIND[kind](monkeypatch) as behind, open_house(tmp_path, behind.machine) as house:
        tenant, operator, admin = await three_people(house, meet)
        await consent_to(tenant, NAME, "the network path is gone")
        await open_console(operator, NAME)
        await operator.until_in_control()
        await type_in(operator, "fjord lights ")
        await until_taken(behind, "fjord lights")
        await until_the_same(operator, behind)

        await watch(tenant)
        await tenant.until_watching()
        await try_to_type(tenant, "intruder")
        await type_in(operator, "now dark")
        await until_taken(behind, "now dark")
        assert "intruder" not in behind.taken()
        await asyncio.gather(until_the_same(operator, behind), until_the_same(tenant, behind))
        await operator.shoot_all(f"backend-{kind}-operator")
        await tenant.shoot_all(f"backend-{kind}-tenant")

        if behind.pointer is None:
            await type_in(operator, GRAPHICS_KEY)
            await until(lambda: behind.screendump().shape[1::-1] == GRAPHICS_SIZE)
            await asyncio.gather(until_the_same(operator, behind), until_the_same(tenant, behind))
            await restart(operator, behind, "fjord lights")
        else:
            await point(operator, behind)
        await until_the_same(tenant, behind)

        await cut(admin, "the change window is over")
        for person in (operator, tenant):
            await person.until_painted(painted=False, within=5)
            await expect(person.card).to_contain_text("the change window is over")
        for person in (tenant, operator, admin):
            person.assert_content()


async def three_people(house: House, meet: Meet) -> list[Person]:
    """contoso, olga and the admin, signed in by the form."""
    people = [await meet(house.resident(name)) for name in ("contoso", "olga", "admin")]
    await asyncio.gather(*(person.sign_in() for person in people))
    return people


@ALL
async def test_a_no_is_told_in_its_own_words(
    kind: str, tmp_path: Path, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        BEHIND[kind](monkeypatch) as behind,
        open_house(tmp_path, behind.says_no()) as house,
    ):
        operator, tenant = await meet(house.resident("olga")), await meet(house.resident("contoso"))
        consent = await house.consent(NAME)
        await house.seat(operator, consent)
        await house.seat(tenant, consent)
        for person in (operator, tenant):
            await expect(person.card).to_contain_text(behind.heading, timeout=WITHIN * 1000)
        await expect(operator.card).to_contain_text(behind.words)
        await expect(operator.card.get_by_role("button", name="Try again now")).to_be_visible()
        if behind.words:
            await expect(operator.card).to_contain_text("tell")
            # Whose guest it is learns that it does not work, and nothing of the host.
            await expect(tenant.card).not_to_contain_text(behind.words)
        await operator.shoot_all(f"backend-{kind}-no")
        for person in (tenant, operator):
            person.assert_content()
