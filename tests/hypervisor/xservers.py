"""X servers that speak VNC: Xvnc by itself, and x11vnc on top of Xvfb."""

from __future__ import annotations

import os
import select
import struct
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.doubles.ports import free_port
from tests.hypervisor.programs import Child, answers_rfb, need, wait_for


class XServer:
    """A display, a VNC port, an xterm on it that has the keyboard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.display = ""
        self._children: list[Child] = []

    def stop(self) -> None:
        for child in reversed(self._children):
            child.kill()

    def run(self, *command: str) -> bytes:
        """Run an X client to its end."""
        done = subprocess.run(
            command, env=os.environ | {"DISPLAY": self.display}, check=True, capture_output=True
        )
        return done.stdout

    def screendump(self) -> npt.NDArray[np.uint8]:
        """The screen as the X server itself has it: height x width x R, G, B."""
        return _xwd_pixels(self.run("xwd", "-root", "-silent"))

    def xterm(self, *command: str) -> None:
        """Show a terminal without a blinking cursor, all over the upper left."""
        need("xterm")
        shell = command or ("sh", "-c", "echo ready; cat")
        self._start(["xterm", "-geometry", "60x20+0+0", "+bc", "+sb", "-e", *shell], "xterm")

    def _start(self, command: list[str], name: str) -> Child:
        child = Child(command, self.folder / f"{name}.log", environment={"DISPLAY": self.display})
        self._children.append(child)
        return child

    def _start_display(self, command: list[str], name: str) -> Child:
        """Start an X server that chooses its own display number, and wait until it serves."""
        ours, theirs = os.pipe()
        try:
            child = Child(
                [*command, "-displayfd", str(theirs)], self.folder / f"{name}.log",
                pass_fds=[theirs],
            )  # fmt: skip
        finally:
            os.close(theirs)
        self._children.append(child)
        number = b""
        while not number.endswith(b"\n"):
            readable, _, _ = select.select([ours], [], [], 30)
            piece = os.read(ours, 16) if readable else b""
            if not piece:
                os.close(ours)
                raise RuntimeError(f"{name} does not start: {child.complaint()}")
            number += piece
        os.close(ours)
        self.display = f":{number.decode().strip()}"
        return child


class Xvnc(XServer):
    """TigerVNC's X server."""

    def __init__(self, folder: Path, *options: str, size: str = "800x600") -> None:
        need("Xvnc", "xwd", "xsetroot")
        super().__init__(folder)
        self.port = free_port()
        self._start_display(
            [
                *("Xvnc", "-geometry", size, "-depth", "24", "-localhost", "-nolisten", "tcp"),
                *("-rfbport", str(self.port), "-SecurityTypes", "None", "-AlwaysShared"),
                *("-desktop", "xvnc", "-ac", *options),
            ],
            "xvnc",
        )
        wait_for(lambda: answers_rfb(self.port), "Xvnc")


class X11vnc(XServer):
    """x11vnc, which polls an X server that knows nothing of VNC."""

    def __init__(self, folder: Path) -> None:
        need("x11vnc", "Xvfb", "xwd", "xsetroot")
        super().__init__(folder)
        self._start_display(
            ["Xvfb", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-ac"], "xvfb"
        )
        self.port = free_port()
        self._start(
            [
                *("x11vnc", "-display", self.display, "-rfbport", str(self.port), "-localhost"),
                *("-forever", "-shared", "-nopw", "-noipv6", "-noxrecord", "-quiet"),
            ],
            "x11vnc",
        )
        wait_for(lambda: answers_rfb(self.port), "x11vnc")


def _xwd_pixels(dump: bytes) -> npt.NDArray[np.uint8]:
    """X11/XWDFile.h: 25 words of header; 32 bits a pixel, least byte first."""
    words = struct.unpack(">25I", dump[:100])
    header_size, width, height = words[0], words[4], words[5]
    bytes_per_line, colours = words[12], words[19]
    start = header_size + colours * 12
    rows = np.frombuffer(dump, np.uint8, height * bytes_per_line, start)
    bgrx = rows.reshape(height, bytes_per_line)[:, : width * 4].reshape(height, width, 4)
    return bgrx[:, :, 2::-1]
