"""Hostile inputs, replayed: each is taken or refused, in slices of work that are small."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway.errors import RfbError, UpstreamRefused
from gateway.rfb.client import ClientConnection

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
PIECE = 64 * 1024  # what a socket hands over
TAKEN = frozenset({
    "bells", "cursors", "empty-updates", "hextile-crowded", "hextile-empty-tiles",
    "hextile-raw-tiles", "last-rect-at-once", "names", "screens-without-end", "tight-gradient",
    "tight-resets", "zlib-zeros", "zrle-indexed-alternating", "zrle-indexed-runs-of-one",
    "zrle-plain-alternating", "zrle-plain-runs-of-one", "zrle-single-indices",
})  # fmt: skip
# Work is told when it is done: a slice may be longer than it should by the last thing done.
SLICE_SECONDS = 0.5
SLICES = 400


def replayed(said: bytes, piece: int = PIECE, **options: int) -> tuple[str, bytes, list[float]]:
    """How an input ends, the pixels then, and the processor's time of each slice."""
    client, slices, error = ClientConnection(**options), [], ""
    try:
        for start in range(0, len(said), piece):
            data = said[start : start + piece]
            while data or client.pending:
                began = time.thread_time()
                try:
                    client.receive_data(data)
                finally:
                    slices.append(time.thread_time() - began)
                data = b""
    except (RfbError, UpstreamRefused) as refusal:
        error = str(refusal)
    return error, client.framebuffer.pixels.tobytes() if client.ready else b"", slices


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_each_input_is_taken_or_refused_in_small_slices(path: Path) -> None:
    error, pixels, slices = replayed(path.read_bytes())
    assert bool(error) != (path.name in TAKEN), error
    assert max(slices) < SLICE_SECONDS
    assert len(slices) < SLICES
    halting = replayed(path.read_bytes(), piece=997, work=100_000)
    assert halting[:2] == (error, pixels)


def test_the_corpus_is_small() -> None:
    assert 40 < len(CORPUS)
    assert sum(path.stat().st_size for path in CORPUS) < 1024 * 1024
