"""The client that RDP consoles are measured beside: xfreerdp, told what our child tells it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.backends.rdp.command import arguments, environment, settings
from gateway.backends.rdp.options import RdpOptions
from tests.backends.rdp.servers import PASSWORD, USER, RdpServer
from tests.bench.painter import HEIGHT, WIDTH
from tests.hypervisor.programs import need
from tests.hypervisor.xservers import XServer

_SHARED_MEMORY: Final = Path("/dev/shm")


class PlainClient(XServer):
    """An Xvfb that is there already, as on anybody's desk, and xfreerdp once it is told to dial."""

    def __init__(self, folder: Path) -> None:
        need("Xvfb", "xfreerdp")
        super().__init__(folder)
        self._xvfb = self._start_display(
            ["Xvfb", "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-ac",
             "-noreset", "-fbdir", str(folder)], "xvfb",
        )  # fmt: skip
        self._xfreerdp: subprocess.Popen[bytes] | None = None

    @property
    def screen(self) -> Path:
        """The file that is its screen."""
        return self.folder / "Xvfb_screen0"

    @property
    def pids(self) -> dict[str, int]:
        """What pays."""
        assert self._xfreerdp is not None
        return {"xfreerdp": self._xfreerdp.pid, "X server": self._xvfb.pid}

    def dial(self, server: RdpServer) -> None:
        """Start xfreerdp, and wait for nothing."""
        console = server.machine().console
        assert isinstance(console.options, RdpOptions)
        (self.folder / "console.rdp").write_text(settings(USER, None))
        said = environment(console)
        self._xfreerdp = subprocess.Popen(
            ["xfreerdp", "console.rdp", *arguments(console, console.options, "127.0.0.1")],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env={**os.environ, **said, "DISPLAY": self.display, "HOME": str(self.folder)},
        )  # fmt: skip
        assert self._xfreerdp.stdin is not None
        self._xfreerdp.stdin.write(f"{PASSWORD}\n".encode())
        self._xfreerdp.stdin.flush()

    def stop(self) -> None:
        if self._xfreerdp is not None:
            self._xfreerdp.kill()
            self._xfreerdp.communicate()
        super().stop()


@contextmanager
def plain_client() -> Iterator[PlainClient]:
    """One, whose screen is on no disk where that can be."""
    where = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="eva-bench-", dir=where) as folder:
        client = PlainClient(Path(folder))
        try:
            yield client
        finally:
            client.stop()
