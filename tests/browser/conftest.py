"""A gateway to visit, one real Chromium for all, and a browser context for each person."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.house import House, open_house
from tests.browser.person import DESKTOP, Meet, Person, Resident
from tests.doubles.program import Program, running_demo

# The browser outlives single tests, so they all share its event loop.
LOOP: Final = "session"
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope=LOOP), append=False)


@pytest_asyncio.fixture(loop_scope=LOOP)
async def demo(tmp_path: Path) -> AsyncIterator[Program]:
    """The demo as its user starts it."""
    async with running_demo(tmp_path) as program:
        yield program


@pytest_asyncio.fixture(loop_scope=LOOP)
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway in this process."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope=LOOP, scope="session")
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


@pytest_asyncio.fixture(loop_scope=LOOP)
async def meet(browser: Browser) -> AsyncIterator[Meet]:
    """`await meet(house.resident("olga"))`: a person with a browser context of their own."""
    people: list[Person] = []

    async def one(resident: Resident, **options: Any) -> Person:
        context = await browser.new_context(
            **{"ignore_https_errors": True, "viewport": DESKTOP, **options}
        )
        person = Person(resident, context, await context.new_page())
        people.append(person)
        return person

    yield one
    for person in people:
        await person.context.close()
