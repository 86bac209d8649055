"""QEMU as the tests use it: TCG, no display, all kinds of VNC servers at once."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.doubles.authority import Authority
from tests.doubles.ports import free_port
from tests.hypervisor.guest import Guest
from tests.hypervisor.programs import Child, need, wait_for

VNC_PASSWORD = "secret12"
FIRST_PORT = 5900


class Qmp:
    """QEMU's control socket, one command at a time."""

    def __init__(self, path: Path) -> None:
        # The socket's file is there a moment before anybody listens.
        wait_for(lambda: self._connects(path), "QEMU's control socket", 30)
        self._socket.settimeout(30)
        self._lines = self._socket.makefile("rb")
        try:
            self._lines.readline()  # the greeting
            self.run("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def _connects(self, path: Path) -> bool:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except ConnectionRefusedError:
            self._socket.close()
            return False
        return True

    def run(self, command: str, **arguments: object) -> Any:
        """Raises: RuntimeError with QEMU's own words."""
        question = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(question).encode() + b"\n")
        while True:
            answer = json.loads(self._lines.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Qemu:
    """One virtual machine. `port` is its plain VNC server; it survives `restart`."""

    def __init__(self, folder: Path, guest: Guest | None, *, paused: bool = False) -> None:
        """`guest` None boots nothing but iPXE's ROM, which is up at once and takes keys."""
        need("qemu-system-x86_64")
        self.folder = folder
        self._guest = guest
        self._paused = paused
        self._starts = 0
        self._settled = False  # a restart keeps its ports
        self.unix_path = folder / "vnc.sock"
        self.agent_path = folder / "qga.sock"
        self.control_path = folder / "power.sock"  # a second QMP: the first is the tests' own
        self.authority = Authority(folder / "x509")
        self.port = self.password_port = self.tls_port = self.tls_password_port = 0
        # The first, the second and the third of them inside a WebSocket, the third over TLS.
        self.websocket_port = self.password_websocket_port = self.tls_websocket_port = 0
        self.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def start(self) -> None:
        """Start, on the same ports as before where there was a before."""
        for _ in range(3):
            if self._try_start():
                return
        raise RuntimeError(f"QEMU does not start: {self._child.complaint()}")

    def kill(self) -> None:
        """As a crash does."""
        self.qmp.close()
        self._child.kill()

    def screendump(self) -> npt.NDArray[np.uint8]:
        """The screen as QEMU itself has it: height x width x R, G, B."""
        path = self.folder / "screen.ppm"
        self.qmp.run("screendump", filename=str(path))
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    def text(self) -> str:
        """What VGA's text memory holds, scrolled-off lines included."""
        path = self.folder / "text.bin"
        self.qmp.run("pmemsave", val=0xB8000, size=0x8000, filename=str(path))
        return path.read_bytes()[::2].decode("cp437")  # every other byte is a colour

    def _try_start(self) -> bool:
        self._starts += 1
        if not self._settled:
            self._choose_ports()
        control = self.folder / f"qmp{self._starts}.sock"
        self._child = Child(self._command(control), self.folder / f"qemu{self._starts}.log")
        wait_for(lambda: control.exists() or not self._child.alive, "QEMU's control socket")
        if not self._child.alive:
            return False  # somebody took a port in between
        try:
            self.qmp = Qmp(control)
        except (OSError, ValueError):  # nobody answers, or nothing
            wait_for(lambda: not self._child.alive, "QEMU's end", 5)
            return False  # the same, a moment later
        self._settled = True
        return True

    def _choose_ports(self) -> None:
        ports = [free_port() for _ in range(7)]
        self.port, self.password_port, self.tls_port, self.tls_password_port = ports[:4]
        self.websocket_port, self.password_websocket_port, self.tls_websocket_port = ports[4:]

    def _command(self, control: Path) -> list[str]:
        command = [
            *("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-nodefaults", "-vga", "std"),
            *("-no-reboot", "-display", "none", "-name", "guest"),
            *("-qmp", f"unix:{control},server=on,wait=off"),
            *("-qmp", f"unix:{self.control_path},server=on,wait=off"),
        ]
        if self._paused:
            command.append("-S")
        return command + self._doors() + self._hardware()

    def _doors(self) -> list[str]:
        """Its VNC servers."""
        return [
            *("-object", f"secret,id=pw,data={VNC_PASSWORD}"),
            *("-object", f"tls-creds-x509,id=tls,dir={self.folder / 'x509'},endpoint=server,"
              "verify-peer=off"),
            *("-vnc", f"127.0.0.1:{self.port - FIRST_PORT},id=plain,"
              f"websocket={self.websocket_port}"),
            *("-vnc", f"unix:{self.unix_path},id=unix"),
            *("-vnc", f"127.0.0.1:{self.password_port - FIRST_PORT},id=pw,password-secret=pw,"
              f"websocket={self.password_websocket_port}"),
            *("-vnc", f"127.0.0.1:{self.tls_port - FIRST_PORT},id=tls,tls-creds=tls,"
              f"websocket={self.tls_websocket_port}"),
            *("-vnc", f"127.0.0.1:{self.tls_password_port - FIRST_PORT},id=tlspw,tls-creds=tls,"
              "password-secret=pw"),
        ]  # fmt: skip

    def _hardware(self) -> list[str]:
        """What differs from guest to guest."""
        if self._guest is None:
            return ["-m", "32", "-nic", "user,restrict=on"]
        return [
            *("-m", "256", "-kernel", str(self._guest.kernel), "-initrd", str(self._guest.initrd)),
            *("-append", "console=tty0 quiet panic=5"),
            *("-drive", f"file={self._guest.disk},format=raw,if=virtio,snapshot=on"),
            *("-device", "virtio-serial"),
            *("-chardev", f"socket,path={self.agent_path},server=on,wait=off,id=qga"),
            *("-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"),
        ]
