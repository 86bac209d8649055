"""The pages on which people approve programs: what they say, and what they let nobody else do."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest

from gateway.identity.pkce import challenge_of
from tests.api.adfs.conftest import FROM_OUR_PAGE, Authority, Browser
from tests.doubles.tokens import AZURE_CLI, ask_for_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERIFIER = "v" * 43
WISH = {
    "client_id": AZURE_CLI,
    "response_type": "code",
    "redirect_uri": "http://localhost:8400",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
    "state": "a state & <more>",
}


def page(**changes: str | None) -> str:
    said = {name: value for name, value in {**WISH, **changes}.items() if value is not None}
    return f"/adfs/oauth2/authorize?{urlencode(said)}"


async def waiting(authority: Authority, base: str | None = None, agent: str = "AZURECLI") -> Any:
    """A program begins to wait: what it was told."""
    connector = aiohttp.TCPConnector(ssl=authority.standing.trust())
    headers = {"User-Agent": agent}
    async with (
        aiohttp.ClientSession(base or authority.base, connector=connector) as program,
        program.post(
            "/adfs/oauth2/devicecode", data={"client_id": AZURE_CLI}, headers=headers
        ) as response,
    ):
        return await response.json()


def proof(authority: Authority, name: str) -> dict[str, str]:
    code = authority.standing.code(name)
    return {"name": name, "password": authority.password(name), "code": code or ""}


async def poll(authority: Authority, asked: Any) -> tuple[int, Any]:
    return await authority.grant(grant_type="device_code", device_code=asked["device_code"])


async def test_the_page_says_which_program_asks_from_where_since_when(
    authority: Authority,
) -> None:
    asked = await waiting(authority)
    async with authority.browser() as browser:
        await browser.get("/device")
        _, text = await browser.post("/device", user_code=asked["user_code"])
    assert "It says that it is <bdi" in text
    assert "Azure CLI" in text
    assert "127.0.0.1" in text
    assert "<time datetime=" in text
    assert asked["user_code"] in text
    assert "Go on only if you started this sign-in yourself" in text
    assert "reset passwords" in text


async def test_a_hostile_program_is_text(authority: Authority) -> None:
    asked = await waiting(authority, agent="<img src=x onerror=alert(1)>\u202eevil")
    async with authority.browser() as browser:
        await browser.get("/device")
        _, text = await browser.post("/device", user_code=asked["user_code"])
        assert "<img src=x" not in text
        assert "\u202e" not in text
        _, text = await browser.get(page(client_id="<script>alert(1)</script>"))
    assert "<script>alert" not in text
    assert "Unknown here" in text


async def test_a_code_in_an_address_is_not_taken(authority: Authority) -> None:
    asked = await waiting(authority)
    async with authority.browser() as browser:
        _, text = await browser.get(f"/device?user_code={asked['user_code']}")
    assert asked["user_code"] not in text


async def test_a_tenant_approves_and_the_program_is_signed_in(authority: Authority) -> None:
    asked = await waiting(authority)
    async with authority.browser() as browser:
        answer, _ = await browser.approve_device(asked["user_code"], **proof(authority, "contoso"))
        assert (answer.status, answer.headers["Location"]) == (303, "/device")
        _, text = await browser.get("/device")
    assert "is signed in as contoso" in text
    assert (await poll(authority, asked))[0] == 200


async def test_who_doubts_turns_it_away_without_a_proof(authority: Authority) -> None:
    asked = await waiting(authority)
    async with authority.browser() as browser:
        await browser.get("/device")
        answer, _ = await browser.post(
            "/device/decision", user_code=asked["user_code"], decision="deny"
        )
        assert answer.status == 303
    status, answer = await poll(authority, asked)
    assert (status, answer["error"]) == (400, "access_denied")


@pytest.mark.parametrize(
    ("name", "changes", "status", "words"),
    [
        ("contoso", {"password": "wrong"}, 401, "do not belong together"),
        ("admin", {}, 403, "tenants&#39; endpoint"),
        ("olga", {}, 403, "operators work in the browser"),
    ],
    ids=["wrong password", "admin", "operator"],
)
async def test_a_proof_that_does_not_do_approves_nothing(
    authority: Authority, name: str, changes: dict[str, str], status: int, words: str
) -> None:
    asked = await waiting(authority)
    async with authority.browser() as browser:
        before = len(await authority.audit())
        answer, text = await browser.approve_device(
            asked["user_code"], **{**proof(authority, name), **changes}
        )
    assert answer.status == status
    assert words.lower() in text.lower()
    assert asked["user_code"] in text  # asked once more
    assert (await poll(authority, asked))[1]["error"] == "authorization_pending"
    records = (await authority.audit())[before:]
    assert [(each.action, each.outcome) for each in records] == [
        ("device.look_up", "allowed"),
        ("device.approve", "denied"),
    ]


async def test_an_unknown_code_leads_back_with_words(authority: Authority) -> None:
    async with authority.browser() as browser:
        await browser.get("/device")
        answer, text = await browser.post("/device", user_code="BCDF-GHJK")
        assert answer.status == 404
        assert "No program waits under this code" in text
        answer, _ = await browser.post("/device/decision", user_code="x", decision="approve")
        assert answer.status == 404


@pytest.mark.parametrize("path", ["/device", "/device/decision", page()])
@pytest.mark.parametrize("endpoint", ["base", "admin_base"])
async def test_another_sites_forms_are_refused(
    authority: Authority, path: str, endpoint: str
) -> None:
    base = getattr(authority, endpoint)
    async with authority.browser(base) as browser:
        await browser.get("/device")
        form = {"form_token": browser.form_token, "decision": "approve", "user_code": "BCDFGHJK"}
        for headers, data in (
            ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, form),
            ({"Sec-Fetch-Site": "same-site", "Origin": authority.base}, form),
            ({}, form),
            (FROM_OUR_PAGE, {**form, "form_token": "made up"}),
        ):
            async with browser._client.post(path, data=data, headers=headers) as answer:
                assert answer.status == 403


async def back(browser: Browser, path: str, **form: str) -> tuple[Any, str]:
    await browser.get(path)
    return await browser.post(path, **form)


async def test_the_answer_in_an_address_is_a_link_that_the_policy_allows(
    authority: Authority,
) -> None:
    async with authority.browser() as browser:
        answer, text = await back(
            browser, page(), decision="approve", **proof(authority, "contoso")
        )
    assert answer.status == 200
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    (link,) = re.findall(r'id="way-back" href="([^"]+)"', text)
    address = urlsplit(link.replace("&amp;", "&").replace("&#39;", "'"))
    assert address.netloc == "localhost:8400"
    brought = dict(parse_qsl(address.query))
    assert brought["state"] == WISH["state"]
    status, tokens = await authority.grant(
        grant_type="authorization_code",
        code=brought["code"],
        redirect_uri=WISH["redirect_uri"],
        code_verifier=VERIFIER,
    )
    assert status == 200, tokens


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_posted_answer_may_go_to_the_program_and_nowhere_else(
    authority: Authority, host: str
) -> None:
    path = page(redirect_uri=f"http://{host}:8400/back", response_mode="form_post")
    async with authority.browser() as browser:
        asked, _ = await browser.get(path)
        assert "form-action 'self';" in asked.headers["Content-Security-Policy"]
        answer, text = await browser.post(path, decision="approve", **proof(authority, "contoso"))
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert f"form-action http://{host}:8400" in policy
    assert not any("self" in each for each in policy if each.startswith("form-action"))
    assert f'action="http://{host}:8400/back"' in text
    assert "name=&#34;form_token" not in text


async def test_a_program_that_is_turned_away_is_told_so(authority: Authority) -> None:
    async with authority.browser() as browser:
        _, text = await back(browser, page(), decision="deny")
    assert "error=access_denied" in text
    assert "code=" not in text.replace("?error", "")
    assert "state=a+state" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example"},
        {"redirect_uri": "http://localhost.evil.example"},
        {"redirect_uri": None},
        {"response_type": "token"},
        {"response_type": "id_token"},
        {"response_mode": "fragment"},
        {"response_mode": "form_post", "redirect_uri": "http://[::1]:8400"},
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"client_id": None},
        {"client_id": "two words"},
        {"state": "s" * 2049},
        {"state": "a\r\nb"},
        {"nonce": "n" * 513},
        {"login_hint": "\u202e"},
        {"scope": "https://management.azure.com/.default"},
    ],
    ids=str,
)
async def test_a_wish_that_cannot_be_granted_leads_nowhere(
    authority: Authority, changes: dict[str, str | None]
) -> None:
    async with authority.browser() as browser:
        answer, text = await browser.get(page(**changes))
    assert answer.status in {400, 403}
    assert "way-back" not in text
    assert "Location" not in answer.headers
    assert 'action="/adfs' not in text


async def test_a_repeated_parameter_leads_nowhere(authority: Authority) -> None:
    async with authority.browser() as browser:
        answer, text = await browser.get(page() + "&redirect_uri=http%3A%2F%2Flocalhost%3A9")
    assert answer.status == 400
    assert "Start the sign-in again from the program" in text
    assert "correct it" not in text, "a person cannot correct what a program asked"


async def test_the_administrators_endpoint_has_its_own_pages(authority: Authority) -> None:
    async with authority.browser(authority.admin_base) as browser:
        _, text = await browser.get(page())
        assert "switch emergency access on and off" in text
        answer, text = await browser.post(page(), decision="approve", **proof(authority, "admin"))
        assert answer.status == 200
        assert "Approved" in text
        style, _ = await browser.get("/static/css/base.css")
        assert style.status == 200


async def test_no_page_is_framed_kept_or_told_to_others(authority: Authority) -> None:
    async with authority.browser() as browser:
        for path in ("/device", page()):
            answer, _ = await browser.get(path)
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_guesses_at_passwords_are_counted_here_too(authority: Authority) -> None:
    asked = await waiting(authority)
    async with authority.browser() as browser:
        wrong = {**proof(authority, "contoso"), "password": "wrong"}
        for _ in range(5):
            answer, _ = await browser.approve_device(asked["user_code"], **wrong)
            assert answer.status == 401
        right = proof(authority, "contoso")
        answer, text = await browser.approve_device(asked["user_code"], **right)
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "Too many attempts" in text
        status, _ = await ask_for_token(
            authority.standing,
            {"grant_type": "password", "client_id": AZURE_CLI, "username": "contoso",
             "password": right["password"]},
        )  # fmt: skip
        assert status == 429


async def test_whoever_guessed_too_often_learns_nothing_more(authority: Authority) -> None:
    """An approval that is throttled asks once more, and so would tell which codes there are."""
    asked = await waiting(authority)
    async with authority.browser() as browser:
        await browser.get("/device")
        for _ in range(20):
            answer, _ = await browser.post("/device", user_code="BBBB-BBBB")
            assert answer.status == 404
        told = [
            await browser.post("/device/decision", user_code=code, decision="approve")
            for code in (asked["user_code"], "BBBB-BBBB")
        ]
    assert [answer.status for answer, _ in told] == [429, 429]
    assert all(AZURE_CLI not in text and asked["user_code"] not in text for _, text in told)
