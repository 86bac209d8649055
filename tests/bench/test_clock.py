"""The benchmark's own instruments: the picture's clock, the age of what is shown, the skimmer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rfb.encodings.words import WORD, Words, as_words
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Write
from gateway.rfb.screen import Profile, Screen
from gateway.rfb.server import ServerConnection
from gateway.rfb.wire import RGBX, Rect
from tests.bench.clock import KEY_LEFT, ROWS, WIDTH, WRAP, Clock, cells, key_block
from tests.bench.measuring import quantile, shown_age
from tests.bench.skimming import NOVNC_ENCODINGS, SkimmingViewer
from tests.bench.viewer import Account

CLOCK = Clock()


def painted(counter: int, into: Words) -> None:
    row = np.repeat(np.array(cells(counter)) * 0xFFFFFF, CLOCK.pitch).astype(WORD)
    into[:ROWS, : row.size] = row


@given(st.integers(0, WRAP - 1))
def test_what_is_painted_is_read(counter: int) -> None:
    top = np.zeros((ROWS, WIDTH), WORD)
    painted(counter, top)
    assert CLOCK.read(top) == counter


@given(st.integers(0, WRAP - 1), st.integers(0, 31))
def test_a_torn_clock_is_no_time(counter: int, at: int) -> None:
    top = np.zeros((ROWS, WIDTH), WORD)
    painted(counter, top)
    top[:, CLOCK.pitch * at : CLOCK.pitch * (at + 1)] ^= 0xFFFFFF
    assert CLOCK.read(top) is None


def test_a_picture_grows_older_until_the_next_one_comes() -> None:
    # Each arrives 20 ms old; they come every 100 ms: shown ages run from 20 to 120 ms.
    clocks = [(1.0 + at / 10, 980 + 100 * at) for at in range(10)]
    account = Account(clocks=clocks, until=2.0)
    assert shown_age(account, 0.5) == pytest.approx(70)
    assert shown_age(account, 0.95) == pytest.approx(115)
    assert shown_age(Account(), 0.5) == float("inf")


def test_quantiles() -> None:
    values = [float(each) for each in range(100)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)) == (50, 99, 99)


@pytest.mark.parametrize("kind", ["mono", "few", "photo"])
def test_a_skimmer_reads_the_clock_of_what_we_send(kind: str) -> None:
    framebuffer = Framebuffer(1280, 400)
    words, screen = as_words(framebuffer.pixels), Screen(framebuffer)
    server, viewer = ServerConnection(1280, 400, "bench"), SkimmingViewer(CLOCK)
    for _ in range(4):
        server.receive_data(viewer.receive(server.data_to_send(), 0.0))
    assert server.running
    profile = Profile.for_viewer(NOVNC_ENCODINGS, RGBX)
    random, sent = np.random.default_rng(1), 0
    colours = {"mono": 2, "few": 20, "photo": 1 << 24}[kind]
    viewer.press(0.5)
    for counter in (5, 70_000, 7):
        palette = random.integers(0, 1 << 24, min(colours, 4096), WORD)
        words[:] = palette[random.integers(0, palette.size, words.shape)]
        painted(counter, words)
        words[:ROWS, KEY_LEFT:WIDTH] = 0xFFFFFF if counter == 7 else 0
        screen.painted([Write(Rect(0, 0, 1280, 400))], 0)
        update = screen.update_for(sent, profile)
        assert update is not None
        viewer.receive(update.payload, 1.0 + sent)
        sent = update.frame
    assert [counter for _, counter in viewer.seen.clocks] == [5, 70_000, 7]
    assert viewer.complete_at == 1.0
    assert viewer.seen.updates == 3
    assert viewer.seen.keys == [1.0 + sent - 1 - 0.5]


def test_the_key_block_is_white_or_black() -> None:
    top = np.zeros((ROWS, WIDTH), WORD)
    assert not key_block(top)
    top[:, KEY_LEFT:] = 0xFFFFFF
    assert key_block(top)
