"""Painting by one decoder, and pictures to try it with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from gateway.rfb.encodings.words import Words, as_words
from gateway.rfb.reader import Reader, Reading

Picture = npt.NDArray[np.uint8]  # height x width x 3
Decode = Callable[[Words], Reading[None]]


def painted(decode: Decode, width: int, height: int, *bodies: bytes) -> Picture:
    """What a rect shows after `bodies`; around it lies a border that must stay as it was."""
    frame = np.full((height + 2, width + 3, 4), 0x5A, np.uint8)
    into = as_words(frame)[1 : 1 + height, 1 : 1 + width]
    for body in bodies:
        done = []

        def parse(done: list[bool] = done) -> Reading[None]:
            yield from decode(into)
            done.append(True)
            yield 1

        Reader(parse()).feed(body)
        assert done, "the decoder wants more bytes"
    inside = frame[1 : 1 + height, 1 : 1 + width].copy()
    frame[1 : 1 + height, 1 : 1 + width] = 0x5A
    assert (frame == 0x5A).all(), "the decoder painted outside its rect"
    assert not inside[:, :, 3].any(), "the unused byte is not zero"
    return inside[:, :, :3]


def compact(length: int) -> bytes:
    """rfbproto, Tight, a length: 7 bits, 7 bits, 8 bits, lowest first."""
    if length < 0x80:
        return bytes([length])
    if length < 0x4000:
        return bytes([length & 0x7F | 0x80, length >> 7])
    return bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])


@st.composite
def pictures(draw: st.DrawFn, *, side: int = 80, colours: int = 300) -> Picture:
    """Pictures of few or many colours, in runs or not, with odd sizes."""
    width, height = draw(st.integers(1, side)), draw(st.integers(1, side))
    count, stretch = draw(st.integers(1, colours)), draw(st.sampled_from([1, 1, 3, 40, 400]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    palette = random.integers(0, 256, (count, 3), np.uint8)
    area = width * height
    indices = np.repeat(random.integers(0, count, area // stretch + 1), stretch)[:area]
    return palette[indices].reshape(height, width, 3)
