"""Gives the X server's screen a size, as one of its VNC clients (rfbproto, SetDesktopSize).

Its RandR wants each mode made and set by hand for that; this it does by itself.
"""

from __future__ import annotations

import socket
import struct

_EXTENDED_DESKTOP_SIZE = -308
_PATIENCE = 2.0


def set_screen_size(path: str, width: int, height: int) -> None:
    """Ask for it on the VNC socket at `path`; the X server tells when it is done.

    Raises: OSError, EOFError.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(_PATIENCE)
        server.connect(path)
        _receive(server, 12)  # RFC 6143 §7.1.1: the version, which is 3.8
        server.sendall(b"RFB 003.008\n")
        _receive(server, _receive(server, 1)[0])  # §7.1.2: the security types; None is one
        server.sendall(b"\x01")
        _receive(server, 4)  # §7.1.3: the verdict
        server.sendall(b"\x01")  # §7.3.1: shared
        # §7.3.2: width, height, the pixel format, the length of the name.
        (name,) = struct.unpack_from(">I", _receive(server, 24), 20)
        _receive(server, min(name, 4096))
        server.sendall(struct.pack(">BxHi", 2, 1, _EXTENDED_DESKTOP_SIZE))
        # Type 251, width, height, 1 screen: its id, x, y, width, height, flags.
        size = struct.pack(">BxHHBx", 251, width, height, 1)
        server.sendall(size + struct.pack(">IHHHHI", 0, 0, 0, width, height, 0))
        # Answered with an update, to whoever asks for one: this client hears that it was taken.
        server.sendall(struct.pack(">BBHHHH", 3, 1, 0, 0, 1, 1))
        _receive(server, 4)


def _receive(server: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = server.recv(count - len(data))
        if not more:
            raise EOFError("the VNC server closed the connection")
        data += more
    return data
