"""What a collector is told of the consoles: figures that can be true, and no name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

from gateway.consoles.meters import Meters
from gateway.operations.metrics import Look, Metrics
from gateway.rfb.tally import Kind
from tests.doubles.console_stage import eventually
from tests.doubles.visitors import Site, open_site
from tests.doubles.ws_viewer import PLAIN

Figures = dict[str, float]


def figures(text: str) -> Figures:
    """Each sample by its name and labels, as in `eva_encoded_bytes_total jpeg`."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in parsed(text)
        for sample in family.samples
    }


def scraped(metrics: Metrics) -> Figures:
    return figures(generate_latest(metrics.registry).decode())


def test_what_was_tallied_is_told() -> None:
    metrics = Metrics()
    tally = metrics.meters.tally
    tally.frames, tally.updates, tally.sent, tally.hits, tally.misses = 3, 40, 5000, 37, 4
    tally.sizes[Kind.JPEG] = 600
    told = scraped(metrics)
    assert told["eva_frames_total"] == 3
    assert told["eva_viewer_updates_total"] == 40
    assert told["eva_sent_bytes_total"] == 5000
    assert told["eva_encoding_cache_total hit"] == 37
    assert told["eva_encoding_cache_total miss"] == 4
    sizes = {kind: told[f"eva_encoded_bytes_total {kind}"] for kind in Kind}
    assert sizes == dict.fromkeys(Kind, 0) | {Kind.JPEG: 600}


def test_sessions_are_looked_at_when_asked() -> None:
    metrics, looks = Metrics(), [Look("live", 3, 1), Look("live", 2, 0), Look("off", 1, 1)]
    metrics.follow(lambda: looks)
    told = scraped(metrics)
    assert (told["eva_console_sessions live"], told["eva_console_sessions off"]) == (2, 1)
    assert (told["eva_viewers"], told["eva_viewers_behind"]) == (6, 2)
    looks.clear()
    told = scraped(metrics)
    assert "eva_console_sessions live" not in told
    assert (told["eva_viewers"], told["eva_viewers_behind"]) == (0, 0)


def test_only_what_had_to_be_encoded_is_timed() -> None:
    metrics = Metrics()

    def encode(name: str) -> str:
        metrics.meters.tally.misses += 1
        return name

    assert metrics.meters.timed(lambda: encode("anew")) == "anew"
    assert metrics.meters.timed(lambda: "found") == "found"
    told = scraped(metrics)
    assert told["eva_encode_seconds_count"] == 1
    assert 0 < told["eva_encode_seconds_sum"] < 1


def test_a_session_without_a_collector_measures_for_nobody() -> None:
    meters = Meters()
    meters.round_trip.observe(0.1)
    assert meters.timed(lambda: 7) == 7


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as opened:
        yield opened


async def test_a_viewer_who_watched_shows_in_the_figures(site: Site) -> None:
    consent = await site.consent()
    olga, tess = await site.opened(consent), await site.signed_in("contoso")
    async with olga.enter(consent) as operator, tess.stream(consent) as tenant:
        await operator.start()
        tenant.continuous = True  # it will ask for one update and no other
        await tenant.start(PLAIN)
        await operator.until(lambda: operator.frames)
        await tenant.until(lambda: tenant.frames)
        for red in range(1, 6):
            site.hypervisor.paint(0, 0, 16, 16, (red, 0, 0))
            await operator.until(lambda red=red: operator.pixel(1, 1) == (red, 0, 0))
        await eventually(lambda: round_trips(site))
        received = operator.received + tenant.received
        text = await site.metrics()
        told = figures(text)
        assert told["eva_console_sessions live"] == 1
        assert (told["eva_viewers"], told["eva_viewers_behind"]) == (2, 1)
        assert 7 <= told["eva_viewer_updates_total"] == operator.frames + tenant.frames
        assert received <= told["eva_sent_bytes_total"] < received + 1024
        assert told["eva_frames_total"] == 5  # after the one that the session began with
        sizes = {kind: told[f"eva_encoded_bytes_total {kind}"] for kind in Kind}
        assert {kind for kind, size in sizes.items() if size} == {Kind.RAW}
        assert sizes[Kind.RAW] < told["eva_sent_bytes_total"]
        # Both were sent the first frame, which one of them had encoded, and olga the others.
        assert told["eva_encoding_cache_total miss"] == 6 == told["eva_encode_seconds_count"]
        assert told["eva_encoding_cache_total hit"] == 1
        assert 0 < told["eva_encode_seconds_sum"] < 1
        assert 0 < told["eva_fence_round_trip_seconds_sum"] < 5
        for name in ("web01", "olga", "contoso", consent, site.vm("web01")):
            assert name not in text


def round_trips(site: Site) -> float:
    return scraped(site.standing.gateway.metrics)["eva_fence_round_trip_seconds_count"]
