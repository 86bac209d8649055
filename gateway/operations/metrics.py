"""Figures for a metrics collector. No label ever bears a name, an id or an address from outside."""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.consoles.meters import Meters
from gateway.rfb.tally import Tally


@dataclass(frozen=True, slots=True)
class Look:
    """A live console session at the moment of a scrape."""

    state: str
    viewers: int
    behind: int  # of these viewers, who has not been sent the newest frame


Sessions = Callable[[], Iterable[Look]]

# A few tiles take fractions of a millisecond, a screen of photos tens of them.
_ENCODING_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
# From the same machine to a satellite; beyond a second it is a queue.
_ROUND_TRIP_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0)


class Metrics:
    """All figures of one gateway, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meters = Meters(
            encoding=Histogram(
                "eva_encode_seconds",
                "Time to encode what a viewer was owed, where nobody had it encoded before.",
                buckets=_ENCODING_SECONDS,
                registry=self.registry,
            ),
            round_trip=Histogram(
                "eva_fence_round_trip_seconds",
                "Time until a viewer said that it had dealt with what it was sent.",
                buckets=_ROUND_TRIP_SECONDS,
                registry=self.registry,
            ),
        )
        self.registry.register(_Painting(self.meters.tally))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
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

    def follow(self, sessions: Sessions) -> None:
        """Ask `sessions` at each scrape."""
        self.registry.register(_Consoles(sessions))

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
        looks = list(self._sessions())
        for state, count in sorted(Counts(look.state for look in looks).items()):
            states.add_metric([state], count)
        yield states
        yield GaugeMetricFamily(
            "eva_viewers",
            "Viewers connected to console sessions.",
            value=sum(look.viewers for look in looks),
        )
        yield GaugeMetricFamily(
            "eva_viewers_behind",
            "Viewers that have not been sent the newest frame.",
            value=sum(look.behind for look in looks),
        )


class _Painting(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """Read the counts at the moment of the scrape."""
        tally = self._tally
        yield CounterMetricFamily(
            "eva_frames", "Frames of upstreams that changed a screen.", value=tally.frames
        )
        yield CounterMetricFamily(
            "eva_viewer_updates", "Updates sent, each to one viewer.", value=tally.updates
        )
        yield CounterMetricFamily("eva_sent_bytes", "Bytes sent to viewers.", value=tally.sent)
        sizes = CounterMetricFamily(
            "eva_encoded_bytes",
            "Bytes of rects, each encoded once for all who want it, by encoding.",
            labels=["encoding"],
        )
        for kind, size in tally.sizes.items():
            sizes.add_metric([kind.value], size)
        yield sizes
        found = CounterMetricFamily(
            "eva_encoding_cache",
            "Paintings found encoded for another viewer, or not.",
            labels=["result"],
        )
        found.add_metric(["hit"], tally.hits)
        found.add_metric(["miss"], tally.misses)
        yield found
