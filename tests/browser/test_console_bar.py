"""The console bar: what each control does to the VM, by the key log of a fake RFB server."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from gateway.policy.facts import CONSENT_LIFETIME, Consent
from tests.browser.house import House, machine_at_port, open_house
from tests.browser.person import Meet, Person
from tests.doubles.rfbserver import Conversation, FakeRfbServer

CTRL, ALT, SHIFT, DELETE, TAB, F4 = 0xFFE3, 0xFFE9, 0xFFE1, 0xFFFF, 0xFF09, 0xFFC1
# The server's word that it takes QEMU's extended key events: an empty rect, encoding -258.
EXTENDED_KEYS = struct.pack(">HHHHi", 0, 0, 0, 0, -258)

AN_HOUR_FAST = """
  const Right = Date;
  const now = () => Right.now() + 3_600_000;
  globalThis.Date = class extends Right {
    constructor(...given) { given.length ? super(...given) : super(now()); }
    static now() { return now(); }
  };
"""


@dataclass
class Scene:
    """Olga at a console whose keys the test can read."""

    house: House
    consent: Consent
    operator: Person
    server: FakeRfbServer
    talk: Conversation

    def strokes(self) -> list[tuple[bool, int]]:
        return [(down, keysym) for down, keysym, _ in self.talk.keys]


@asynccontextmanager
async def at_the_keys(folder: Path, meet: Meet, *, until_end: Any = None) -> AsyncIterator[Scene]:
    async with (
        FakeRfbServer(width=320, height=200) as server,
        open_house(folder, machine_at_port(server.port)) as house,
    ):
        server.paint(0, 0, 32, 32, (255, 0, 0))
        consent, operator = await house.consent("fake01"), await meet(house.resident("olga"))
        if until_end is not None:
            house.clock.ahead = CONSENT_LIFETIME - until_end
            await operator.page.add_init_script(AN_HOUR_FAST)
        await house.seat(operator, consent)
        await operator.until_in_control()
        yield Scene(house, consent, operator, server, await server.connected())
        operator.assert_content()


def chord(*keysyms: int) -> list[tuple[bool, int]]:
    """Pressed in order, released in reverse."""
    return [*((True, one) for one in keysyms), *((False, one) for one in reversed(keysyms))]


def held(strokes: list[tuple[bool, int]]) -> set[int]:
    """The keys that are down after all of them."""
    down: set[int] = set()
    for pressed, keysym in strokes:
        (down.add if pressed else down.discard)(keysym)
    return down


async def test_combinations_press_in_order_and_release_in_reverse(
    tmp_path: Path, meet: Meet
) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        page = scene.operator.page
        await scene.operator.press("Ctrl+Alt+Del")
        expected = chord(CTRL, ALT, DELETE)
        await scene.talk.until(lambda: scene.strokes() == expected)
        await expect(scene.operator.banner).to_contain_text("Ctrl+Alt+Del sent.")
        await scene.operator.press("Keys")
        await scene.operator.shoot_all("keys-panel")
        await page.get_by_role("button", name="Ctrl+Alt+F4", exact=True).click()
        expected += chord(CTRL, ALT, F4)
        await scene.talk.until(lambda: scene.strokes() == expected)


async def test_a_sticky_modifier_stays_down_until_it_is_pressed_again(
    tmp_path: Path, meet: Meet
) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        await scene.operator.press("Keys")
        alt = scene.operator.page.locator("[data-hold=Alt]")
        await alt.click()
        await expect(alt).to_have_attribute("aria-pressed", "true")
        await scene.operator.press("Tab")
        await scene.talk.until(lambda: len(scene.strokes()) == 3)
        assert held(scene.strokes()) == {ALT}
        await alt.click()
        await scene.talk.until(lambda: not held(scene.strokes()))
        assert scene.strokes() == [(True, ALT), (True, TAB), (False, TAB), (False, ALT)]


async def test_text_is_typed_with_capitals_and_symbols_and_shown_nowhere(
    tmp_path: Path, meet: Meet
) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        page = scene.operator.page
        await scene.operator.press("Type text")
        await page.fill("#type-text", "aB 9%€")
        await expect(page.locator("#type-warning")).to_contain_text("1 character cannot be typed")
        await scene.operator.shoot_all("type-panel")
        await scene.operator.press("Type it")
        await expect(page.locator("#type-warning")).to_have_text(
            "Typed 5 characters. 1 character left out."
        )
        assert scene.strokes() == [
            *chord(ord("a")), *chord(SHIFT, ord("B")), *chord(ord(" ")), *chord(ord("9")),
            *chord(SHIFT, ord("%")),
        ]  # fmt: skip
        await expect(page.locator("#type-text")).to_have_value("")


async def test_the_layout_decides_which_key_types_a_character(tmp_path: Path, meet: Meet) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        scene.talk.owe(EXTENDED_KEYS)
        page = scene.operator.page
        await scene.operator.press("Type text")
        await page.get_by_label("Keyboard layout inside the VM").select_option("de")
        await page.fill("#type-text", "z")
        await scene.operator.press("Type it")
        # XT scancode 0x15: the key that bears Y on an American keyboard.
        z = [(True, ord("z"), 0x15), (False, ord("z"), 0x15)]
        await scene.talk.until(lambda: scene.talk.keys == z)


async def test_typing_shows_its_progress_and_stops_on_a_word(tmp_path: Path, meet: Meet) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        page = scene.operator.page
        await scene.operator.press("Type text")
        await page.fill("#type-text", "A" * 400)
        await scene.operator.press("Type it")
        await expect(page.get_by_role("progressbar")).to_be_visible()
        await scene.talk.until(lambda: 8 < len(scene.strokes()))
        await expect(page.locator("#type-progress[value='0']")).to_have_count(0)
        await scene.operator.press("Stop")
        await expect(page.locator("#type-warning")).to_contain_text("Stopped.")
        await scene.talk.until(lambda: not held(scene.strokes()))
        assert len(scene.strokes()) < 400


async def test_fit_fills_the_stage_and_1_to_1_does_not(tmp_path: Path, meet: Meet) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        canvas = scene.operator.page.locator("#screen canvas")
        wide = "canvas => canvas.getBoundingClientRect().width"
        assert 600 < await canvas.evaluate(wide)
        await scene.operator.page.click("#fit")
        assert await canvas.evaluate(wide) == 320
        await expect(scene.operator.page.locator("#fit")).to_have_accessible_name(
            "Shown 1:1; press to scale to fit"
        )
        await scene.operator.page.click("#fit")
        assert 600 < await canvas.evaluate(wide)


async def test_full_screen_keeps_the_banner(tmp_path: Path, meet: Meet) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        page = scene.operator.page
        await scene.operator.press("Full screen")
        await expect(page.locator("#shell:fullscreen #banner")).to_be_visible()
        await expect(page.locator("#shell:fullscreen #left")).to_be_visible()
        await scene.operator.press("Full screen")
        await expect(page.locator("#shell:fullscreen")).to_have_count(0)


async def test_a_screenshot_is_a_png_of_the_screen(tmp_path: Path, meet: Meet) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        await scene.operator.until_painted()
        async with scene.operator.page.expect_download() as coming:
            await scene.operator.press("Screenshot")
        picture = await coming.value
        assert re.fullmatch(r"fake01-[\d-]+T\d{6}\.png", picture.suggested_filename)
        data = (await picture.path()).read_bytes()
        # PNG §5.2, §11.2.2: the signature, then IHDR, which begins with width and height.
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", data[16:24]) == (320, 200)


async def test_who_is_here_lists_names_roles_and_since_when(tmp_path: Path, meet: Meet) -> None:
    async with at_the_keys(tmp_path, meet) as scene:
        tenant = await meet(scene.house.resident("contoso"))
        await scene.house.seat(tenant, scene.consent)
        await tenant.until_watching()
        await scene.operator.page.click("#people-button")
        rows = scene.operator.page.locator("#roster li")
        since = r"here since \d\d:\d\d UTC"
        await expect(rows).to_have_text(
            [
                re.compile(rf"olga.*you.*operator.*Has control, {since}"),
                re.compile(rf"contoso.*tenant.*Watches, {since}"),
            ]
        )


async def test_the_countdown_is_right_though_the_browsers_clock_is_not(
    tmp_path: Path, meet: Meet
) -> None:
    left = timedelta(seconds=110)
    async with at_the_keys(tmp_path, meet, until_end=left) as scene:
        gauge = scene.operator.page.locator("#left .hours__text")
        await expect(gauge).to_have_text(re.compile(r"^[01]:\d\d left$"))
        before = scene.consent.expires_at - scene.house.clock()
        minutes, seconds = map(int, (await gauge.inner_text()).split()[0].split(":"))
        after = scene.consent.expires_at - scene.house.clock()
        shown = timedelta(minutes=minutes, seconds=seconds)
        assert after - timedelta(seconds=2) <= shown <= before + timedelta(seconds=2)
        ends = f"Access ends at {scene.consent.expires_at:%H:%M} UTC"
        await expect(scene.operator.banner).to_contain_text(ends)
