"""What an inventory says of a libvirt console."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult

from gateway.backends.tables import Options, no_user, read_table
from gateway.backends.targets import Console
from gateway.policy.places import ConsolePlace, check_plain, host_and_port

EXAMPLE: Final = "libvirt:///system/UUID or libvirt://host:16514/system/UUID"
_TLS_PORT: Final = 16514  # libvirt, remote_protocol.x: LIBVIRTD_TLS_PORT
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PATH: Final = re.compile(rf"/(?P<mode>system|session)/(?P<uuid>{_UUID})", re.ASCII)
_FILE: Final = re.compile(r"/[^\x00-\x1f\x7f]{1,1023}")
_LONGEST_SOCKET: Final = 107  # unix(7)


class LibvirtOptions(Options):
    """What the entry's `[machine.libvirt]` says."""

    socket: str | None = None  # where libvirt listens, if it is not where libvirt itself looks
    certificate_file: str | None = None  # what the host knows the gateway by
    key_file: str | None = None
    plain_vnc: bool = False  # the VM's VNC server, on another host, speaks no TLS


def place(url: SplitResult) -> ConsolePlace:
    """A VM is named by its UUID: names are changed, and given again. Raises: ValueError."""
    check_plain(url)
    path = url.path.lower()
    if not _PATH.fullmatch(path):
        raise ValueError(f"must look like {EXAMPLE}")
    if not url.netloc:
        return ConsolePlace(path=path)
    host, port = host_and_port(url, _TLS_PORT, EXAMPLE)
    return ConsolePlace(host=host, port=port, path=path, tls=True)


def mode_and_uuid(console: Console) -> tuple[str, str]:
    """`system` or `session`, and the VM's UUID."""
    found = _PATH.fullmatch(console.path or "")
    assert found is not None, "the inventory's address was checked"
    return found["mode"], found["uuid"]


def read(table: Mapping[str, Any], console: Console) -> LibvirtOptions:
    """Raises: ValueError."""
    options = read_table(LibvirtOptions, table, console.scheme)
    no_user(console)
    for key in ("socket", "certificate_file", "key_file"):
        value = getattr(options, key)
        if value is not None and not _FILE.fullmatch(value):
            raise ValueError(f"libvirt.{key}: must be an absolute path")
    if console.host is None:
        _check_here(options, console)
    else:
        _check_elsewhere(options)
    return options


def _check_here(options: LibvirtOptions, console: Console) -> None:
    """libvirt hands over the console itself: there is nobody to prove anything to."""
    if console.tls:
        raise ValueError("tls: this machine's own libvirt needs none; drop tls, ca_file and pin")
    if console.password is not None:
        raise ValueError("password: this machine's own libvirt opens the console without it")
    for key in ("certificate_file", "key_file"):
        if getattr(options, key) is not None:
            raise ValueError(f"libvirt.{key}: this machine's own libvirt asks for none")
    if options.plain_vnc:
        raise ValueError("libvirt.plain_vnc: this machine's own libvirt hands the console over")
    if options.socket is not None and _LONGEST_SOCKET < len(options.socket.encode()):
        raise ValueError(f"libvirt.socket: has at most {_LONGEST_SOCKET} bytes")


def _check_elsewhere(options: LibvirtOptions) -> None:
    if options.socket is not None:
        raise ValueError("libvirt.socket: is for this machine's own libvirt")
    if (options.certificate_file is None) != (options.key_file is None):
        raise ValueError("libvirt.key_file: certificate_file and key_file belong together")
