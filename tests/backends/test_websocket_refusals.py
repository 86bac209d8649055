"""What each hypervisor's API may answer instead of a screen, and where it may not send us."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from gateway.backends import Backends
from gateway.backends.openstack import OpenstackBackend
from gateway.backends.proxmox import ProxmoxBackend
from gateway.backends.site import Site
from gateway.backends.tcp import Address, Dialler
from gateway.backends.wss import WssBackend
from gateway.errors import MachineOff, UpstreamError, UpstreamRefused, UpstreamTaken
from tests.doubles import proxmox
from tests.doubles.apiworld import World, backends, refusal, world_of
from tests.doubles.watching import ignore


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("wss", "refused the credentials (403)"),
        ("proxmox", "Proxmox refused the API token"),
        ("proxmox-user", "Proxmox refused the user or the password"),
        ("kubevirt", "Kubernetes refused the token"),
        ("openstack", "Keystone refused the user, the password or the project"),
        ("openstack-credential", "Keystone refused"),
        ("xenserver", "XAPI refused the user or the password"),
    ],
)
async def test_the_wrong_secret_is_refused(tmp_path: Path, kind: str, why: str) -> None:
    async with world_of(kind, tmp_path) as world:
        (tmp_path / "wrong").write_text("wrong")
        if kind == "wss":
            table = f'[machine.wss]\nheaders.X-Key.file = "{tmp_path / "wrong"}"'
            machine = world.machine(table=table)
        else:
            machine = world.machine(password_file=f'"{tmp_path / "wrong"}"')
        error = await refusal(machine)
        assert isinstance(error, UpstreamRefused)
        assert why in str(error)
        assert world.api.opened == 0


@pytest.mark.parametrize(
    ("console", "change", "kind", "why"),
    [
        ("proxmox://127.0.0.1:PORT/pve1/999", {}, UpstreamRefused, "no such VM on that node"),
        ("proxmox://127.0.0.1:PORT/pve9/100", {}, UpstreamRefused, "no such node"),
        ("", {"allowed": False}, UpstreamRefused, "needs VM.Console"),
        ("", {"on": False}, MachineOff, "turned off"),
    ],
)
async def test_proxmox_refuses(
    pve: World, console: str, change: dict[str, Any], kind: type[Exception], why: str
) -> None:
    vars(pve.api).update(change)
    error = await refusal(pve.machine(**({"console": console} if console else {})))
    assert type(error) is kind
    assert why in str(error)


async def test_proxmox_wants_a_second_factor_that_nobody_has(tmp_path: Path) -> None:
    async with world_of("proxmox-user", tmp_path) as world:
        world.api.second_factor = True
        assert "give an API token instead" in str(await refusal(world.machine()))


@pytest.mark.parametrize(
    ("console", "change", "kind", "why"),
    [
        ("kubevirt://127.0.0.1:PORT/shop/web09", {}, UpstreamRefused, "knows no VM of that name"),
        ("", {"allowed": False}, UpstreamRefused, "virtualmachineinstances/vnc"),
        ("", {"phase": None}, MachineOff, "not running"),
        ("", {"phase": "Scheduling"}, MachineOff, "not running"),
        ("", {"phase": None, "may_look": False}, UpstreamRefused, "whether there is one"),
        ("", {"in_use": True}, UpstreamTaken, "another VNC client"),
    ],
)
async def test_kubevirt_refuses(
    kube: World, console: str, change: dict[str, Any], kind: type[Exception], why: str
) -> None:
    vars(kube.api).update(change)
    error = await refusal(kube.machine(**({"console": console} if console else {})))
    assert type(error) is kind
    assert why in str(error)


async def test_another_clients_session_is_kept_unless_the_entry_says_otherwise(kube: World) -> None:
    kube.api.in_use = True
    machine = kube.machine(table="[machine.kubevirt]\npreserve_session = false")
    await (await backends().dial(machine, ignore)).close()
    assert kube.api.kept == "false"


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        ({"allowed": False}, UpstreamRefused, "may not open this VM's console"),
        ({"status": "SHUTOFF"}, MachineOff, "turned off"),
        ({"status": "BUILD"}, UpstreamError, "not ready"),
        ({"compute_url": "http://127.0.0.1:PORT/v2.1"}, UpstreamRefused, "endpoint is without TLS"),
        ({"console_url": "http://127.0.0.1:PORT/x"}, UpstreamRefused, "address is without TLS"),
        ({"console_url": "https://u:p@127.0.0.1:PORT/x"}, UpstreamRefused, "may not be dialled"),
        ({"console_url": "nonsense"}, UpstreamRefused, "may not be dialled"),
    ],
)
async def test_openstack_refuses(
    cloud: World, change: dict[str, str], kind: type[Exception], why: str
) -> None:
    for key, value in change.items():
        told = value.replace("PORT", str(cloud.api.port)) if isinstance(value, str) else value
        setattr(cloud.api, key, told)
    error = await refusal(cloud.machine())
    assert type(error) is kind
    assert why in str(error)


async def test_openstack_knows_no_such_server(cloud: World) -> None:
    unknown = "openstack://127.0.0.1:PORT/00000000-0000-4000-8000-000000000000"
    assert "no such VM" in str(await refusal(cloud.machine(console=unknown)))


async def test_the_catalogue_may_lack_what_is_asked_for(cloud: World) -> None:
    table = '[machine.openstack]\nidentity_path = "/identity/v3"\nproject = "shop"\nregion = "mars"'
    assert "no such compute endpoint" in str(await refusal(cloud.machine(table=table)))


async def test_a_console_token_that_nova_forgot(cloud: World) -> None:
    cloud.api.console_tokens = _Forgetful()
    assert "closed the connection during the handshake" in str(await refusal(cloud.machine()))


class _Forgetful(list[str]):
    def __contains__(self, _: object) -> bool:
        return False


@pytest.mark.parametrize(
    "garbage",
    [b"", b"nonsense", b"[" * 100_000, b"[]", b'{"data": []}', b'{"token": {"catalog": [1, {}]}}',
     b'{"data": {"ticket": "a\\r\\nX: y", "port": 5900}}', b'{"data": {"ticket": "x", "port": 22}}',
     b'{"data": {"ticket": "x", "port": "' + b"9" * 5000 + b'"}}', b" " * (2 * 1024 * 1024),
     b'{"result": "OpaqueRef:a\\r\\nX: y"}', b'{"result": "OpaqueRef:a"}',
     b'{"error": {"code": 1, "message": "a\\u001b[2J", "data": 1}}',
     b'{"error": {"code": 1, "message": "HOST_IS_SLAVE", "data": [["a"]]}}'],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["proxmox", "proxmox-user", "openstack", "xenserver"])
async def test_an_api_that_says_nonsense_is_refused(
    tmp_path: Path, kind: str, garbage: bytes
) -> None:
    async with world_of(kind, tmp_path) as world:
        world.api.garbage = garbage
        error = await refusal(world.machine())
        assert isinstance(error, UpstreamError)
        assert ("is longer than 1048576 bytes" in str(error)) == (2**20 < len(garbage))
        assert world.api.opened == 0


# SECURITY.md E6: addresses


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe",
     "100.100.100.200", "0.0.0.0"],
)  # fmt: skip
@pytest.mark.parametrize("which", ["compute_url", "console_url"])
async def test_an_address_that_is_handed_out_is_judged(cloud: World, host: str, which: str) -> None:
    setattr(cloud.api, which, f"https://{host}/v2.1")
    error = await refusal(cloud.machine())
    assert isinstance(error, UpstreamRefused)
    assert "may not be dialled" in str(error)
    assert cloud.api.opened == 0


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["10.0.0.5", "169.254.169.254"], ["::1"]])
async def test_a_name_that_leads_elsewhere_is_never_dialled(
    tmp_path: Path, answers: list[str]
) -> None:
    async def resolve(host: str) -> list[Address]:
        return [ip_address(answer) for answer in answers]

    async with world_of("wss", tmp_path) as world:
        dialler = Backends({"wss": WssBackend(resolve)})
        machine = world.machine(console="wss://hv1.example:PORT/vnc/web01")
        with pytest.raises(UpstreamRefused, match="not allowed"):
            await dialler.dial(machine, ignore)
        assert world.api.asked == []


async def test_a_handed_out_name_that_leads_to_metadata_is_never_dialled(cloud: World) -> None:
    async def resolve(host: str) -> list[Address]:
        return [ip_address("169.254.169.254" if host == "nova.example" else host)]

    cloud.api.console_url = "https://nova.example:6080/vnc_lite.html"
    dialler = Backends({"openstack": OpenstackBackend(resolve)})
    with pytest.raises(UpstreamRefused, match="link-local"):
        await dialler.dial(cloud.machine(), ignore)


async def test_names_are_resolved_once_for_api_and_screen(tmp_path: Path) -> None:
    """The second answer would lead elsewhere: nobody asks for it."""
    asked: list[str] = []

    async def turncoat(host: str) -> list[Address]:
        asked.append(host)
        return [ip_address("127.0.0.2" if len(asked) == 1 else "169.254.169.254")]

    # Where the system's own look-up would not lead.
    async with world_of("proxmox", tmp_path, address="127.0.0.2") as world:
        where = f"proxmox://localhost:PORT/{proxmox.NODE}/{proxmox.VMID}"
        dialler = Backends({"proxmox": ProxmoxBackend(turncoat)})
        await (await dialler.dial(world.machine(console=where), ignore)).close()
        assert asked == ["localhost"]


async def test_a_host_that_is_handed_out_is_this_machine_only_if_the_inventory_is() -> None:
    context = ssl.create_default_context()
    for loopback, why in ((False, "this machine, though"), (True, None)):
        site = Site("hv1.example", 443, (), context, "hv1.example", None, loopback)
        if why is None:
            other = await site.elsewhere(Dialler(), "127.0.0.1", 443)
            assert (other.host, other.server_name) == ("127.0.0.1", "127.0.0.1")
            continue
        with pytest.raises(UpstreamRefused, match=why):
            await site.elsewhere(Dialler(), "127.0.0.1", 443)
