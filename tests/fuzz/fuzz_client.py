"""Fuzzes the client's role by coverage. Run by hand; needs `pip install atheris`.

python -m tests.fuzz.fuzz_client -max_total_time=600 new/ tests/fuzz/corpus/

What it finds belongs, made small, into `corpus/`.
"""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["gateway.rfb"]):
    from gateway.errors import RfbError, UpstreamRefused
    from gateway.rfb.client import ClientConnection
    from tests.doubles.serverwords import hello

# Large enough for several tiles of each encoding, small enough to be quick.
HELLO = hello(80, 70)


def told(client: ClientConnection, data: bytes, piece: int) -> str:
    """How it ends."""
    with contextlib.suppress(RfbError, UpstreamRefused):
        for start in range(0, len(data), piece):
            client.receive_data(data[start : start + piece])
            while client.pending:
                client.receive_data(b"")
        return "well"
    return "refused"


def one_input(data: bytes) -> None:
    """The input as a whole stream, and as what follows a handshake: cut or not, the same."""
    told(ClientConnection(), data, len(data) or 1)
    ends = []
    for piece, work in ((len(data) or 1, 20_000_000), (7, 1)):
        client = ClientConnection(work=work)
        told(client, HELLO, len(HELLO))
        ends.append((told(client, data, piece), client.framebuffer.pixels.tobytes()))
    assert ends[0] == ends[1], "the result depends on how the stream was cut"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
