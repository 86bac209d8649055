"""Somebody's desk: a display of its own with TigerVNC's viewer on it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.hypervisor.programs import need
from tests.hypervisor.xservers import XServer


class Desk(XServer):
    """No window manager, so that the viewer's window is the VM's screen and nothing else."""

    def __init__(self, folder: Path) -> None:
        need("Xvfb", "xdotool", "import", "vncviewer")
        super().__init__(folder)
        self._start_display(
            ["Xvfb", "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-ac"], "desk"
        )

    def view(self, port: int) -> None:
        """Start the viewer, with its own defaults, at that loopback port."""
        # A home of its own: the defaults are the viewer's, not those of whoever runs the tests.
        viewer = ["env", f"HOME={self.folder}", "vncviewer"]
        self._start([*viewer, "-SecurityTypes", "None", f"localhost::{port}"], "vncviewer")

    def shown(self) -> npt.NDArray[np.uint8]:
        """What the viewer's window shows: height x width x R, G, B."""
        picture = self.run("import", "-silent", "-window", self._window(), "png:-")
        with Image.open(io.BytesIO(picture)) as image:
            return np.asarray(image.convert("RGB"))

    def type(self, text: str) -> None:
        """Type at the viewer's window as a person at this desk does."""
        self.run("xdotool", "windowfocus", "--sync", self._window())
        self.run("xdotool", "type", "--delay", "40", text)

    def _window(self) -> str:
        found = self.run("xdotool", "search", "--sync", "--onlyvisible", "--name", " - TigerVNC$")
        return found.split()[0].decode()
