"""Where things are (OpenID Connect Discovery §4), and the keys that check id tokens."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.api.adfs.answers import Json, authority_of, told_in_oauth
from gateway.edge import AUTHORIZE_PAGE, SERVICES, base_of
from gateway.errors import NotFound
from gateway.identity.directory import tenant_id
from gateway.identity.id_tokens import ALGORITHM

DOCUMENT: Final = "/.well-known/openid-configuration"
TOKEN: Final = "/adfs/oauth2/token"  # noqa: S105 - an address
DEVICE_CODE: Final = "/adfs/oauth2/devicecode"
KEYS: Final = "/adfs/discovery/keys"
GUID: Final = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

GRANT_TYPES: Final = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
)


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"/adfs{DOCUMENT}", show, name="adfs.discovery"),
        # As an authority with a tenant in its address: azure-identity appends `/v2.0` to it.
        web.get(
            f"/{{tenant:adfs|{GUID}}}/v2.0{DOCUMENT}", show_tenant, name="adfs.discovery.tenant"
        ),
        # `az login --tenant adfs` appends the tenant and `/v2.0` to an authority of `/adfs`.
        web.get(
            f"/adfs/{{tenant:adfs|{GUID}}}/v2.0{DOCUMENT}", show_tenant, name="adfs.discovery.az"
        ),
        web.get(KEYS, keys, name="adfs.keys"),
    ]


@told_in_oauth
async def show(request: web.Request) -> web.Response:
    base = base_of(request)
    return web.json_response(_document(base, authority_of(base)))


@told_in_oauth
async def show_tenant(request: web.Request) -> web.Response:
    """The same; az takes the tenant's GUID from its `issuer`, behind the host."""
    tenant = tenant_id(request.app[SERVICES].public_base)
    if request.match_info["tenant"].lower() not in {"adfs", tenant}:
        raise NotFound(f"there is no such tenant here; this is {tenant}")
    base = base_of(request)
    return web.json_response(_document(base, f"{base}/{tenant}/v2.0"))


@told_in_oauth
async def keys(request: web.Request) -> web.Response:
    return web.json_response(request.app[SERVICES].identity.id_tokens.public_keys())


def _document(base: str, issuer: str) -> Json:
    return {
        "issuer": issuer,
        "authorization_endpoint": base + AUTHORIZE_PAGE,
        "token_endpoint": base + TOKEN,
        "device_authorization_endpoint": base + DEVICE_CODE,
        "jwks_uri": base + KEYS,
        "grant_types_supported": GRANT_TYPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_post",
            "client_secret_basic",
        ],
        "scopes_supported": ["openid", "profile", "offline_access", f"{base}/.default"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce",
            "oid", "tid", "upn", "preferred_username", "name",
        ],
    }  # fmt: skip
