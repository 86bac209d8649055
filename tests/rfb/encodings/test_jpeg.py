"""JPEG rects: the header is believed only where it agrees with the rect."""

from __future__ import annotations

import contextlib
import io
import time

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from gateway.errors import RfbError
from gateway.rfb.encodings import jpeg
from gateway.rfb.encodings.words import as_words

GREY = np.full((8, 16, 3), 128, np.uint8)


def paint(data: bytes, width: int = 16, height: int = 8) -> np.ndarray:
    pixels = np.zeros((height, width, 4), np.uint8)
    jpeg.paint_jpeg(data, as_words(pixels))
    return pixels


def pillow(picture: np.ndarray, mode: str = "RGB", **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(data, "JPEG", **options)
    return data.getvalue()


def test_a_picture_of_the_rects_size_is_painted() -> None:
    assert np.abs(paint(simplejpeg.encode_jpeg(GREY))[:, :, :3].astype(int) - 128).max() < 3


def test_a_grey_picture_is_painted() -> None:
    assert np.abs(paint(pillow(GREY, "L"))[:, :, :3].astype(int) - 128).max() < 3


@pytest.mark.parametrize(("width", "height"), [(16, 9), (15, 8), (8, 16)])
def test_another_size_is_refused_before_decoding(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg", lambda *_: pytest.fail("decoded"))
    with pytest.raises(RfbError, match="another size"):
        paint(simplejpeg.encode_jpeg(GREY), width, height)


def test_a_progressive_picture_is_refused_before_decoding() -> None:
    with pytest.raises(RfbError, match="not sequential"):
        paint(pillow(GREY, progressive=True))


def scans(count: int, components: int) -> bytes:
    """A picture in `count` scans of so many components each, which hold no data at all."""
    whole = simplejpeg.encode_jpeg(GREY)
    head = whole[: whole.index(b"\xff\xda")]
    scan = bytes([0xFF, 0xDA, 0, 6 + 2 * components, components])
    scan += b"".join(bytes([1 + n, 0x11 if n else 0]) for n in range(components)) + b"\x00\x3f\x00"
    return head + scan * count + b"\xff\xd9"


def test_a_picture_in_many_scans_is_refused_before_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each scan of ten bytes is a pass over all pixels: 20 KB were half a second's work."""
    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg_header", lambda *_: pytest.fail("decoded"))
    with pytest.raises(RfbError, match="one scan"):
        paint(scans(2000, components=1))


def test_only_the_first_of_whole_scans_is_decoded() -> None:
    """Where all components are in one scan, decoders stop behind it."""
    taken = {}
    for count in (1, 100_000):
        data, began = scans(count, components=3), time.thread_time()
        with contextlib.suppress(RfbError):
            paint(data)
        taken[count] = time.thread_time() - began
    assert taken[100_000] < taken[1] + 0.2


@pytest.mark.parametrize("disguise", [
    b"\xff",  # a fill byte before the marker
    b"\x00",  # a byte that is none
    b"\xff\xd0",  # a restart marker, which has no length
    b"\xff\xd8",  # another start
    b"\xff\xc4\x00\x00",  # a table that is shorter than its length
])  # fmt: skip
def test_what_two_decoders_may_read_differently_is_refused(disguise: bytes) -> None:
    whole = simplejpeg.encode_jpeg(GREY)
    for marker in (b"\xff\xc0", b"\xff\xda"):
        at = whole.index(marker)
        with pytest.raises(RfbError):
            paint(whole[:at] + disguise + whole[at:])


def test_endless_comments_are_refused() -> None:
    whole = simplejpeg.encode_jpeg(GREY)
    with pytest.raises(RfbError, match="one scan"):
        paint(whole[:2] + b"\xff\xfe\x00\x02" * 64 + whole[2:])


def test_any_damage_is_an_rfb_error() -> None:
    whole = simplejpeg.encode_jpeg(np.random.default_rng(1).integers(0, 256, (8, 16, 3), np.uint8))
    for end in range(0, len(whole), 7):
        with pytest.raises(RfbError):
            paint(whole[:end])


def test_random_damage_raises_nothing_else() -> None:
    random = np.random.default_rng(1)
    whole = simplejpeg.encode_jpeg(random.integers(0, 256, (8, 16, 3), np.uint8))
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[random.integers(0, len(whole))] = random.integers(0, 256)
        try:
            paint(bytes(damaged))
        except RfbError:
            continue
