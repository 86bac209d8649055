"""A libvirtd of the tests' own, in session mode: it shares nothing with one of the machine's.

As root it runs as nobody: one that runs as root would be the machine's (`qemu:///system`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image

from gateway.backends import load_kinds
from gateway.inventory import Inventory, Machine
from tests.doubles.authority import Authority
from tests.doubles.ports import free_port, row_of_ports
from tests.hypervisor.echo import BOOT_SECTOR
from tests.hypervisor.programs import missing, need, wait_for

KINDS: Final = load_kinds()
NOBODY: Final = 65534
PAUSED: Final = 3  # libvirt/libvirt-domain.h, VIR_DOMAIN_PAUSED
VNC_PASSWORD: Final = "xmlhush1"
_PLACES = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME")
_CONFIGURATION = """\
unix_sock_rw_perms = "0777"
unix_sock_ro_perms = "0777"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:stderr"
listen_tls = 1
listen_addr = "127.0.0.1"
tls_port = "{port}"
key_file = "{tls}/server-key.pem"
cert_file = "{tls}/server-cert.pem"
ca_file = "{tls}/ca-cert.pem"
"""
_QEMU = """\
remote_display_port_min = {first}
remote_display_port_max = {last}
"""
_QEMU_TLS = """\
vnc_tls = 1
vnc_tls_x509_cert_dir = "{tls}"
"""
_DOMAIN = """\
<domain type="qemu">
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  {metadata}
  <memory unit="MiB">16</memory>
  <vcpu>1</vcpu>
  <os><type arch="x86_64" machine="pc">hvm</type></os>
  <devices>
    <emulator>{emulator}</emulator>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/>
      <source file="{disk}"/>
      <target dev="hda" bus="ide"/>
      <shareable/>
    </disk>
    {graphics}
    <video><model type="vga"/></video>
  </devices>
</domain>
"""
SOCKETLESS = '<graphics type="vnc"><listen type="none"/></graphics>'


def listening(address: str = "127.0.0.1") -> str:
    """A VNC server at a port of libvirt's choosing."""
    return (
        f'<graphics type="vnc" port="-1" autoport="yes" passwd="{VNC_PASSWORD}">'
        f'<listen type="address" address="{address}"/></graphics>'
    )


def need_libvirt() -> Any:
    """Have libvirtd, QEMU and libvirt-python, or skip (fail, where hypervisors are required)."""
    need("libvirtd", "qemu-system-x86_64")
    try:
        import libvirt
    except ImportError:
        missing("libvirt-python is not installed (`make test` does it where libvirt-dev is)")
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt


class Libvirtd:
    """A running libvirtd. Its VMs end with it."""

    def __init__(self, folder: Path, *, vnc_tls: bool = True) -> None:
        self._libvirt = need_libvirt()
        self.folder = folder
        folder.chmod(0o711)  # who talks to it may be another user
        self.authority = Authority(folder / "tls")
        self.disk = folder / "disk.img"
        self.disk.write_bytes(BOOT_SECTOR)
        self._environment = {name: str(folder / name.lower()) for name in _PLACES}
        for place in self._environment.values():
            (Path(place) / "libvirt").mkdir(parents=True)
        config = Path(self._environment["XDG_CONFIG_HOME"]) / "libvirt"
        self.port = free_port()
        text = _CONFIGURATION.format(port=self.port, tls=folder / "tls")
        (config / "libvirtd.conf").write_text(text)
        ports = row_of_ports()
        text = _QEMU.format(first=ports[0], last=ports[-1])
        if vnc_tls:
            text += _QEMU_TLS.format(tls=folder / "tls")
        (config / "qemu.conf").write_text(text)
        self.socket = Path(self._environment["XDG_RUNTIME_DIR"]) / "libvirt/libvirt-sock"
        self.log = folder / "libvirtd.log"
        self._start()
        self.connection = self._libvirt.open(f"qemu+unix:///session?socket={self.socket}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start(self) -> None:
        root = os.geteuid() == 0
        if root:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                ["libvirtd", "--listen"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": os.environ["PATH"], **self._environment},
                cwd="/",
                start_new_session=True,
                **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}),
            )
        wait_for(self._answers, "libvirtd")

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"libvirtd ended: {self.log.read_text()[-2000:]}")
        with suppress(self._libvirt.libvirtError):
            address = f"qemu+unix:///session?socket={self.socket}"
            self._libvirt.openReadOnly(address).close()
            return True
        return False

    def define(
        self, name: str, graphics: str = SOCKETLESS, *, metadata: str = "", start: bool = True
    ) -> Domain:
        """A VM that shows what is typed."""
        names = {"name": escape(name), "uuid": str(uuid.uuid4()), "metadata": metadata}
        xml = _DOMAIN.format(
            **names,
            emulator=shutil.which("qemu-system-x86_64"),
            disk=self.disk,
            graphics=graphics,
        )
        domain = Domain(self, self.connection.defineXML(xml))
        if start:
            domain.start()
        return domain

    def stop(self) -> None:
        """End it, and every VM of it."""
        self.thaw()
        with suppress(self._libvirt.libvirtError):
            for domain in self.connection.listAllDomains():
                if domain.isActive():
                    domain.destroy()
            self.connection.close()
        for process in self._own():
            with suppress(psutil.Error):
                process.kill()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """As one that hangs: it accepts connections and says nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def _own(self) -> list[psutil.Process]:
        """Its QEMUs, which are nobody's children."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if any(str(self.folder) in each for each in process.cmdline()):
                    found.append(process)
        return found


class Domain:
    """One VM of it."""

    def __init__(self, host: Libvirtd, domain: Any) -> None:
        self.host = host
        self.domain = domain
        self.uuid: str = domain.UUIDString()

    def start(self) -> None:
        self.domain.create()

    def run(self) -> None:
        """Be on, whatever was done to it."""
        if not self.domain.isActive():
            self.start()
        elif self.domain.info()[0] == PAUSED:
            self.domain.resume()

    def destroy(self) -> None:
        """As if the power went."""
        self.domain.destroy()

    def forget(self) -> None:
        """It was never there."""
        self.host.thaw()
        if self.domain.isActive():
            self.domain.destroy()
        self.domain.undefine()

    def qmp(self, command: str, **arguments: object) -> Any:
        """QEMU's own answer."""
        import libvirt_qemu

        question = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(libvirt_qemu.qemuMonitorCommand(self.domain, question, 0))["return"]

    def text(self) -> str:
        """What VGA's text memory holds."""
        path = self.host.folder / "home" / f"{self.uuid}.bin"
        self.qmp("pmemsave", val=0xB8000, size=0x8000, filename=str(path))
        return path.read_bytes()[::2].decode("cp437")

    def screendump(self) -> npt.NDArray[np.uint8]:
        """The screen as QEMU itself has it: height x width x R, G, B."""
        path = self.host.folder / "home" / f"{self.uuid}.ppm"
        self.qmp("screendump", filename=str(path))
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    def booted(self) -> bool:
        """Whether it waits for keys."""
        return "Booting from Hard Disk" in self.text()

    def here(self, **more: str) -> Machine:
        """As an inventory names it that is this machine's own."""
        return machine(f"libvirt:///session/{self.uuid}", {"socket": str(self.host.socket)}, more)

    def elsewhere(
        self, host: str = "127.0.0.1", *, settled: Mapping[str, Any], **more: str
    ) -> Machine:
        """As another machine's inventory does."""
        console = f"libvirt://{host}:{self.host.port}/session/{self.uuid}"
        return machine(console, settled, more)


def machine(console: str, settled: Mapping[str, Any], more: Mapping[str, str]) -> Machine:
    """The only machine of an inventory."""
    keys = {
        "resource_id": "/subscriptions/0f6b0e4c-8b0e-4d7e-9a53-9b8e1c6d2a11/resourceGroups/a"
        "/providers/Microsoft.Compute/virtualMachines/web01",
        "node": "AzS-ERCS01",
        "console": console,
        **more,
    }
    lines = ["[[machine]]", *(f'{key} = "{value}"' for key, value in keys.items())]
    lines.append("[machine.libvirt]")
    lines += [f"{key} = {json.dumps(value)}" for key, value in settled.items()]
    (found,) = Inventory.parse("\n".join(lines), KINDS).machines()
    return found
