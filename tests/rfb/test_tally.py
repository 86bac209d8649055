"""A rect's own bytes say how it paints, so that counting needs no word from its encoder."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rfb.encodings.copyrect_encoder import copy_rect
from gateway.rfb.encodings.raw_encoder import raw_rect
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.messages import desktop_size_rect, pointer_shape_rect
from gateway.rfb.operations import Copy
from gateway.rfb.screen import Profile, Screen
from gateway.rfb.tally import Kind, Tally, kind_of
from gateway.rfb.wire import RGBX, Cursor, Encoding, Rect

SIZE = 64


def coloured(colours: int) -> npt.NDArray[np.uint32]:
    """So many colours, in stripes: no photo."""
    stripes = np.arange(SIZE, dtype=np.uint32) % colours * 0x102030
    return np.ascontiguousarray(np.broadcast_to(stripes[:, None], (SIZE, SIZE)))


def noise() -> npt.NDArray[np.uint32]:
    return np.random.default_rng(1).integers(0, 1 << 24, (SIZE, SIZE), dtype=np.uint32)


def first_kind(pixels: npt.NDArray[np.uint32], *encodings: int) -> Kind:
    """Of what a viewer with these encodings is sent."""
    framebuffer = Framebuffer(SIZE, SIZE)
    framebuffer.pixels[:] = pixels.view(np.uint8).reshape(SIZE, SIZE, 4)
    update = Screen(framebuffer).update_for(0, Profile.for_viewer(frozenset(encodings)))
    assert update is not None
    # RFC 6143 §7.6.1: type, padding and the number of rects stand before the first.
    return kind_of(update.payload[4:])


def test_what_our_encoders_make_is_told_apart() -> None:
    tight = Encoding.TIGHT
    assert first_kind(coloured(1), tight) is Kind.FILL
    assert first_kind(coloured(2), tight) is Kind.MONO
    assert first_kind(coloured(3), tight) is Kind.INDEXED
    assert first_kind(coloured(16), tight) is Kind.INDEXED
    assert first_kind(noise(), tight) is Kind.DEFLATE
    assert first_kind(noise(), tight, Encoding.QUALITY_0 + 6) is Kind.JPEG
    assert first_kind(noise()) is Kind.RAW
    assert kind_of(copy_rect(Copy(Rect(0, 0, 8, 8), 4, 4))) is Kind.COPYRECT


def test_what_paints_nothing_is_told_apart() -> None:
    cursor = Cursor(1, 1, 0, 0, bytes(4))
    shape = pointer_shape_rect(cursor, frozenset({Encoding.CURSOR}), RGBX)
    assert shape is not None
    assert kind_of(shape) is Kind.PSEUDO
    assert kind_of(desktop_size_rect(640, 480)) is Kind.PSEUDO


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x80\x01\x02\x03", Kind.FILL),
        (b"\x90\x01\xff", Kind.JPEG),
        (b"\x01\x01\xff", Kind.DEFLATE),  # stream 0 reset, copied as it is
        (b"\x41\x00\x01", Kind.DEFLATE),  # filter 0, copy; what follows is no palette
        (b"\x41\x01\x01", Kind.MONO),  # filter 1, palette: its size less one
        (b"\x41\x01\xff", Kind.INDEXED),
        (b"\x41\x02\x01", Kind.DEFLATE),  # filter 2, gradient
    ],
)
def test_tight_says_it_in_its_first_bytes(body: bytes, kind: Kind) -> None:
    header = struct.pack(">HHHHi", 1, 2, 3, 4, Encoding.TIGHT)
    assert kind_of(header + body) is kind


@given(st.lists(st.integers(1, 40)))
def test_every_byte_is_counted_once(sizes: list[int]) -> None:
    tally = Tally()
    rects = [raw_rect(noise()[:size, :size], 0, 0, RGBX) for size in sizes]
    for rect in rects:
        tally.encoded(rect)
    assert tally.sizes[Kind.RAW] == sum(map(len, rects))
    assert sum(tally.sizes.values()) == sum(map(len, rects))
