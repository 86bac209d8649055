"""Programs that are approved in a real browser: MSAL's own, and one that takes an address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msal
import pytest
import requests
from playwright.async_api import expect

from gateway.identity.pkce import challenge_of
from tests.browser.house import House
from tests.browser.person import Meet, Person
from tests.browser.test_accessibility import findings
from tests.doubles.ports import free_port
from tests.doubles.tokens import AZURE_CLI


@pytest.fixture
def connections(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(house.standing.ca_file))
    monkeypatch.setenv("NO_PROXY", "localhost")
    with requests.Session() as session:
        yield session


async def new_client(house: House, connections: requests.Session) -> Any:
    return await asyncio.to_thread(
        msal.PublicClientApplication,
        AZURE_CLI,
        authority=f"{house.standing.base}/adfs",
        http_client=connections,
    )


async def say_who_one_is(person: Person) -> None:
    page = person.page
    await page.get_by_label("Name").fill(person.resident.name)
    await page.get_by_label("Password").fill(person.resident.password)
    await page.get_by_role("button", name="Sign the program in").click()


async def test_msal_is_signed_in_by_way_of_the_browser(
    house: House, meet: Meet, connections: requests.Session
) -> None:
    """`az login`: the answer is posted to the program, which the policy of that page allows."""
    person, port = await meet(house.resident("contoso")), free_port()
    app = await new_client(house, connections)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def opened(auth_uri: str) -> bool:
        loop.call_soon_threadsafe(address.set_result, auth_uri)
        return True

    waiting = asyncio.create_task(
        asyncio.to_thread(interactive, app, house.standing.base, port, opened), name="msal"
    )
    await person.page.goto(await address)
    await expect(person.page.locator("main")).to_contain_text("It says that it is Azure CLI")
    assert await findings(person.page) == []
    await say_who_one_is(person)
    tokens = await asyncio.wait_for(waiting, 30)
    assert "access_token" in tokens, tokens
    assert tokens["id_token_claims"]["upn"] == "contoso"
    await expect(person.page).to_have_url(re.compile(rf"^http://localhost:{port}/?$"))


def interactive(app: Any, base: str, port: int, opened: Any) -> Any:
    """MSAL's own way, listener included; only the browser is ours."""
    flow = app.initiate_auth_code_flow(
        [f"{base}/.default"], redirect_uri=f"http://localhost:{port}", response_mode="form_post"
    )
    with msal.oauth2cli.authcode.AuthCodeReceiver(port=port) as receiver:
        opened(flow["auth_uri"])
        brought = receiver.get_auth_response(state=flow["state"], timeout=30)
    return app.acquire_token_by_auth_code_flow(flow, brought)


@pytest.mark.parametrize("script", [True, False])
async def test_a_program_that_takes_an_address_is_answered_there(
    house: House, meet: Meet, script: bool
) -> None:
    person, port = await meet(house.resident("contoso"), java_script_enabled=script), free_port()
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        if "code=" in line and not heard.done():
            heard.set_result(line)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        await person.goto(f"/adfs/oauth2/authorize?{wish(port)}")
        await say_who_one_is(person)
        if not script:
            await person.page.get_by_role("link", name="Go back to Azure CLI").click()
        line = await asyncio.wait_for(heard, 15)
    assert line.startswith("GET /?code=")
    assert "state=s%26t" in line


def wish(port: int) -> str:
    return urlencode(
        {
            "client_id": AZURE_CLI,
            "response_type": "code",
            "redirect_uri": f"http://127.0.0.1:{port}/",
            "code_challenge": challenge_of("v" * 43),
            "code_challenge_method": "S256",
            "state": "s&t",
        }
    )


async def test_a_device_code_is_approved_by_hand(
    house: House, meet: Meet, connections: requests.Session
) -> None:
    person = await meet(house.resident("contoso"))
    app = await new_client(house, connections)
    flow = await asyncio.to_thread(app.initiate_device_flow, [f"{house.standing.base}/.default"])
    await person.page.goto(flow["verification_uri"])
    assert await findings(person.page) == []
    await person.page.get_by_label("Code").fill(flow["user_code"].lower())
    await person.page.get_by_role("button", name="Continue").click()
    await expect(person.page.locator("main")).to_contain_text(flow["user_code"])
    assert await findings(person.page) == []
    await say_who_one_is(person)
    await expect(person.page.locator("body")).to_contain_text("is signed in as contoso")
    tokens = await asyncio.to_thread(app.acquire_token_by_device_flow, flow)
    assert "access_token" in tokens, tokens
