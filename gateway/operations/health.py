"""/livez, /readyz and /metrics, on a listener of their own that only this machine reaches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

# Why the gateway is not ready, or None when it is.
Readiness = Callable[[], Awaitable[str | None]]


def operations_app(readiness: Readiness, metrics: CollectorRegistry) -> web.Application:
    """The pages for a supervisor, a load balancer and a metrics collector."""

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_request: web.Request) -> web.Response:
        why_not = await readiness()
        if why_not is None:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=f"{why_not}\n")

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show_metrics)
    return app
