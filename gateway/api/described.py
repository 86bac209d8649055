"""What a handler takes and answers, said beside it; the API's description is made from this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from gateway.api.bodies import Body, Query

H = TypeVar("H", bound=Callable[..., Awaitable[Any]])

_ATTRIBUTE = "__api_description__"


@dataclass(frozen=True, slots=True)
class Description:
    """One way to call a resource. `answers` maps each good status to its shape, None: no body."""

    summary: str
    answers: Mapping[HTTPStatus, Any]
    body: type[Body] | None = None
    query: type[Query] | None = None
    open: bool = False  # needs no bearer token


def described(
    summary: str,
    answers: Mapping[HTTPStatus, Any] | Any,
    *,
    body: type[Body] | None = None,
    query: type[Query] | None = None,
    is_open: bool = False,
) -> Callable[[H], H]:
    """Say what a handler does. `answers` that is no mapping is the shape of a 200."""
    known = answers if isinstance(answers, Mapping) else {HTTPStatus.OK: answers}
    description = Description(summary, known, body, query, is_open)

    def note(handler: H) -> H:
        setattr(handler, _ATTRIBUTE, description)
        return handler

    return note


def description_of(handler: object) -> Description | None:
    """What was said about `handler`."""
    found: Description | None = getattr(handler, _ATTRIBUTE, None)
    return found
