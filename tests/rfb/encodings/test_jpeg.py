"""JPEG rects: the header is believed only where it agrees with the rect."""

from __future__ import annotations

import io

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
