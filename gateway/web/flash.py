"""What was just done, said once on the next page. Signed, and bound to nothing but time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web
from itsdangerous import BadSignature

from gateway.edge import SERVICES

COOKIE: Final = "__Host-eva-said"
PURPOSE: Final = "flash"
MAX_AGE: Final = 60  # seconds

Kind = Literal["done", "warn", "wrong"]
KINDS: Final = ("done", "warn", "wrong")


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    kind: str
    text: str


def see_other(
    request: web.Request, location: str, text: str = "", kind: Kind = "done"
) -> web.Response:
    """Post, redirect, get: where to look, and what to say there."""
    response = web.Response(status=303, headers={"Location": location})
    if text:
        signed = request.app[SERVICES].identity.signer(PURPOSE).dumps([kind, text])
        set_cookie(response, COOKIE, str(signed), max_age=MAX_AGE)
    return response


def said(request: web.Request) -> list[Said]:
    """The message that came with this request, if any."""
    signed = request.cookies.get(COOKIE)
    if not signed:
        return []
    try:
        kind, text = request.app[SERVICES].identity.signer(PURPOSE).loads(signed, max_age=MAX_AGE)
    except (BadSignature, ValueError, TypeError):
        return []
    return [Said(kind if kind in KINDS else "done", str(text))]


def set_cookie(
    response: web.StreamResponse, name: str, value: str, *, max_age: int | None = None
) -> None:
    """A cookie of this host alone, over TLS, out of scripts' reach (ASVS 5.0 V3.3)."""
    response.set_cookie(
        name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="Strict"
    )


def drop_cookie(response: web.StreamResponse, name: str) -> None:
    """Make the browser forget a cookie; `__Host-` ones want the same attributes for that."""
    response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Strict")
