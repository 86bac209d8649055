"""What an RFB server says, as bytes, written from RFC 6143 alone; and a client that heard hello."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gateway.rfb.client import ClientConnection, offers
from gateway.rfb.events import Event

# RFC 6143 §7.4: 32 bits, depth 24, little endian, true colour, 255 each, shifts 16, 8, 0.
BGRX = bytes([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0])
VERSION_3_8 = b"RFB 003.008\n"
ONLY_NONE = b"\x01\x01"  # one security type: None
NO_AUTHENTICATION = ONLY_NONE + b"\x00\x00\x00\x00"  # … and the verdict that all is well


def server_init(width: int, height: int, name: bytes = b"vm") -> bytes:
    """RFC 6143 §7.3.2."""
    return struct.pack(">HH", width, height) + BGRX + struct.pack(">I", len(name)) + name


def hello(width: int, height: int, name: bytes = b"vm") -> bytes:
    """All that a server without a password says before its first message."""
    return VERSION_3_8 + NO_AUTHENTICATION + server_init(width, height, name)


def rect(x: int, y: int, width: int, height: int, encoding: int, body: bytes = b"") -> bytes:
    """RFC 6143 §7.6.1: one rect of an update."""
    return struct.pack(">HHHHi", x, y, width, height, encoding) + body


def update(*rects: bytes, count: int | None = None) -> bytes:
    """RFC 6143 §7.6.1: type 0, padding, number of rects."""
    return struct.pack(">BxH", 0, len(rects) if count is None else count) + b"".join(rects)


def ready_client(width: int, height: int, offer: Sequence[int] | None = None) -> ClientConnection:
    """A client whose handshake is over and whose first words were sent."""
    client = ClientConnection(offer=offers(near=True) if offer is None else offer)
    client.receive_data(hello(width, height))
    client.data_to_send()
    return client


def heard(client: ClientConnection, data: bytes) -> list[Event]:
    """All that `data` makes happen, however much work that is."""
    events = client.receive_data(data)
    while client.pending:
        events += client.receive_data(b"")
    return events
