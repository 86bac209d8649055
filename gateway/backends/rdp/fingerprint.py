"""Prints the fingerprint of a host's certificate, to be compared with the host's own and pinned.

    python -m gateway.backends.rdp.fingerprint hyperv://hv1.example/VM-GUID

Nothing but the VM's id is told to the host.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import sys
from typing import Final
from urllib.parse import urlsplit

from gateway.backends.rdp.options import place

_PATIENCE: Final = 10.0
_SSL_OR_HYBRID: Final = 1 | 2


def fingerprint(url: str) -> str:
    """SHA-256 of the certificate in DER. Raises: ValueError for a wrong `url`, OSError."""
    address = place(urlsplit(url))
    assert address.host is not None and address.port is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the point is to see it
    with socket.create_connection((address.host, address.port), _PATIENCE) as sock:
        if address.path is not None:
            sock.sendall(preconnection(address.path.removeprefix("/")))
        else:
            _negotiate(sock)
        with context.wrap_socket(sock, server_hostname=address.host) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()


def preconnection(machine: str) -> bytes:
    """MS-RDPEPS §2.2.1.2: U32 size of all, flags, version 2, id; U16 characters with their NUL."""
    text = (machine + "\0").encode("utf-16-le")
    return struct.pack("<IIIIH", 18 + len(text), 0, 2, 0, len(text) // 2) + text


def _negotiate(sock: socket.socket) -> None:
    # MS-RDPBCGR §2.2.1.1: TPKT, X.224 connection request, RDP_NEG_REQ.
    request = b"\x0e\xe0\0\0\0\0\0" + struct.pack("<BBHI", 1, 0, 8, _SSL_OR_HYBRID)
    sock.sendall(struct.pack(">BBH", 3, 0, 4 + len(request)) + request)
    answer = _receive(sock, struct.unpack(">xxH", _receive(sock, 4))[0] - 4)
    # §2.2.1.2: what follows X.224's 7 bytes is RDP_NEG_RSP, whose type is 2.
    if answer[7:8] != b"\x02":
        raise ConnectionError("the host offers no TLS")


def _receive(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError("the host closed the connection")
        data += more
    return data


if __name__ == "__main__":
    try:
        print(fingerprint(sys.argv[1]))  # noqa: T201 - this is what it is for
    except IndexError:
        sys.exit(__doc__)
    except (ValueError, OSError) as error:
        sys.exit(f"fingerprint: {error}")
