"""The API's description (OpenAPI 3.1), made from the routes and what their handlers say.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, get_origin

from aiohttp import web
from pydantic import TypeAdapter

from gateway import __version__
from gateway.api import arm, shapes
from gateway.api.answers import Json
from gateway.api.arm.description import ERROR, ERROR_NAME, described_paths
from gateway.api.described import Description, described, description_of
from gateway.api.envelope import answer

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_FAILED: Final = {
    "description": "It cannot be done; `code` is for programs, `message` for people.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failed"}}},
}


def served(routes: Iterable[web.RouteDef]) -> web.RouteDef:
    """A route that answers with the description of `routes`, and of itself."""

    @cache  # it takes a tenth of a second, which no start need wait for
    def known() -> Json:
        return document([*routes, route], version=__version__)

    @described("This description", dict[str, Any], is_open=True)
    async def openapi(_request: web.Request) -> web.Response:
        return answer(known())

    route = web.get("/api/v1/openapi.json", openapi)
    return route


def document(routes: Iterable[web.RouteDef], *, version: str) -> Json:
    """Describe `routes`, and Resource Manager's beside them.

    Raises: LookupError, where a handler says nothing about itself.
    """
    schemas: dict[str, Any] = {ERROR_NAME: ERROR}
    _schema(shapes.Failed, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        description = description_of(route.handler)
        if description is None:
            raise LookupError(f"{route.method} {route.path} is not described")
        said = _operation(route, description, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = said
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The console gateway",
            "version": version,
            "description": "Consents, consoles, recovery and administration; and the paths of "
            "Azure Resource Manager that are answered, whose tokens come from /adfs.",
        },
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())) | described_paths(arm.routes()),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: web.RouteDef, description: Description, schemas: dict[str, Any]) -> Json:
    handler: Any = route.handler
    module = handler.__module__.rpartition(".")[2]
    said: Json = {
        "operationId": f"{module}.{handler.__name__}",
        "tags": [module],
        "summary": description.summary,
        "responses": _responses(description, schemas),
    }
    if more := inspect.getdoc(handler):
        said["description"] = more
    if parameters := [*_in_path(route.path), *_in_query(description, schemas)]:
        said["parameters"] = parameters
    if description.body is not None:
        content = {"application/json": {"schema": _schema(description.body, schemas)}}
        said["requestBody"] = {"required": True, "content": content}
    if description.open:
        said["security"] = []
    return said


def _responses(description: Description, schemas: dict[str, Any]) -> Json:
    found: Json = {}
    for status, shape in sorted(description.answers.items()):
        found[str(int(status))] = {"description": status.phrase}
        if shape is not None:
            schema = _schema(shape, schemas)
            found[str(int(status))]["content"] = {"application/json": {"schema": schema}}
    return found | {"default": _FAILED}


def _in_path(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]


def _in_query(description: Description, schemas: dict[str, Any]) -> list[Json]:
    if description.query is None:
        return []
    model = description.query.model_json_schema(ref_template=_REF)
    schemas.update(model.pop("$defs", {}))
    required = model.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in model["properties"].items()
    ]


def _schema(shape: Any, schemas: dict[str, Any]) -> Json:
    """The schema of `shape`: of a named one a reference to it, put among `schemas`."""
    schema = TypeAdapter(shape).json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    if get_origin(shape) is not None:
        return schema
    schemas[shape.__name__] = schema
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
