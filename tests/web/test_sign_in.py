"""Signing in and out, as the pages do it."""

from __future__ import annotations

import pytest

from gateway.web.sign_in import local
from tests.actions.world import PASSWORD
from tests.web.conftest import Site


@pytest.mark.parametrize(
    ("name", "home"), [("tina", "/tenant"), ("olga", "/operator"), ("ada", "/admin")]
)
async def test_everyone_comes_to_their_own_page(site: Site, name: str, home: str) -> None:
    browser = site.browser()
    assert (await browser.sign_in(site.world, name)).headers["Location"] == home
    page = await browser.get(home)
    assert page.status == 200
    assert "Sign out" in await page.text()


async def test_signing_in_changes_the_cookie_that_was_there(site: Site) -> None:
    browser = site.browser()
    browser.cookies["__Host-eva"] = "planted"
    await browser.sign_in(site.world, "tina")
    assert browser.cookies["__Host-eva"] != "planted"


async def test_an_unknown_name_and_a_wrong_password_read_the_same(site: Site) -> None:
    texts = []
    for name in ("tina", "nobody"):
        response = await site.browser().post("/sign-in", {"name": name, "password": "x" * 15})
        assert response.status == 401
        texts.append((await response.text()).split('role="alert">')[1].split("</p>")[0])
    assert texts[0] == texts[1]


async def test_too_many_tries_say_how_long_to_wait(site: Site) -> None:
    browser = site.browser()
    for _ in range(20):
        response = await browser.post("/sign-in", {"name": "tina", "password": "x" * 15})
    assert response.status == 429
    assert 0 < int(response.headers["Retry-After"])
    assert "Wait" in await response.text()


async def test_a_page_that_needs_a_sign_in_is_returned_to(site: Site) -> None:
    browser = site.browser()
    where = (await browser.get("/tenant/consents/new?vm=x")).headers["Location"]
    assert where == "/sign-in?next=%2Ftenant%2Fconsents%2Fnew%3Fvm%3Dx"
    form = {"name": "tina", "password": PASSWORD, "next": "/tenant/consents/new?vm=x"}
    response = await browser.post("/sign-in", form)
    assert response.headers["Location"] == "/tenant/consents/new?vm=x"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil", "x", "/\r\n"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(path: str) -> None:
    assert local(path) == ""


async def test_pages_of_other_roles_are_not_there(site: Site) -> None:
    tina = await site.signed_in("tina")
    for path in ("/operator", "/admin", "/admin/audit", "/admin/audit.csv", "/admin/accounts"):
        assert (await tina.get(path)).status == 404
