"""`kubevirt://api:6443/NAMESPACE/NAME`: KubeVirt and Harvester, by Kubernetes' own API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult

from gateway.backends.site import Site, find_site
from gateway.backends.tables import Options, no_user, plain_secret, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.upstream import Upstream
from gateway.backends.websocket_wire import UpgradeRefused
from gateway.errors import MachineOff, UpstreamError, UpstreamRefused, UpstreamTaken
from gateway.policy.facts import Power
from gateway.policy.places import ConsolePlace, check_plain, host_and_port

# Kubernetes, "Object Names and IDs": RFC 1123 subdomains.
_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_PATH: Final = re.compile(rf"/(?P<namespace>{_NAME})/(?P<name>{_NAME})", re.ASCII)
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){0,8}", re.ASCII)
_EXAMPLE: Final = "kubevirt://api:6443/NAMESPACE/NAME"
# kubevirt: client-go/subresources/constants.go, PlainStreamProtocolName
_SUBPROTOCOL: Final = "plain.kubevirt.io"
# kubevirt: pkg/virt-handler/rest/console.go; virt-api hands its answer on in its own words.
_IN_USE: Final = b"Active VNC connection"
# kubevirt: pkg/virt-api/rest/subresource.go and dialers.go
_NOT_RUNNING: Final = (b"VMI is not running", b"because phase is")
# kubevirt: api/core/v1/types.go, VirtualMachinePrintableStatus. Who starts or stops is neither.
_POWER: Final = {
    "Running": Power.RUNNING,
    "Migrating": Power.RUNNING,
    "Paused": Power.PAUSED,
    "Stopped": Power.OFF,
    "Provisioning": Power.OFF,
    "WaitingForVolumeBinding": Power.OFF,
    "CrashLoopBackOff": Power.OFF,
    "ErrorUnschedulable": Power.OFF,
    "ErrImagePull": Power.OFF,
    "ImagePullBackOff": Power.OFF,
    "ErrorPvcNotFound": Power.OFF,
    "DataVolumeError": Power.OFF,
}


class KubevirtOptions(Options):
    """What the entry's `[machine.kubevirt]` says."""

    prefix: str = ""
    preserve_session: bool = True
    token_file: str | None = None  # read at every dial: Kubernetes renews mounted tokens


class KubevirtKind:
    """The entry's password is the bearer token of a service account, or a file holds it."""

    schemes = ("kubevirt",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        check_plain(url)
        host, port = host_and_port(url, 6443, _EXAMPLE)
        if not _PATH.fullmatch(url.path):
            raise ValueError(f"must look like {_EXAMPLE}")
        return ConsolePlace(host=host, port=port, path=url.path, tls=True)

    def read(self, table: Mapping[str, Any], console: Console) -> KubevirtOptions:
        """Raises: ValueError."""
        options = read_table(KubevirtOptions, table, console.scheme)
        no_user(console)
        if options.token_file is None:
            plain_secret(console, "the bearer token")
        elif console.password is not None:
            raise ValueError("kubevirt.token_file: given beside the password; keep one")
        elif not options.token_file.startswith("/"):
            raise ValueError("kubevirt.token_file: must be an absolute path")
        if not _PREFIX.fullmatch(options.prefix):
            raise ValueError("kubevirt.prefix: must look like /k8s/clusters/local")
        return options

    def backend(self) -> KubevirtBackend:
        """Dials them."""
        return KubevirtBackend()


class KubevirtBackend:
    """Dials `kubevirt` consoles, and asks for their VMs' power."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError."""
        console = target.console
        options = console.options
        assert isinstance(options, KubevirtOptions)
        namespace, name = _names(console)
        site = await find_site(self._dialler, console)
        headers = await _headers(console, options)
        # kubevirt: pkg/virt-api/rest/vnc.go. Another client's screen is taken away without
        # preserveSession; with it we are turned away, and nobody fights over a screen.
        keep = "true" if options.preserve_session else "false"
        path = (
            f"{options.prefix}/apis/subresources.kubevirt.io/v1/namespaces/{namespace}"
            f"/virtualmachineinstances/{name}/vnc?preserveSession={keep}"
        )
        try:
            return await site.open_screen(
                path,
                progress,
                headers=headers,
                subprotocol=_SUBPROTOCOL,
                desktop_name=console.desktop_name,
            )
        except UpgradeRefused as refusal:
            machine = _machine(console, options)
            raise await _worded(refusal, site, machine, headers) from None

    async def power(self, target: Target) -> Power:
        """Raises: UpstreamError; also where the account may not get virtualmachines."""
        console = target.console
        options = console.options
        assert isinstance(options, KubevirtOptions)
        site = await find_site(self._dialler, console)
        headers = await _headers(console, options)
        async with site.api() as api:
            answer = await api.ask("GET", _machine(console, options), headers=headers)
        if answer.status != 200:
            raise UpstreamRefused(f"Kubernetes does not tell the VM's power ({answer.status})")
        status = answer.find("status", "printableStatus")
        return _POWER.get(status, Power.UNKNOWN) if isinstance(status, str) else Power.UNKNOWN


def _names(console: Console) -> tuple[str, str]:
    """The VM's namespace and name."""
    found = _PATH.fullmatch(console.path or "")
    assert found is not None, "the inventory's address was checked"
    return found["namespace"], found["name"]


def _machine(console: Console, options: KubevirtOptions) -> str:
    """The VM itself, which is there whether it runs or not."""
    namespace, name = _names(console)
    api = f"{options.prefix}/apis/kubevirt.io/v1"
    return f"{api}/namespaces/{namespace}/virtualmachines/{name}"


async def _headers(console: Console, options: KubevirtOptions) -> dict[str, str]:
    return {"Authorization": f"Bearer {await _token(console, options)}"}


async def _token(console: Console, options: KubevirtOptions) -> str:
    if options.token_file is None:
        return console.password or ""
    try:
        read = await asyncio.to_thread(Path(options.token_file).read_text, encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise UpstreamRefused(f"the token's file cannot be read: {why}") from None
    return read.strip()


async def _worded(
    refusal: UpgradeRefused, site: Site, machine: str, headers: Mapping[str, str]
) -> UpstreamError:
    if _IN_USE in refusal.body:
        return UpstreamTaken("another VNC client has this screen")
    if any(words in refusal.body for words in _NOT_RUNNING):
        return MachineOff("the VM is not running")
    match refusal.status:
        case 401:
            return UpstreamRefused("Kubernetes refused the token")
        case 403:
            return UpstreamRefused(
                "the account may not open this VM's screen: it must be allowed to get "
                "virtualmachineinstances/vnc in subresources.kubevirt.io"
            )
        case 404:
            return await _absent(site, machine, headers)
    return refusal


async def _absent(site: Site, machine: str, headers: Mapping[str, str]) -> UpstreamError:
    """A VM that is off has no instance; the VM itself is still there."""
    async with site.api() as api:
        answer = await api.ask("GET", machine, headers=headers)
    match answer.status:
        case 200:
            return MachineOff("the VM is not running")
        case 404:
            return UpstreamRefused("KubeVirt knows no VM of that name in that namespace")
    return UpstreamRefused("KubeVirt runs no VM of that name; whether there is one it does not say")
