"""A demo gateway, a real Chromium, and a browser context for each person."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.doubles.program import Program, running_demo

SCREENSHOTS = Path(__file__).parent / "screenshots"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Program]:
    async with running_demo(tmp_path) as program:
        yield program


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("EVA_REQUIRE_BROWSER") or os.environ.get("CI"):
            pytest.fail("Debian's package chromium is not installed")
        pytest.skip("Debian's package chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium,
            args=["--disable-background-networking", "--disable-component-update",
                  "--disable-sync", "--no-first-run"],
        )  # fmt: skip
        yield browser
        await browser.close()


@dataclass
class Person:
    """Somebody with a browser of their own, and what went wrong in it."""

    name: str
    demo: Program
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(8000)

    async def sign_in(self) -> None:
        await self.goto("/sign-in")
        await self.page.fill("#name", self.name)
        await self.page.fill("#password", self.demo.account(self.name)["password"])
        if self.demo.account(self.name)["code_secret"]:
            await self.page.fill("#code", self.demo.code(self.name))
        await self.page.click("main button[type=submit]")
        await self.page.get_by_role("button", name="Sign out").wait_for()

    async def goto(self, path: str) -> None:
        await self.page.goto(self.demo.ready["base_address"] + path)

    async def shoot(self, name: str) -> None:
        """Keep a screenshot of what the page shows now."""
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    async def shoot_all(self, name: str) -> None:
        """The page at both sizes, light and dark."""
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            await self.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for scheme in ("light", "dark"):
                await self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await self.shoot(f"{name}-{size}-{scheme}")
        await self.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        await self.page.emulate_media(color_scheme="light")

    async def canvas_is_painted(self) -> bool:
        """Whether the screen shows anything but one colour."""
        return bool(await self.page.evaluate(PAINTED))

    async def until_painted(self, *, painted: bool = True, within: float = 10) -> None:
        async with asyncio.timeout(within):
            while await self.canvas_is_painted() is not painted:
                await asyncio.sleep(0.05)


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


@pytest.fixture
async def meet(demo: Program, browser: Browser):
    """`await meet("olga")`: a person with a browser context of their own."""
    people: list[Person] = []

    async def one(name: str) -> Person:
        context = await browser.new_context(ignore_https_errors=True, viewport=DESKTOP)
        person = Person(name, demo, context, await context.new_page())
        watch_for_complaints(person)
        people.append(person)
        return person

    yield one
    for person in people:
        await person.context.close()


def watch_for_complaints(person: Person) -> None:
    """Collect script errors, policy violations, and every request's address."""
    page = person.page
    page.on("pageerror", lambda error: person.complaints.append(f"error: {error}"))
    page.on(
        "console",
        lambda said: (
            person.complaints.append(f"{said.type}: {said.text}")
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    page.on("request", lambda request: person.requests.append(request.url))
