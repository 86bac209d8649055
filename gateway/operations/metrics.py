"""Figures for a metrics collector. No label ever bears a name, an id or an address from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

# Yields, for each live console session, the word for its state and how many viewers it has.
Sessions = Callable[[], Iterable[tuple[str, int]]]


class Metrics:
    """All figures of one gateway, in a registry of its own."""

    def __init__(self, sessions: Sessions) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(_Consoles(sessions))
        self._requests = Counter(
            "eva_http_requests",
            "Requests answered, by route and status class.",
            ("route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "eva_http_request_seconds",
            "Time from a request's head to its answer, streams left out.",
            registry=self.registry,
        )

    def middleware(self) -> Middleware:
        """Count each request under its route's pattern, never under its path."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            begun = time.perf_counter()
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            try:
                response = await handler(request)
                status = HTTPStatus(response.status)
                return response
            except web.HTTPException as error:
                status = HTTPStatus(error.status)
                raise
            finally:
                self._note(request, status, time.perf_counter() - begun)

        return count

    def _note(self, request: web.Request, status: HTTPStatus, seconds: float) -> None:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "none"
        self._requests.labels(route, f"{status // 100}xx").inc()
        if status is not HTTPStatus.SWITCHING_PROTOCOLS and not route.endswith("/events"):
            self._seconds.observe(seconds)


class _Consoles(Collector):
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        """Read the figures at the moment of the scrape."""
        states = GaugeMetricFamily(
            "eva_console_sessions", "Live console sessions, by state.", labels=["state"]
        )
        viewers = GaugeMetricFamily("eva_viewers", "Viewers connected to console sessions.")
        counted: dict[str, int] = {}
        total = 0
        for state, watching in self._sessions():
            counted[state] = counted.get(state, 0) + 1
            total += watching
        for state, count in sorted(counted.items()):
            states.add_metric([state], count)
        viewers.add_metric([], total)
        yield states
        yield viewers
