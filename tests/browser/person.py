"""Somebody with a browser of their own, and what they see in it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import BrowserContext, Locator, Page, ViewportSize, expect

from tests.doubles.program import Program

SCREENSHOTS = Path(__file__).parent / "screenshots"
SHOOTING = bool(os.environ.get("EVA_SCREENSHOTS"))  # costs as much time as all the rest
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)


@dataclass(frozen=True)
class Resident:
    """Who somebody is at one gateway, and what opens its door to them."""

    name: str
    base: str  # the gateway's address
    password: str = ""
    next_code: Callable[[], str | None] = lambda: None


def resident_of(demo: Program, name: str) -> Resident:
    """One of the demo's accounts, as its ready file tells of them."""
    account = demo.account(name)
    code = (lambda: demo.code(name)) if account["code_secret"] else (lambda: None)
    return Resident(name, demo.ready["base_address"], account["password"], code)


@dataclass
class Person:
    """Somebody at a browser; what went wrong in it is kept."""

    resident: Resident
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch(self.page)

    @property
    def name(self) -> str:
        return self.resident.name

    @property
    def stage(self) -> Locator:
        return self.page.locator("#stage")

    @property
    def banner(self) -> Locator:
        return self.page.locator("#banner")

    @property
    def card(self) -> Locator:
        """The card over the screen that says why there is none."""
        return self.page.locator("#card")

    def watch(self, page: Page) -> None:
        """Collect script errors, policy violations, and every request's address."""
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("dialog", lambda dialog: self._refuse(dialog.message, dialog.dismiss))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:
            self.complaints.append(f"{kind}: {text}")

    async def _refuse(self, message: str, dismiss: Callable[[], Awaitable[None]]) -> None:
        self.complaints.append(f"dialog: {message}")
        await dismiss()

    def assert_content(self) -> None:
        """Nothing went wrong in this browser, and nothing left the gateway's origin."""
        assert not self.complaints, self.complaints
        own = (self.resident.base, self.resident.base.replace("https", "wss", 1), "data:", "blob:")
        assert [url for url in self.requests if not url.startswith(own)] == []

    async def goto(self, path: str) -> None:
        await self.page.goto(self.resident.base + path)

    async def sign_in(self) -> None:
        """By the form, as people do."""
        await self.goto("/sign-in")
        await self.fill_sign_in(self.resident.password, self.resident.next_code())
        await self.page.get_by_role("button", name="Sign out").wait_for()

    async def fill_sign_in(self, password: str, code: str | None) -> None:
        await self.page.fill("#name", self.name)
        await self.page.fill("#password", password)
        await self.page.fill("#code", code or "")
        await self.page.click("main button[type=submit]")

    async def step_up(self) -> None:
        """On the page that asks for it."""
        await self.page.fill("#password", self.resident.password)
        await self.page.fill("#code", self.resident.next_code() or "")
        await self.page.get_by_role("button", name="Open the console").click()
        await self.page.wait_for_url("**/consoles/*")

    async def keep_cookie(self, name: str, value: str) -> None:
        await self.context.add_cookies(
            [{"name": name, "value": value, "url": self.resident.base, "secure": True,
              "httpOnly": True, "sameSite": "Strict"}]
        )  # fmt: skip

    async def press(self, name: str) -> None:
        """A button, by its whole name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def until_in_control(self, *, within: float = 15) -> None:
        await expect(self.stage).to_have_attribute(
            "data-look", re.compile("control|entered"), timeout=within * 1000
        )

    async def until_watching(self) -> None:
        await expect(self.stage).to_have_attribute("data-look", "watch")
        await expect(self.stage).to_have_attribute("data-screen", "live")

    async def until_shut_out(self) -> None:
        """The last picture is gone."""
        await expect(self.stage).to_have_attribute("data-screen", "none")
        await self.until_painted(painted=False)

    async def shoot(self, name: str, *, whole: bool = False, always: bool = False) -> None:
        """Keep a screenshot of what the page shows now: `always`, or if EVA_SCREENSHOTS asks."""
        if not (SHOOTING or always):
            return
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)

    async def shoot_all(self, name: str, *, whole: bool = False, always: bool = False) -> None:
        """The page at both sizes, light and dark; when, as `shoot`."""
        if not (SHOOTING or always):
            return
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            await self.page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                await self.page.emulate_media(color_scheme=scheme)
                await self.shoot(f"{name}-{size}-{scheme}", whole=whole, always=always)
        await self.page.set_viewport_size(DESKTOP)
        await self.page.emulate_media(color_scheme="light")

    async def canvas_is_painted(self) -> bool:
        """Whether the screen shows anything but one colour."""
        return bool(await self.page.evaluate(PAINTED))

    async def until_painted(self, *, painted: bool = True, within: float = 15) -> None:
        async with asyncio.timeout(within):
            while await self.canvas_is_painted() is not painted:
                await asyncio.sleep(0.05)

    async def note_when_blank(self) -> None:
        """Let the page itself take the time at which its last picture is gone."""
        await self.page.evaluate(NOTE_WHEN_BLANK)

    async def blank_at(self) -> float:
        """When that was, in seconds since 1970: page and test share this machine's clock."""
        async with asyncio.timeout(15):
            while not (at := await self.page.evaluate("window.blankAt")):
                await asyncio.sleep(0.05)
        return float(at) / 1000


Meet = Callable[..., Awaitable[Person]]

# The distinct colours of a coarse sample of noVNC's canvas; no canvas at all is not painted.
PAINTED = """() => {
  const canvas = document.querySelector('#screen canvas');
  if (!canvas || !canvas.width || !canvas.checkVisibility()) return false;
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < pixels.length; i += 4 * 7) {
    seen.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
    if (1 < seen.size) return true;
  }
  return false;
}"""

NOTE_WHEN_BLANK = """() => {
  const look = setInterval(() => {
    const canvases = [...document.querySelectorAll('#screen canvas')];
    if (canvases.some((canvas) => canvas.checkVisibility())) return;
    window.blankAt = Date.now();
    clearInterval(look);
  }, 10);
}"""
