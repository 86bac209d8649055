"""Microsoft's own client libraries, unmodified, against a standing gateway."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from gateway.actions.sign_in import end_sign_in
from gateway.actions.tokens import authenticate_token
from gateway.errors import NotSignedIn
from gateway.identity.directory import tenant_id
from gateway.policy.facts import Role
from tests.api.adfs.conftest import Authority
from tests.doubles.tokens import AZURE_CLI, credential

pytestmark = pytest.mark.asyncio(loop_scope="module")

NewClient = Callable[..., Awaitable[msal.PublicClientApplication]]


@pytest.fixture(autouse=True)
def _trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """As people tell `az` and the SDK whom to trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.standing.ca_file))
    monkeypatch.setenv("NO_PROXY", "localhost")


@pytest.fixture
def public_client(authority: Authority) -> Iterator[NewClient]:
    """As `az` makes one for a cloud whose login endpoint ends in /adfs."""
    with requests.Session() as connections:

        async def made(base: str = authority.base) -> msal.PublicClientApplication:
            return await asyncio.to_thread(
                msal.PublicClientApplication,
                AZURE_CLI,
                authority=f"{base}/adfs",
                http_client=connections,
            )

        yield made


def scopes(base: str) -> list[str]:
    return [f"{base}/.default"]


async def role_behind(authority: Authority, answer: dict[str, Any], base: str) -> Role:
    session = await authenticate_token(
        authority.services,
        answer["access_token"],
        audience=base,
        address="127.0.0.1",
        now=authority.clock(),
    )
    return session.actor.role


async def test_msal_signs_a_tenant_in_by_password(
    authority: Authority, public_client: NewClient
) -> None:
    app = await public_client()
    answer = await asyncio.to_thread(
        app.acquire_token_by_username_password,
        "contoso",
        authority.password("contoso"),
        scopes(authority.base),
    )
    assert await role_behind(authority, answer, authority.base) is Role.TENANT
    claims = answer["id_token_claims"]
    assert (claims["aud"], claims["upn"]) == (AZURE_CLI, "contoso")
    assert claims["tid"] == tenant_id(authority.base)
    assert [account["username"] for account in app.get_accounts()] == ["contoso"]


async def test_msal_shows_why_an_admin_has_no_password_grant(
    authority: Authority, public_client: NewClient
) -> None:
    app = await public_client(authority.admin_base)
    answer = await asyncio.to_thread(
        app.acquire_token_by_username_password,
        "admin",
        authority.password("admin"),
        scopes(authority.admin_base),
    )
    assert answer["error"] == "invalid_grant"
    assert "device code" in answer["error_description"]


@pytest.mark.parametrize(("name", "admins"), [("contoso", False), ("admin", True)])
async def test_msal_signs_in_with_a_device_code(
    authority: Authority, public_client: NewClient, name: str, admins: bool
) -> None:
    base = authority.admin_base if admins else authority.base
    app = await public_client(base)
    flow = await asyncio.to_thread(app.initiate_device_flow, scopes(base))
    assert flow["verification_uri"] == f"{base}/device"
    assert flow["user_code"] in flow["message"]
    async with authority.browser(base) as browser:
        code = authority.standing.code(name)
        proof = {"name": name, "password": authority.password(name), "code": code or ""}
        answer, text = await browser.approve_device(flow["user_code"], **proof)
        assert answer.status == 303, text
    tokens = await asyncio.to_thread(app.acquire_token_by_device_flow, flow)
    role = await role_behind(authority, tokens, base)
    assert role is (Role.ADMIN if admins else Role.TENANT)


async def test_msal_refreshes_by_itself_and_stops_when_the_sign_in_ends(
    authority: Authority, public_client: NewClient
) -> None:
    app = await public_client()
    first = await asyncio.to_thread(
        app.acquire_token_by_username_password,
        "contoso",
        authority.password("contoso"),
        scopes(authority.base),
    )
    (account,) = app.get_accounts()

    def refreshed() -> Any:
        return app.acquire_token_silent(scopes(authority.base), account, force_refresh=True)

    second = await asyncio.to_thread(refreshed)
    third = await asyncio.to_thread(refreshed)
    assert len({one["access_token"] for one in (first, second, third)}) == 3
    session = await authenticate_token(
        authority.services, third["access_token"],
        audience=authority.base, address="127.0.0.1", now=authority.clock(),
    )  # fmt: skip
    await end_sign_in(authority.services, session.actor, session.sign_in.id, now=authority.clock())
    assert await asyncio.to_thread(refreshed) is None
    for one in (first, second, third):
        with pytest.raises(NotSignedIn):
            await role_behind(authority, one, authority.base)


async def test_msal_signs_in_through_the_browser(
    authority: Authority, public_client: NewClient
) -> None:
    """Code and PKCE, the answer posted: MSAL takes none from an address any more."""
    app = await public_client()
    with socket.socket() as program:
        program.bind(("127.0.0.1", 0))
        redirect_uri = f"http://localhost:{program.getsockname()[1]}"
    flow = app.initiate_auth_code_flow(
        scopes(authority.base), redirect_uri=redirect_uri, response_mode="form_post"
    )
    address = urlsplit(flow["auth_uri"])
    path = f"{address.path}?{address.query}"
    async with authority.browser() as browser:
        await browser.get(path)
        proof = {"name": "contoso", "password": authority.password("contoso")}
        answer, text = await browser.post(path, decision="approve", **proof)
    assert answer.status == 200, text
    brought = posted_back(text, redirect_uri)
    assert brought["state"] == flow["state"] == dict(parse_qsl(address.query))["state"]
    tokens = await asyncio.to_thread(app.acquire_token_by_auth_code_flow, flow, brought)
    assert "error" not in tokens, tokens
    assert await role_behind(authority, tokens, authority.base) is Role.TENANT


def posted_back(page: str, redirect_uri: str) -> dict[str, str]:
    """What the page of the way back would post to the program."""
    (form,) = re.findall(r'<form[^>]+id="way-back".*?</form>', page, re.DOTALL)
    assert f'action="{redirect_uri}"' in form
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    return {unescape(name): unescape(value) for name, value in found}


@pytest.mark.parametrize("spelling", ["adfs", "guid"])
@pytest.mark.parametrize(("name", "admins"), [("contoso", False), ("admin", True)])
async def test_azure_identity_signs_a_program_in(
    authority: Authority, name: str, admins: bool, spelling: str
) -> None:
    base = authority.admin_base if admins else authority.base
    made = await credential(authority.standing, name)
    tenant = "adfs" if spelling == "adfs" else tenant_id(authority.base)
    with client_secret_credential(authority, base, tenant, made) as program:
        token = await asyncio.to_thread(program.get_token, *scopes(base))
    role = await role_behind(authority, {"access_token": token.token}, base)
    assert role is (Role.ADMIN if admins else Role.TENANT)


async def test_azure_identity_shows_why_a_program_is_turned_away(authority: Authority) -> None:
    made = await credential(authority.standing, "contoso")
    with (
        client_secret_credential(authority, authority.base, "adfs", made, "wrong") as program,
        pytest.raises(ClientAuthenticationError, match="MSIS9622"),
    ):
        await asyncio.to_thread(program.get_token, *scopes(authority.base))


def client_secret_credential(
    authority: Authority, base: str, tenant: str, made: Any, secret: str | None = None
) -> ClientSecretCredential:
    return ClientSecretCredential(
        tenant,
        made.named.credential.id,
        secret or made.secret,
        authority=base,
        disable_instance_discovery=True,
    )
