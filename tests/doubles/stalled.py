"""A viewer that stopped reading, on a socket that holds next to nothing."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.ws_viewer import WsViewer


class StalledClient:
    """Opens a stream over a bare socket, sets a busy screen going and stops reading."""

    def __init__(self, viewer: WsViewer) -> None:
        self.viewer = viewer

    async def clog(self, server: FakeRfbServer) -> None:
        transport: Any = self.viewer.ws.transport
        self.viewer.answers_fences = False
        transport.pause_reading()
        for shade in range(40):
            server.paint(0, 0, server.width, server.height, (shade, 255 - shade, 7))
            await asyncio.sleep(0.02)

    async def rest(self, within: float) -> tuple[int, bool]:
        """Bytes still to be read, and whether the connection was reset."""
        sock = self.viewer.ws.transport.get_extra_info("socket").dup()
        sock.setblocking(False)
        total, loop = 0, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within):
                while data := await loop.sock_recv(sock, 65536):
                    total += len(data)
            return total, False
        except ConnectionResetError:
            return total, True
        finally:
            sock.close()


def small_buffer() -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sock
