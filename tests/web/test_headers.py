"""Every answer bears the policy; every cookie is of this host alone."""

from __future__ import annotations

import pytest

from gateway.web.headers import CONTENT_SECURITY_POLICY
from tests.web.conftest import Site


@pytest.mark.parametrize(
    "path", ["/sign-in", "/join", "/connect", "/set-up", "/nowhere", "/static/css/base.css", "/"]
)
async def test_every_answer_bears_the_policy(site: Site, path: str) -> None:
    response = await site.browser().get(path)
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert 31_536_000 <= int(
        response.headers["Strict-Transport-Security"].split("=")[1].split(";")[0]
    )


def test_the_policy_is_the_one_that_the_specification_gives() -> None:
    assert CONTENT_SECURITY_POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


async def test_pages_are_kept_nowhere_and_static_files_are_asked_for_again(site: Site) -> None:
    page = await site.browser().get("/sign-in")
    assert page.headers["Cache-Control"] == "no-store"
    sheet = await site.browser().get("/static/css/base.css")
    assert sheet.headers["Cache-Control"] == "no-cache"
    again = await site.browser().get(
        "/static/css/base.css", **{"If-None-Match": sheet.headers["ETag"]}
    )
    assert again.status == 304


async def test_every_cookie_is_this_hosts_alone_and_out_of_scripts_reach(site: Site) -> None:
    tina = await site.signed_in("tina")
    await tina.post("/sign-out", page="/tenant")
    assert tina.set_cookies
    for line in tina.set_cookies:
        assert line.startswith("__Host-")
        for attribute in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            assert attribute in line
