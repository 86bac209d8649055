"""Writes `corpus/`: what a hostile server says, from its first byte on. Run by hand.

python -m tests.fuzz.make_corpus
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import simplejpeg

from tests.doubles.serverwords import NO_AUTHENTICATION, VERSION_3_8, hello, rect, update

CORPUS = Path(__file__).parent / "corpus"
RAW, COPYRECT, HEXTILE, ZLIB, TIGHT, ZRLE = 0, 1, 5, 6, 7, 16
CURSOR, SIZE, EXTENDED_SIZE, NAME, LAST = -239, -223, -308, -307, -224
WIDTH, HEIGHT = 512, 384
TILES = WIDTH * HEIGHT // 4096


def sized(data: bytes) -> bytes:
    """Zlib's and ZRLE's U32 length."""
    return struct.pack(">I", len(data)) + data


def compact(data: bytes) -> bytes:
    """Tight's length in three bytes."""
    length = len(data)
    return bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + data


def whole(encoding: int, body: bytes) -> bytes:
    """A rect as large as the screen."""
    return rect(0, 0, WIDTH, HEIGHT, encoding, body)


def tiles(tile: bytes) -> bytes:
    """The same ZRLE tile all over the screen."""
    return update(whole(ZRLE, sized(zlib.compress(tile * TILES, 9))))


def alternating(colours: bytes, short: bytes, long: bytes) -> bytes:
    """Runs of 1 and of 256 pixels in turns, to the last of 4096 pixels."""
    return colours + (short + long) * 15 + short * (4096 - 15 * 257)


def empty_blocks(size: int) -> bytes:
    """Deflate blocks of ten bits that hold nothing (RFC 1951 §3.2.6)."""
    group = sum(2 << 10 * n for n in range(4)).to_bytes(5, "little")
    return b"\x78\x9c" + (group * (size // 5 + 1))[: size - 2]


def jpeg(width: int, height: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.zeros((height, width, 3), np.uint8), 50))


def scans(count: int) -> bytes:
    """A JPEG whose components come in scans of their own, again and again."""
    picture = jpeg(WIDTH, HEIGHT)
    head = picture[: picture.index(b"\xff\xda")]
    # marker, U16 length, U8 components, its id and tables, spectral selection, approximation
    return head + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * count + b"\xff\xd9"


def disguised() -> bytes:
    """A progressive frame behind a fill byte, and a decoy that says baseline."""
    picture = jpeg(WIDTH, HEIGHT)
    at = picture.index(b"\xff\xc0")
    return picture[:at] + b"\xff\xff\xc2" + picture[at + 2 :]


def inputs() -> dict[str, bytes]:
    """Of each input its name and what is said after a handshake for a screen of WIDTHxHEIGHT."""
    zeros, ended = bytes(4 * WIDTH * HEIGHT), zlib.compress(bytes(4))
    indexed = b"\xff" + bytes(3 * 127)
    raw_tile = b"\x01" + bytes(4 * 256)
    crowded = b"\x08\xff" + b"\x00\xff" * 255
    fill = whole(TIGHT, b"\x80abc")
    return {
        "zrle-plain-runs-of-one": tiles(b"\x80" + b"\x01\x02\x03\x00" * 4096),
        "zrle-indexed-runs-of-one": tiles(b"\x82" + bytes(6) + b"\x80\x00" * 4096),
        "zrle-single-indices": tiles(indexed + b"\x01" * 4096),
        "zrle-plain-alternating": tiles(alternating(b"\x80", b"abc\x00", b"def\xff\x00")),
        "zrle-indexed-alternating": tiles(
            alternating(b"\x82" + bytes(6), b"\x00", b"\x81\xff\x00")
        ),
        "zrle-endless-run": tiles(b"\x80abc" + b"\xff" * 4000),
        "zrle-a-tile-too-many": tiles(b"\x01abc")
        + update(rect(0, 0, 64, 64, ZRLE, sized(zlib.compress(b"\x01abc" * 9)))),
        "zrle-bomb": update(rect(0, 0, 64, 64, ZRLE, sized(zlib.compress(bytes(1 << 24), 9)))),
        "zlib-bomb": update(rect(0, 0, 64, 64, ZLIB, sized(zlib.compress(bytes(1 << 24), 9)))),
        "zlib-zeros": update(whole(ZLIB, sized(zlib.compress(zeros, 9)))),
        "zlib-empty-blocks": update(whole(ZLIB, sized(empty_blocks(64_000)))),
        "zlib-goes-on-after-its-end": update(
            rect(0, 0, 1, 1, ZLIB, sized(ended)), rect(0, 0, 0, 0, ZLIB, sized(b"more"))
        ),
        "tight-bomb": update(
            rect(0, 0, 64, 64, TIGHT, b"\x00" + compact(zlib.compress(bytes(1 << 24), 9)))
        ),
        "tight-empty-blocks": update(whole(TIGHT, b"\x00" + compact(empty_blocks(60_000)))),
        "tight-gradient": update(
            rect(
                0, 0, WIDTH, 64, TIGHT, b"\x40\x02" + compact(zlib.compress(bytes(3 * 64 * WIDTH)))
            )
        ),
        "tight-resets": update(*[rect(0, 0, 1, 1, TIGHT, b"\x8fabc")] * 2000),
        "tight-fills-over-and-over": update(*[fill] * 300),
        "tight-palette-outside": update(
            rect(
                0,
                0,
                4,
                4,
                TIGHT,
                b"\x40\x01\x02" + bytes(9) + b"\x09" + zlib.compress(b"\x07" * 16),
            )
        ),
        "jpeg-many-scans": update(whole(TIGHT, b"\x90" + compact(scans(2000)))),
        "jpeg-disguised-progressive": update(whole(TIGHT, b"\x90" + compact(disguised()))),
        "jpeg-of-another-size": update(whole(TIGHT, b"\x90" + compact(jpeg(2048, 2048)))),
        "hextile-crowded": update(rect(0, 0, WIDTH, 16, HEXTILE, crowded * (WIDTH // 16))),
        "hextile-empty-tiles": update(*[whole(HEXTILE, bytes(TILES * 16))] * 20),
        "hextile-raw-tiles": update(rect(0, 0, 16, 16, HEXTILE, raw_tile) * 1),
        "hextile-outside": update(rect(0, 0, 20, 20, HEXTILE, b"\x08\x01\xff\xff" * 4)),
        "copies-over-and-over": update(
            *[rect(0, 0, WIDTH, HEIGHT - 1, COPYRECT, b"\x00\x00\x00\x01")] * 400
        ),
        "copy-from-outside": update(rect(0, 0, 4, 4, COPYRECT, b"\xff\xff\xff\xff")),
        "rect-outside": update(rect(WIDTH, 0, 1, 1, RAW, bytes(4))),
        "sizes-in-turns": update(*[rect(0, 0, WIDTH - n % 2, HEIGHT, SIZE) for n in range(500)]),
        "size-of-65535": update(rect(0, 0, 0xFFFF, 0xFFFF, SIZE)),
        "screens-without-end": update(rect(0, 0, 8, 8, EXTENDED_SIZE, b"\xff\x00\x00\x00")),
        "cursors": update(*[rect(0, 0, 1, 1, CURSOR, b"abcd\x80")] * 2000),
        "cursor-too-large": update(rect(0, 0, 513, 513, CURSOR)),
        "names": update(*[rect(0, 0, 0, 0, NAME, sized(b"\xe2\x80\xae<b>\r\n\x1b") * 1)] * 500),
        "name-too-long": update(rect(0, 0, 0, 0, NAME, b"\x80\x00\x00\x00")),
        "last-rect-at-once": update(rect(0, 0, 0xFFFF, 0xFFFF, LAST), count=0xFFFF) * 200,
        "bells": b"\x02" * 20_000,
        "empty-updates": update() * 4000,
        "clipboard-too-long": b"\x03\x00\x00\x00\x7f\xff\xff\xff",
        "colour-map-without-end": b"\x01\x00\xff\xff\xff\xff",
        "unknown-message": b"\x63",
        "unknown-encoding": update(rect(0, 0, 1, 1, 4711)),
    }


def handshakes() -> dict[str, bytes]:
    """What ends before there is a screen."""
    return {
        "not-rfb": b"HTTP/1.1 200 OK\r\n\r\n",
        "rfb-2": b"RFB 002.000\n",
        "no-security": VERSION_3_8 + b"\x00" + sized(b"Too many\x00\x1b[31m failures"),
        "reason-of-2-gib": VERSION_3_8 + b"\x00\x80\x00\x00\x00",
        "refused": VERSION_3_8 + b"\x01\x01\x00\x00\x00\x01" + sized(b"no"),
        "screen-of-65535": hello(0xFFFF, 0xFFFF),
        "screen-of-nothing": hello(0, 0),
        "desktop-name-of-2-gib": VERSION_3_8 + NO_AUTHENTICATION + bytes(20) + b"\x80\x00\x00\x00",
    }


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for name, said in inputs().items():
        (CORPUS / name).write_bytes(hello(WIDTH, HEIGHT) + said)
    for name, said in handshakes().items():
        (CORPUS / name).write_bytes(said)


if __name__ == "__main__":
    main()
