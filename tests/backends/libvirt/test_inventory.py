"""`eva-gateway inventory libvirt` against a real libvirtd: what it prints is an inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.backends import Backends
from gateway.cli import app
from gateway.errors import MachineOff
from gateway.inventory import Inventory, Machine
from tests.backends.libvirt.libvirtd import KINDS, VNC_PASSWORD, Domain, Libvirtd, listening
from tests.doubles.watching import Watching, ignore

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

NewDomain = Callable[..., Domain]
SUBSCRIPTION = "0f6b0e4c-8b0e-4d7e-9a53-9b8e1c6d2a11"
OPTIONS = ("--subscription", SUBSCRIPTION, "--resource-group", "shop", "--node", "AzS-ERCS01")
WINDOWS = (
    '<metadata><l:libosinfo xmlns:l="http://libosinfo.org/xmlns/libvirt/domain/1.0">'
    '<l:os id="http://microsoft.com/win/2k19"/></l:libosinfo></metadata>'
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["inventory", "libvirt", *arguments], catch_exceptions=False)


def loaded(result: Result, folder: Path) -> dict[str, Machine]:
    """The machines of what was printed, by the names that people read."""
    assert result.exit_code == 0, result.stderr
    assert VNC_PASSWORD not in result.output
    file = folder / "inventory.toml"
    file.write_text(result.stdout, encoding="utf-8")
    return {each.vm.name: each for each in Inventory.load(file, KINDS).machines()}


def test_what_is_printed_is_an_inventory(
    new_domain: NewDomain, libvirtd: Libvirtd, tmp_path: Path
) -> None:
    long = "n" * 80
    stopped = {"start": False}
    plain = new_domain("web 01", **stopped)
    new_domain("web#01", metadata=WINDOWS, **stopped)
    new_domain('Bücher 📚 "7" \\ <b>', **stopped)
    new_domain(long, listening(), **stopped)
    new_domain("blind", "", **stopped)
    new_domain("spicy", '<graphics type="spice"><listen type="none"/></graphics>', **stopped)
    result = run(*OPTIONS, "--session", "--socket", str(libvirtd.socket))
    found = loaded(result, tmp_path)
    assert set(found) - {"web01", "web02"} == {"web 01", "web#01", 'Bücher 📚 "7" \\ <b>', long}
    assert [line for line in result.stderr.splitlines() if "left out" in line] == [
        "eva-gateway: blind is left out: it has no VNC graphics",
        "eva-gateway: spicy is left out: it has no VNC graphics",
    ]
    vm = found["web 01"].vm
    assert vm.resource_id == (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Compute"
        "/virtualMachines/web-01"
    )
    assert (vm.node, vm.os, found["web#01"].vm.os) == ("AzS-ERCS01", "linux", "windows")
    assert str(found["web 01"].console) == f"libvirt:///session/{plain.uuid}"
    assert found["web#01"].vm.resource_id.rpartition("/")[2].startswith("web-01-")


async def test_another_hosts_entries_can_be_dialled_as_they_are(
    new_domain: NewDomain, libvirtd: Libvirtd, tmp_path: Path, backends: Backends
) -> None:
    new_domain("web03", listening())
    new_domain("off", start=False)
    authority = libvirtd.authority
    result = await in_thread(
        f"127.0.0.1:{libvirtd.port}", *OPTIONS, "--session",
        "--ca-file", str(authority.ca_file),
        "--certificate-file", str(authority.certificate_file),
        "--key-file", str(authority.key_file),
    )  # fmt: skip
    found = loaded(result, tmp_path)
    async with Watching(await backends.dial(found["web03"], ignore)) as screen:
        await screen.until(lambda: screen.frames)
    with pytest.raises(MachineOff):
        await backends.dial(found["off"], ignore)


async def in_thread(*arguments: str) -> Result:
    """It runs a loop of its own."""
    return await asyncio.to_thread(run, *arguments)


def test_a_host_without_such_vms_says_so(other_host: Libvirtd, tmp_path: Path) -> None:
    result = run(*OPTIONS, "--session", "--socket", str(other_host.socket))
    assert loaded(result, tmp_path) == {}
    assert result.stderr == "eva-gateway: libvirt has no VM with VNC graphics there\n"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--socket", "/nonexistent/sock"), "libvirt does not run on this machine"),
        (("--subscription", "shop"), "resource_id: must look like"),
        (("--resource-group", "a b"), "resource_id: must look like"),
        (("--node", ""), "node: "),
        (("hv1", "--ca-file", "/nonexistent/ca.pem"), "ca_file: /nonexistent/ca.pem is not a file"),
        (("--pin", "0" * 64), "tls: this machine's own libvirt needs none"),
        (("169.254.169.254",), "link-local"),
        (("hv1/../x",), "console: must look like"),
        (("root@hv1",), "console: has a user or password"),
        (("127.0.0.1:9", "--pin", "0" * 64), "the host cannot be reached: Connection refused"),
    ],
)
def test_what_goes_wrong_is_one_sentence(options: tuple[str, ...], why: str) -> None:
    result = run(*OPTIONS, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert why in line
