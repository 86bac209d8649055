"""The table of Resource Manager's routes, and the call that a handler gets.

Resource ids compare without regard to case and clients send `//`; aiohttp's router knows neither,
so it hands everything to this table.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import unquote

from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.services import Services
from gateway.api.arm.envelope import ArmError, echoed, invalid_content
from gateway.edge import MAX_BODY, ArmEndpoint
from gateway.policy.facts import Actor

MAX_DEPTH: Final = 64  # of a body's JSON

Audience = Literal["tenant", "admin", "both", "open"]


@dataclass(frozen=True, slots=True)
class Route:
    """A way to call a resource.

    `template`: its path; `{names}` stand for one segment each. Below `/subscriptions/{…}` the entry
    has already made sure that the subscription is the caller's own. `audience`: the endpoint that
    has it; "open" is on both and needs no token. `action`: what a refusal says that one may not do.
    """

    method: str
    template: str
    handler: Handler
    audience: Audience
    action: str
    max_body: int = MAX_BODY

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))


@dataclass(frozen=True, slots=True)
class ArmCall:
    """One request, matched and, unless its route is open, signed in."""

    request: web.Request
    services: Services
    endpoint: ArmEndpoint
    route: Route
    params: Mapping[str, str]  # by the template's names, in the client's case
    path: str  # decoded, single slashes; the client's case
    session: Session | None
    api_version: str
    now: datetime
    raw: bytes = field(default=b"", repr=False)  # the body; it may hold secrets

    @property
    def audience(self) -> str:
        return self.endpoint.kind

    @property
    def base(self) -> str:
        """The configured public base of this endpoint: what absolute addresses begin with."""
        return self.endpoint.base

    @property
    def location(self) -> str:
        return self.endpoint.location

    @property
    def actor(self) -> Actor:
        assert self.session is not None, "an open route has no actor"
        return self.session.actor

    @property
    def scope(self) -> str:
        """The resource that this is about: the path without the verb of an action."""
        verb = self.route.method == "POST" and not self.route.segments[-1].startswith("{")
        return self.path.rpartition("/")[0] if verb else self.path

    def query(self, name: str) -> str | None:
        """A parameter of the query, its name in any case; None where it is absent."""
        for key, value in self.request.query.items():
            if key.lower() == name.lower():
                return value
        return None

    def expands(self, what: str) -> bool:
        """Whether `$expand` asks for `what`."""
        return what.lower() in (self.query("$expand") or "").lower().split(",")

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises: ArmError."""
        if not self.raw:
            raise invalid_content("the request has no body")
        return self._parsed()

    async def optional_body(self) -> dict[str, Any]:
        """As `body`; empty where nothing was sent."""
        return self._parsed() if self.raw.strip() else {}

    def _parsed(self) -> dict[str, Any]:
        try:
            value = json.loads(self.raw, parse_constant=_no_constant)
            if _is_deeper(value, MAX_DEPTH):
                raise invalid_content(f"it is nested deeper than {MAX_DEPTH}")
            # What could not be sent back (half a surrogate pair, 1e999) is not taken either.
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise invalid_content("it is not JSON") from None
        if not isinstance(value, dict):
            raise invalid_content("it is not a JSON object")
        return value


Handler = Callable[[ArmCall], Awaitable[web.Response]]


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        within = [each.values() if isinstance(each, dict) else each for each in level
                  if isinstance(each, dict | list)]  # fmt: skip
        level = [inner for each in within for inner in each]
    return bool(level)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Match:
    """A route and what its template's names stand for."""

    route: Route
    params: dict[str, str]


class RouteTable:
    """Finds a route. INVARIANT: no two routes answer the same method and path alike."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: tuple[Route, ...] = tuple(routes)
        self._by_length: dict[int, list[Route]] = {}
        seen: set[tuple[str, tuple[str, ...]]] = set()
        for route in self.routes:
            key = route.method, tuple(map(_shape, route.segments))
            assert key not in seen, f"{route.method} {route.template} is there twice"
            seen.add(key)
            self._by_length.setdefault(len(route.segments), []).append(route)
        for found in self._by_length.values():
            # A written word beats a name that stands for any.
            found.sort(key=lambda route: sum(s.startswith("{") for s in route.segments))

    def match(self, method: str, path: str, endpoint: str) -> Match:
        """The route for a decoded path. Raises: ArmError, 404 or 405."""
        segments = tuple(path.strip("/").split("/"))
        others: list[str] = []
        for route in self._by_length.get(len(segments), ()):
            if route.audience not in (endpoint, "both", "open"):
                continue
            params = _params(route, segments)
            if params is None:
                continue
            if route.method == method:
                return Match(route, params)
            others.append(route.method)
        if others:
            raise ArmError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                f"The resource does not take the method '{echoed(method)}'.",
                headers={"Allow": ", ".join(sorted(set(others)))},
            )
        raise ArmError(
            HTTPStatus.NOT_FOUND,
            "InvalidResourceType",
            f"There is no resource of this kind here: '{echoed(path)}'.",
        )


def _shape(segment: str) -> str:
    return "{}" if segment.startswith("{") else segment.lower()


def _params(route: Route, segments: tuple[str, ...]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for wanted, given in zip(route.segments, segments, strict=True):
        if wanted.startswith("{"):
            params[wanted[1:-1]] = given
        elif wanted.lower() != given.lower():
            return None
    return params


def decoded_path(raw_path: str) -> str:
    """Decode a path once: `//` counts as `/`, a trailing slash as none, letters keep their case.

    A slash that was itself encoded would change the path's shape: it is refused.
    Raises: ArmError.
    """
    segments = [unquote(segment) for segment in raw_path.split("/") if segment]
    if not all(segment.isprintable() and "/" not in segment for segment in segments):
        why = "The request's path holds illegible characters."
        raise ArmError(HTTPStatus.BAD_REQUEST, "InvalidRequestUri", why)
    return "/" + "/".join(segments)
