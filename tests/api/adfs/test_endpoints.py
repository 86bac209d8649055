"""The authority's endpoints as programs see them: documents, tokens, errors."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.identity.directory import tenant_id
from tests.api.adfs.conftest import Authority
from tests.doubles.tokens import AZURE_CLI, credential

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "/adfs/oauth2/token"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def fetched(authority: Authority, path: str, base: str | None = None) -> Any:
    async with client(authority, base) as programs, programs.get(path) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Cache-Control"] == "no-store"
        return await response.json()


async def posted(
    authority: Authority, body: Any, path: str = TOKEN, **headers: str
) -> tuple[aiohttp.ClientResponse, Any]:
    async with (
        client(authority) as programs,
        programs.post(path, data=body, headers=headers) as response,
    ):
        return response, await response.json()


def client(authority: Authority, base: str | None = None) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=authority.standing.trust())
    return aiohttp.ClientSession(base or authority.base, connector=connector)


async def test_the_document_leads_to_its_own_endpoint(authority: Authority) -> None:
    for base in (authority.base, authority.admin_base):
        document = await fetched(authority, "/adfs/.well-known/openid-configuration", base)
        assert document["issuer"] == f"{base}/adfs"
        assert document["token_endpoint"] == f"{base}/adfs/oauth2/token"
        assert document["authorization_endpoint"] == f"{base}/adfs/oauth2/authorize"
        assert document["device_authorization_endpoint"] == f"{base}/adfs/oauth2/devicecode"
        assert document["code_challenge_methods_supported"] == ["S256"]


async def test_az_reads_the_tenant_from_the_issuer(authority: Authority) -> None:
    guid = tenant_id(authority.base)
    for path in (
        "/adfs/adfs/v2.0/.well-known/openid-configuration",
        "/adfs/v2.0/.well-known/openid-configuration",
        f"/{guid}/v2.0/.well-known/openid-configuration",
        f"/{guid.upper()}/v2.0/.well-known/openid-configuration",
        f"/adfs/{guid}/v2.0/.well-known/openid-configuration",
    ):
        for base in (authority.base, authority.admin_base):
            document = await fetched(authority, path, base)
            # azure-cli, profile/_validators.py: metadata["issuer"].split("/")[3]
            assert document["issuer"].split("/")[3] == guid


async def test_another_tenant_is_not_here(authority: Authority) -> None:
    path = "/00000000-0000-4000-8000-000000000000/v2.0/.well-known/openid-configuration"
    async with client(authority) as programs, programs.get(path) as response:
        assert response.status == 400
        assert (await response.json())["error"] == "invalid_tenant"


async def test_a_token_answer_bears_what_clients_need(authority: Authority) -> None:
    scope = f"{authority.base}/.default offline_access openid profile"
    status, answer = await authority.by_password(scope=scope)
    assert status == 200
    assert set(answer) == {
        "token_type", "expires_in", "access_token", "resource",
        "refresh_token", "refresh_token_expires_in", "id_token",
    }  # fmt: skip
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    keys = await fetched(authority, "/adfs/discovery/keys")
    token = jwt.decode(answer["id_token"], KeySet.import_key_set(keys), algorithms=["ES256"])
    claims = token.claims
    assert claims["iss"] == f"{authority.base}/adfs"
    assert claims["aud"] == AZURE_CLI
    assert claims["upn"] == claims["preferred_username"] == "contoso"
    assert claims["sub"] == claims["oid"]
    assert claims["tid"] == tenant_id(authority.base)
    assert claims["exp"] - claims["iat"] == 3600


async def test_only_what_is_asked_for_is_given(authority: Authority) -> None:
    _, answer = await authority.by_password(scope=f"{authority.base}/.default")
    assert "refresh_token" not in answer
    assert "id_token" not in answer


async def test_a_program_is_nobody_and_gets_no_id_token(authority: Authority) -> None:
    made = await credential(authority.standing, "contoso")
    status, answer = await authority.grant(
        grant_type="client_credentials",
        client_id=made.named.credential.id,
        client_secret=made.secret,
        scope=f"{authority.base}/.default openid offline_access",
    )
    assert status == 200
    assert set(answer) == {"token_type", "expires_in", "access_token", "resource"}


async def test_a_programs_secret_may_stand_in_the_header(authority: Authority) -> None:
    made = await credential(authority.standing, "contoso")
    both = f"{made.named.credential.id}:{made.secret}"
    basic = {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}
    response, answer = await posted(authority, {"grant_type": "client_credentials"}, **basic)
    assert response.status == 200, answer
    response, answer = await posted(
        authority, {"grant_type": "client_credentials", "client_secret": made.secret}, **basic
    )
    assert (response.status, answer["error"]) == (400, "invalid_request")
    wrong = {"Authorization": "Basic " + base64.b64encode(f"{both}x".encode()).decode()}
    response, answer = await posted(authority, {"grant_type": "client_credentials"}, **wrong)
    assert (response.status, answer["error"]) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic")  # RFC 6749 §5.2


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"client_id": AZURE_CLI}, 400, "invalid_request"),
        ({"client_id": "two words", "grant_type": "password"}, 400, "invalid_request"),
        ({"client_id": "x" * 129, "grant_type": "password"}, 400, "invalid_request"),
        ({"client_id": "x\0", "grant_type": "password"}, 400, "invalid_request"),
        ({"client_id": AZURE_CLI, "grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"client_id": AZURE_CLI, "grant_type": "password"}, 400, "invalid_request"),
        (
            {"client_id": AZURE_CLI, "grant_type": "password", "username": "contoso",
             "password": "wrong"},
            400, "invalid_grant",
        ),
        (
            {"client_id": AZURE_CLI, "grant_type": "password", "username": "\0\ud7ff",
             "password": "wrong"},
            400, "invalid_grant",
        ),
        (
            {"client_id": AZURE_CLI, "grant_type": "client_credentials", "client_secret": "x"},
            401, "invalid_client",
        ),
        (
            {"client_id": AZURE_CLI, "grant_type": "password",
             "scope": "https://management.azure.com/.default"},
            400, "invalid_scope",
        ),
        (
            {"client_id": AZURE_CLI, "grant_type": "refresh_token", "refresh_token": "x"},
            400, "invalid_grant",
        ),
        (
            {"client_id": AZURE_CLI, "grant_type": "device_code", "device_code": "x"},
            400, "invalid_grant",
        ),
        (
            {"client_id": AZURE_CLI, "grant_type": "authorization_code", "code": "x",
             "redirect_uri": "http://localhost:1", "code_verifier": "v" * 43},
            400, "invalid_grant",
        ),
    ],
)  # fmt: skip
async def test_every_error_is_oauths_own(
    authority: Authority, form: dict[str, str], status: int, error: str
) -> None:
    response, answer = await posted(authority, form)
    assert (response.status, answer["error"]) == (status, error), answer
    assert set(answer) == {"error", "error_description"}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"grant_type": "password"}', "application/json"),
        (b"grant_type=password", "text/plain"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"grant_type=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b"grant_type=\xff\xfe", "application/x-www-form-urlencoded"),
    ],
    ids=["json", "text", "multipart", "too large", "no text"],
)
@pytest.mark.parametrize("path", [TOKEN, "/adfs/oauth2/devicecode"])
async def test_what_is_no_form_is_an_error_in_json(
    authority: Authority, path: str, body: bytes, kind: str
) -> None:
    response, answer = await posted(authority, body, path, **{"Content-Type": kind})
    assert (response.status, answer["error"]) == (400, "invalid_request")


async def test_a_flood_of_guesses_is_told_when_to_come_back(authority: Authority) -> None:
    for _ in range(5):
        status, _ = await authority.by_password(password="wrong")
        assert status == 400
    form = {"client_id": AZURE_CLI, "grant_type": "password", "username": "contoso",
            "password": authority.password("contoso")}  # fmt: skip
    response, answer = await posted(authority, form)
    assert (response.status, answer["error"]) == (429, "temporarily_unavailable")
    assert 0 < int(response.headers["Retry-After"]) <= 900


async def test_a_signed_in_browser_counts_for_nothing(authority: Authority) -> None:
    """Neither for the token endpoint nor against it: no cookie is read, no form token asked."""
    headers = {**FORM, "Cookie": "__Host-eva=whatever", "Origin": "https://evil.example"}
    response, answer = await posted(authority, b"grant_type=password", **headers)
    assert (response.status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "spelling", ["device_code", "urn:ietf:params:oauth:grant-type:device_code"]
)
async def test_a_device_code_has_two_spellings(authority: Authority, spelling: str) -> None:
    _, asked = await posted(authority, {"client_id": AZURE_CLI}, "/adfs/oauth2/devicecode")
    assert set(asked) == {
        "device_code", "user_code", "verification_uri", "interval", "expires_in", "message",
    }  # fmt: skip
    status, answer = await authority.grant(grant_type=spelling, device_code=asked["device_code"])
    assert (status, answer["error"]) == (400, "authorization_pending")


@pytest.mark.parametrize("name", ["contoso", "admin"])
async def test_an_admin_endpoint_is_no_way_round(authority: Authority, name: str) -> None:
    """A credential of one endpoint's account is worth nothing at the other."""
    made = await credential(authority.standing, name)
    other = authority.admin_base if name == "contoso" else authority.base
    form = {"grant_type": "client_credentials", "client_id": made.named.credential.id,
            "client_secret": made.secret}  # fmt: skip
    status, answer = await authority.grant(other, **form)
    assert (status, answer["error"]) == (400, "unauthorized_client")
