"""What a program says to the authority: a form, its fields, and for which endpoint it asks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import web

from gateway.actions.inputs import client_id
from gateway.actions.tokens import Program, require_audience
from gateway.edge import base_of, client_address, read_body
from gateway.errors import InvalidInput

FORM: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 64
# Unknown fields are ignored (RFC 6749 §3.2): clients send `claims`, `client_info` and more.
FIELDS: Final = frozenset(
    {
        "grant_type", "client_id", "client_secret", "scope", "resource", "username", "password",
        "refresh_token", "device_code", "code", "redirect_uri", "code_verifier",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that we know, each given once and with a value."""

    program: Program
    fields: Mapping[str, str] = field(repr=False)  # passwords and secrets among them
    openid: bool  # an id token is wanted
    offline: bool  # a refresh token is wanted

    def need(self, name: str) -> str:
        """The value of a field. Raises: InvalidInput where it is missing."""
        value = self.fields.get(name)
        if value is None:
            raise InvalidInput(name, "it is missing")
        return value


async def form_of(request: web.Request) -> Form:
    """The form of a request. Raises: InvalidInput, Refused (`invalid_scope`)."""
    if request.content_type != FORM:
        raise InvalidInput("body", f"it must be of the type {FORM}")
    fields = parse_form(await read_body(request))
    base = base_of(request)
    scopes = fields.get("scope", "").split()
    require_audience([*scopes, *fields.get("resource", "").split()], base)
    who, secret = _client(request, fields)
    if secret is not None:
        fields["client_secret"] = secret
    program = Program(
        client_id=client_id(who),
        audience=base,
        address=client_address(request),
        user_agent=request.headers.get("User-Agent", ""),
    )
    return Form(
        program,
        fields,
        openid=not scopes or "openid" in scopes,
        offline=not scopes or "offline_access" in scopes,
    )


def parse_form(body: bytes) -> dict[str, str]:
    """The fields that we know. Raises: InvalidInput."""
    try:
        pairs = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # no ASCII, no UTF-8 behind the percent signs, or far too many
        raise InvalidInput("body", "it is not a form") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            # RFC 6749 §3.2: which of the two would count is anybody's guess.
            raise InvalidInput(name, "it is given more than once")
        if name in FIELDS:
            fields[name] = value
    return fields


def _client(request: web.Request, fields: Mapping[str, str]) -> tuple[str, str | None]:
    """The client's id, and its secret where the header bears one (RFC 6749 §2.3.1).

    Raises: InvalidInput.
    """
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        if "client_id" not in fields:
            raise InvalidInput("client_id", "it is missing")
        return fields["client_id"], None
    if "client_secret" in fields:
        raise InvalidInput("client_secret", "give it in the header or in the form, not in both")
    try:
        both = base64.b64decode(given.strip(), validate=True).decode("ascii")
        who, colon, secret = both.partition(":")
        known = unquote_plus(who, errors="strict")
        if not colon or fields.get("client_id", known) != known:
            raise ValueError
        return known, unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise InvalidInput("Authorization", "not a client's id and secret") from None
