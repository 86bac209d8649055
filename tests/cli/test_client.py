"""The HTTP client, towards servers that are no gateway or an odd one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.cli.client import Client, segment
from gateway.cli.failures import Exit, Failure, Refusal
from gateway.cli.target import Target

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def asking(handler: Handler) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    async with TestServer(app) as server:
        target = Target(f"http://127.0.0.1:{server.port}", token="a-token")
        async with Client(target) as client:
            yield client


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with asking(redirect) as client:
        with pytest.raises(Failure, match="does not answer like a gateway"):
            await client.post("sign-ins", {"password": "secret"})
    assert asked == ["/api/v1/sign-ins"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>", "text/html"),
        (200, "[]", "application/json"),
        (200, "{", "application/json"),
        (502, "Bad Gateway", "text/plain"),
    ],
)
async def test_what_is_no_gateway_is_said_to_be_none(status: int, body: str, kind: str) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type=kind)

    async with asking(answer) as client:
        with pytest.raises(Failure, match="is the address right") as raised:
            await client.get("consents")
    assert raised.value.code is Exit.UNREACHABLE


@pytest.mark.parametrize(
    "body", [{}, {"error": "no"}, {"error": {}}, {"error": {"code": 7, "message": None}}]
)
async def test_an_error_without_words_is_still_a_refusal(body: dict[str, object]) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=403)

    async with asking(refuse) as client:
        with pytest.raises(Refusal) as raised:
            await client.get("consents")
    assert raised.value.status == 403
    assert raised.value.message


async def test_a_gateway_that_hangs_up_is_unreachable() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.close()
        return web.Response()

    async with asking(hang_up) as client:
        with pytest.raises(Failure) as raised:
            await client.get("consents")
    assert raised.value.code is Exit.UNREACHABLE


def test_a_name_is_one_segment_whatever_it_holds() -> None:
    assert segment("../a?b#c/d") == "..%2Fa%3Fb%23c%2Fd"
