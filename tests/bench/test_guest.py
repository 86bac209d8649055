"""The guest of the benchmark counts its lines and answers keys, in pixels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gateway.rfb.encodings.words import WORD, Words
from tests.bench.clock import ROWS, WIDTH, key_block
from tests.bench.guest import CLOCK, LINES, ScrollingGuest
from tests.hypervisor.programs import wait_for

pytestmark = pytest.mark.hypervisor


def top_of(guest: ScrollingGuest) -> Words:
    """The rows that say when and whether."""
    pixels = guest.screendump()[:ROWS, :WIDTH].astype(WORD)
    return np.asarray(pixels @ np.array([1, 1 << 8, 1 << 16], WORD), WORD)


def counter(guest: ScrollingGuest) -> int | None:
    return CLOCK.read(top_of(guest))


def press(guest: ScrollingGuest) -> None:
    guest.qmp.run("send-key", keys=[{"type": "qcode", "data": "a"}])


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name: a Unix socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eva-") as name:
        yield Path(name)


@pytest.mark.parametrize("lines_per_second", [20.0, None])
def test_the_picture_counts_lines_and_shows_keys(
    folder: Path, lines_per_second: float | None
) -> None:
    guest = ScrollingGuest(folder, lines_per_second)
    try:
        wait_for(guest.runs, "the guest's scrolling text")
        wait_for(lambda: counter(guest) is not None, "a whole counter")
        if lines_per_second is None:
            assert counter(guest) == LINES - 1  # a screen of lines, counted from 0
        else:
            wait_for(lambda: LINES + 20 < (counter(guest) or 0), "twenty lines more")
        press(guest)
        wait_for(lambda: key_block(top_of(guest)), "a white block")
        press(guest)
        wait_for(lambda: not key_block(top_of(guest)), "a black block")
    finally:
        guest.kill()
