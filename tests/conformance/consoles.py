"""Consoles of every kind, each with the entries that lead to it.

Another kind is another row of `CONSOLES`: what makes its console stand while the block lasts, and
yields its entries.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.backends.libvirt.libvirtd import Libvirtd, listening
from tests.backends.rdp.conftest import start_server
from tests.backends.rdp.servers import PASSWORD, USER, Shadow
from tests.conformance.suite import machine
from tests.doubles.apiworld import world_of
from tests.doubles.authority import Authority
from tests.doubles.hypervhost import HyperVHost
from tests.hypervisor.qemu import VNC_PASSWORD, Qemu
from tests.hypervisor.xservers import Xvnc

VM = "efd1efab-c750-4262-b1bb-af0f7733bdd6"

Stand = Callable[[Path], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def qemu(folder: Path) -> AsyncIterator[str]:
    """A real VNC server, by every door that it has."""
    (folder / "password").write_text(VNC_PASSWORD)
    guest = Qemu(folder, None)
    password = f'password_file = "{folder / "password"}"'
    ca_file = f'ca_file = "{guest.authority.ca_file}"'
    try:
        yield (
            machine("plain", f"vnc://127.0.0.1:{guest.port}")
            + machine("unix", f"vnc+unix://{guest.unix_path}")
            + machine("tls", f"vnc://127.0.0.1:{guest.tls_password_port}", password, ca_file)
            + machine("web", f"wss://127.0.0.1:{guest.tls_websocket_port}/", ca_file)
        )
    finally:
        guest.kill()


def api(kind: str) -> Stand:
    """A double of a hypervisor's API, with a screen behind it."""

    @asynccontextmanager
    async def stand(folder: Path) -> AsyncIterator[str]:
        async with world_of(kind, folder) as world:
            yield world.entry()

    return stand


def rdp(server: str) -> Stand:
    """Somebody else's RDP server, which shows an X server."""

    @asynccontextmanager
    async def stand(folder: Path) -> AsyncIterator[str]:
        (folder / "behind").mkdir()
        behind = Xvnc(folder / "behind")
        try:
            started = start_server(server, folder, behind)
            try:
                address = f"rdp://127.0.0.1:{started.port}"
                yield machine("web01", address, *_account(folder), f'pin = "{started.pin}"')
            finally:
                started.stop()
        finally:
            behind.stop()

    return stand


@asynccontextmanager
async def hyperv(folder: Path) -> AsyncIterator[str]:
    """A double of a Hyper-V host's door, with an RDP server behind it."""
    (folder / "behind").mkdir()
    behind = Xvnc(folder / "behind")
    try:
        shadow, authority = Shadow(folder, behind, nla=False), Authority(folder / "tls")
        try:
            async with HyperVHost(authority, VM, (USER, PASSWORD), shadow.port) as host:
                address = f"hyperv://127.0.0.1:{host.port}/{VM}"
                yield machine("web01", address, *_account(folder), f'pin = "{authority.pin}"')
        finally:
            shadow.stop()
    finally:
        behind.stop()


@asynccontextmanager
async def libvirt(folder: Path) -> AsyncIterator[str]:
    """A libvirtd, asked as this machine's own and as another's."""
    (folder / "libvirtd").mkdir()
    host = Libvirtd(folder / "libvirtd")
    try:
        one, other, tls = (
            host.define("one"),
            host.define("other", listening()),
            folder / "libvirtd/tls",
        )
        yield machine(
            "here", f"libvirt:///session/{one.uuid}", "[machine.libvirt]",
            f'socket = "{host.socket}"',
        ) + machine(
            "there", f"libvirt://127.0.0.1:{host.port}/session/{other.uuid}",
            f'ca_file = "{tls / "ca-cert.pem"}"', "[machine.libvirt]",
            f'certificate_file = "{tls / "server-cert.pem"}"',
            f'key_file = "{tls / "server-key.pem"}"',
        )  # fmt: skip
    finally:
        host.stop()


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """The hypervisor of our own: it runs where the backend does (`demo_here`)."""
    yield machine("web01", "demo:web01") + machine("desk01", "demo:desk01")


def _account(folder: Path) -> tuple[str, str]:
    (folder / "password").write_text(PASSWORD)
    return f'user = "{USER}"', f'password_file = "{folder / "password"}"'


CONSOLES: dict[str, Stand] = {
    "qemu": qemu,
    "wss": api("wss"),
    "proxmox": api("proxmox"),
    "proxmox-user": api("proxmox-user"),
    "kubevirt": api("kubevirt"),
    "openstack": api("openstack"),
    "openstack-credential": api("openstack-credential"),
    "xenserver": api("xenserver"),
    "rdp": rdp("nla"),
    "hyperv": hyperv,
    "libvirt": libvirt,
    "demo": demo,
}
BY_FREERDP = frozenset({"rdp", "hyperv"})
REAL = BY_FREERDP | {"libvirt", "qemu"}  # they stand on programs made by others
