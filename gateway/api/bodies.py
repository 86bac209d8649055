"""What a request says, checked: strict models, and errors that name the field."""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.edge import read_json
from gateway.errors import InvalidInput


class Body(BaseModel):
    """A JSON body. Unknown fields and wrong types are errors: a typo must not pass as "absent"."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Query(BaseModel):
    """The part of an address behind the question mark; texts become numbers where these fit."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


B = TypeVar("B", bound=Body)
Q = TypeVar("Q", bound=Query)


async def body_of(request: web.Request, model: type[B]) -> B:
    """The request's body. Raises: InvalidInput."""
    return _checked(model, await read_json(request), "body")


def query_of(request: web.Request, model: type[Q]) -> Q:
    """The request's query. Raises: InvalidInput."""
    repeated = [name for name in request.query if 1 < len(request.query.getall(name))]
    if repeated:
        raise InvalidInput(repeated[0], "it is given more than once")
    return _checked(model, dict(request.query), "query")


M = TypeVar("M", bound=BaseModel)


def _checked(model: type[M], value: dict[str, Any], whole: str) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # `hide_input_in_errors` and this choice of members keep passwords out of the message.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"])) or whole
        raise InvalidInput(name, _in_words(first["type"], first["msg"])) from None


def _in_words(kind: str, message: str) -> str:
    if kind == "missing":
        return "it is missing"
    if kind == "extra_forbidden":
        return "it is not known here"
    return message[:1].lower() + message[1:]
