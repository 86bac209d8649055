"""What every edge shares: whose request this is, from where, its body, an error's status."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final, Literal, TypeAlias

from aiohttp import web

from gateway import errors
from gateway.actions.authenticate import Session, authenticate
from gateway.actions.services import Services

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class ArmEndpoint:
    """Which of the two Resource Manager endpoints an application serves."""

    kind: Literal["tenant", "admin"]
    base: str  # its public base; also the audience of the tokens that count there
    location: str  # the region's name


SERVICES: Final = web.AppKey("services", Services)
TRUSTED_PROXIES: Final = web.AppKey[Networks]("trusted_proxies")
ARM_ENDPOINT: Final = web.AppKey("arm_endpoint", ArmEndpoint)

API_PREFIX: Final = "/api/"
# The names of routes that answer programs: no cookie counts there, and no page is rendered.
ARM_ROUTE: Final = "arm"
AUTHORITY_ROUTE: Final = "adfs"  # also before a dot: `adfs.token`
# Where people approve such programs, in a browser.
DEVICE_PAGE: Final = "/device"
AUTHORIZE_PAGE: Final = "/adfs/oauth2/authorize"
PROGRAM_ROUTES: Final = frozenset({ARM_ROUTE, AUTHORITY_ROUTE})

# The prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
SIGN_IN_COOKIE: Final = "__Host-eva"
VISIT_COOKIE: Final = "__Host-eva-visit"

BODY_SECONDS: Final = 10.0
MAX_BODY: Final = 64 * 1024

_SESSION: Final = web.RequestKey("session", Session)

_STATUS: Final[dict[type[errors.GatewayError], HTTPStatus]] = {
    errors.NotSignedIn: HTTPStatus.UNAUTHORIZED,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    errors.StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UpstreamError: HTTPStatus.BAD_GATEWAY,
    errors.GuestError: HTTPStatus.BAD_GATEWAY,
    errors.ExtensionRefused: HTTPStatus.CONFLICT,
}


def for_programs(request: web.Request) -> bool:
    """Whether this is for programs, which bear a token and get errors as JSON.

    Browsers add no token by themselves, so nothing needs protection against forged requests.
    """
    name = request.match_info.route.name or ""
    return request.path.startswith(API_PREFIX) or name.partition(".")[0] in PROGRAM_ROUTES


def base_of(request: web.Request) -> str:
    """The public base of the endpoint that this request came to; its tokens' audience."""
    endpoint = request.app.get(ARM_ENDPOINT)
    return endpoint.base if endpoint is not None else request.app[SERVICES].public_base


def status_of(error: errors.GatewayError) -> HTTPStatus:
    """The HTTP status that says what `error` says."""
    for kind in type(error).__mro__:
        if status := _STATUS.get(kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def client_address(request: web.BaseRequest) -> str:
    """The workstation's address, as the nearest trusted hop saw it.

    X-Forwarded-For counts only from a configured proxy, read from its right end: what stands left
    of the first address that is no proxy was written by the client.
    """
    address = (request.remote or "").removeprefix("::ffff:")
    trusted = request.app[TRUSTED_PROXIES] if isinstance(request, web.Request) else ()
    hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    while hops and _is_in(address, trusted):
        address = hops.pop().strip() or address
    return address


def _is_in(address: str, networks: Networks) -> bool:
    try:
        return any(ip_address(address) in network for network in networks)
    except ValueError:
        return False


async def session_of(request: web.Request, *, touch: bool = True) -> Session:
    """The sign-in behind a cookie, else behind a bearer token. Raises: NotSignedIn.

    `touch=False` for what a page asks by itself: an open tab keeps nobody signed in.
    """
    known: Session | None = request.get(_SESSION)
    if known is not None:
        return known
    services = request.app[SERVICES]
    secret, kind = _presented(request)
    if request.body_exists:
        # The body first: who sends it slowly is judged when it has come, not when it began.
        await read_body(request)
    session = await authenticate(
        services,
        secret,
        kind=kind,
        address=client_address(request),
        now=services.clock(),
        touch=touch,
    )
    request[_SESSION] = session
    return session


def _presented(request: web.Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip(), "bearer"
    if cookie := request.cookies.get(SIGN_IN_COOKIE):
        return cookie, "browser"
    raise errors.NotSignedIn("sign in first")


async def read_body(request: web.Request) -> bytes:
    """The whole body, within `BODY_SECONDS` and `MAX_BODY`. Raises: InvalidInput."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise errors.InvalidInput("body", "it did not arrive in time") from None
    except web.HTTPRequestEntityTooLarge:
        raise errors.InvalidInput("body", f"it is larger than {MAX_BODY} bytes") from None


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object. Raises: InvalidInput."""
    body = await read_body(request)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise errors.InvalidInput("body", "it is not JSON") from None
    if not isinstance(value, dict):
        raise errors.InvalidInput("body", "it is not a JSON object")
    return value


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a submitted form; of a repeated field, the last. Raises: InvalidInput."""
    await read_body(request)  # aiohttp parses the form from the body that it keeps
    try:
        form = await request.post()
    except (ValueError, LookupError):  # no text, no charset that we know, or in several parts
        raise errors.InvalidInput("body", "it is not a form") from None
    return {name: value for name, value in form.items() if isinstance(value, str)}
