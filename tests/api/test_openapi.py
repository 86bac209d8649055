"""The API's description says what the handlers do, and the API does what it says."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from gateway import api
from gateway.api import arm
from gateway.api.described import Description, description_of
from gateway.api.openapi import document
from tests.api.conftest import Caller

ROUTES = api.routes()


def described(route: web.RouteDef) -> Description:
    found = description_of(route.handler)
    assert found is not None
    return found


def functions_reached(function: Any, module: ModuleType) -> Iterator[ast.AST]:
    """The source of `function` and of the module's own functions that it calls."""
    waiting, seen = [function], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        tree = ast.parse(textwrap.dedent(inspect.getsource(current)))
        yield tree
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                other = getattr(module, node.id, None)
                if inspect.isfunction(other) and other.__module__ == module.__name__:
                    waiting.append(other)


def models_read(route: web.RouteDef, reader: str) -> set[str]:
    """The models by which the handler reads what it is sent."""
    module = inspect.getmodule(route.handler)
    assert module
    return {
        ast.unparse(node.args[1])
        for tree in functions_reached(route.handler, module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == reader
    }


def named(route: web.RouteDef) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_a_handler_reads_what_its_description_names(route: web.RouteDef) -> None:
    said = described(route)
    assert models_read(route, "body_of") == ({said.body.__name__} if said.body else set())
    assert models_read(route, "query_of") == ({said.query.__name__} if said.query else set())


def test_a_handler_that_says_nothing_is_found_out() -> None:
    async def silent(_request: web.Request) -> web.Response:
        raise NotImplementedError

    with pytest.raises(LookupError, match="GET /api/v1/silent"):
        document([web.get("/api/v1/silent", silent)], version="0")


def test_no_two_operations_share_an_id() -> None:
    made = document(ROUTES, version="0")
    ids = [one["operationId"] for path in made["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES) + len(arm.routes())


def test_resource_managers_paths_stand_beside_ours() -> None:
    made = document(ROUTES, version="0")["paths"]
    for route in arm.routes():
        assert made[route.template][route.method.lower()]["summary"] == route.action


async def test_it_is_served_to_anybody(call: Caller) -> None:
    answer = await call("GET", "openapi.json")
    assert answer.status == 200
    assert (await answer.json())["paths"]["/api/v1/consents"]["post"]["requestBody"]["required"]
