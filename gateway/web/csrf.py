"""Requests that change something come from our own pages: origin first, then the form token.

The token is signed and bound to who submits: a sign-in, a visit, or nobody yet.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from itsdangerous import BadSignature

from gateway.edge import SERVICES, VISIT_COOKIE, base_of, for_programs, read_form, session_of
from gateway.errors import NotSignedIn, Refused
from gateway.identity import digest_of

FIELD: Final = "form_token"
HEADER: Final = "X-CSRF-Token"
PURPOSE: Final = "form"
MAX_AGE: Final = 24 * 3600  # seconds: no sign-in lasts longer
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def _other_origin() -> Refused:
    return Refused("OtherOrigin", "this request did not come from the gateway's pages")


def _stale_form() -> Refused:
    why = "this form belongs to another sign-in or is too old: go back and reload the page"
    return Refused("StaleForm", why)


@web.middleware
async def csrf(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site, or another person's page, makes a browser send."""
    if request.method not in SAFE_METHODS and not for_programs(request):
        check_origin(request)
        await _check_token(request)
    return await handler(request)


def check_origin(request: web.Request) -> None:
    """Raises: Refused, unless the browser says that the request is of our own origin.

    With `Referrer-Policy: no-referrer` browsers send `Origin: null` with a form (Fetch §3.1), so
    `Sec-Fetch-Site`, which no page can forge, is asked first.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    ours = base_of(request)
    if site is not None and site != "same-origin":
        raise _other_origin()
    vouched = site == "same-origin" and origin in {None, "null"}
    if origin != ours and not vouched:
        raise _other_origin()


async def form_token(request: web.Request) -> str:
    """A token for the forms of a page that is rendered for this request."""
    signer = request.app[SERVICES].identity.signer(PURPOSE)
    return str(signer.dumps(await _submitter(request)))


async def _check_token(request: web.Request) -> None:
    token = request.headers.get(HEADER) or (await read_form(request)).get(FIELD, "")
    signer = request.app[SERVICES].identity.signer(PURPOSE)
    try:
        bound_to = signer.loads(token, max_age=MAX_AGE)
    except BadSignature:
        raise _stale_form() from None
    if bound_to != await _submitter(request):
        raise _stale_form()


async def _submitter(request: web.Request) -> str:
    try:
        return f"sign-in {(await session_of(request)).sign_in.id}"
    except NotSignedIn:
        visit = request.cookies.get(VISIT_COOKIE)
        return f"visit {digest_of(visit)}" if visit else "nobody"
