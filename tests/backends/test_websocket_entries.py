"""Inventory entries of consoles behind an API: mistakes are named, one console has one name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.errors import SettingsError
from tests.doubles.apidouble import Screen
from tests.doubles.apiworld import World
from tests.doubles.authority import Authority
from tests.doubles.rfbserver import FakeRfbServer


@pytest.mark.parametrize(
    ("kind", "keys", "why"),
    [
        ("wss", {"console": "wss://127.0.0.1:0/"}, "console: wants a port"),
        ("wss", {"console": "wss://169.254.169.254/"}, "console: .*link-local"),
        ("wss", {"console": "wss://a.example/b c"}, "console: the path may hold printable"),
        ("wss", {"console": "wss://u:p@a.example/"}, "console: has a user or password"),
        ("wss", {"console": "wss://a.example/#t"}, "console: .*no #"),
        ("wss", {"tls": "false", "ca_file": ""}, "tls: false, though wss is never without"),
        ("wss", {"user": '"a"'}, "user: wss knows no accounts"),
        ("wss", {"table": "[machine.wss]\ncolour = 1"}, "wss.colour: unknown key; known are subp"),
        ("wss", {"table": "[machine.wss]\nsubprotocol = 'a b'"}, "wss.subprotocol: is no"),
        ("wss", {"table": "[machine.wss.headers]\nHost = 'a'"}, "wss.headers.Host: is not a"),
        ("wss", {"table": "[machine.wss.headers]\nCookie = 'a'"}, "wss.headers.Cookie: is a s"),
        ("wss", {"table": "[machine.wss.headers]\nX-A = 'é'"}, "wss.headers.X-A: .*ASCII"),
        ("wss", {"table": "[machine.wss.headers]\nX-A.env = 'NONE_SUCH'"}, "NONE_SUCH is not set"),
        ("proxmox", {"console": "proxmox://127.0.0.1:1/pve1"}, "console: must look like proxmox"),
        ("proxmox", {"console": "proxmox://127.0.0.1:1/p/../100"}, "console: must look like"),
        ("proxmox", {"console": "proxmox://127.0.0.1:1/p/100?a"}, "console: .*no \\?"),
        ("proxmox", {"user": ""}, "user: must look like eva@pve!console"),
        ("proxmox", {"user": "'eva'"}, "user: must look like eva@pve!console"),
        ("proxmox", {"password_file": ""}, "password_file: missing; it must hold the API token"),
        ("proxmox", {"table": "[machine.proxmox]\na = 1"}, "proxmox.a: .*known are none"),
        ("kubevirt", {"console": "kubevirt://a.example/Shop/web01"}, "console: must look like"),
        ("kubevirt", {"password_file": ""}, "password_file: missing; it must hold the bearer"),
        ("kubevirt", {"table": "[machine.kubevirt]\nprefix = 'x'"}, "kubevirt.prefix: must look"),
        ("kubevirt", {"table": "[machine.kubevirt]\ntoken_file = '/a'"}, "given beside the pass"),
        (
            "kubevirt",
            {"password_file": "", "table": "[machine.kubevirt]\ntoken_file = 'a'"},
            "kubevirt.token_file: must be an absolute path",
        ),
        ("openstack", {"console": "openstack://a.example/web01"}, "console: must look like"),
        ("openstack", {"user": ""}, "user: missing"),
        ("openstack", {"table": ""}, "openstack.project: names the user's project"),
        (
            "openstack",
            {"table": "[machine.openstack]\ninterface = 'x'\nproject = 'a'"},
            "openstack.interface: Input should be",
        ),
        ("xenserver", {"console": "xenserver://a.example/web01"}, "console: must look like"),
        ("xenserver", {"user": ""}, "user: missing"),
        ("xenserver", {"password_file": ""}, "password_file: missing"),
        (
            "xenserver",
            {"table": "[machine.xenserver.pins]\n'hv2.example' = 'ab'"},
            "xenserver.pins.hv2.example: must be the SHA-256 fingerprint",
        ),
        (
            "xenserver",
            {"table": f"[machine.xenserver.pins]\n'169.254.0.1' = '{'ab' * 32}'"},
            "xenserver.pins.169.254.0.1: .*link-local",
        ),
    ],
)  # fmt: skip
def test_mistakes_in_the_inventory_are_named(
    tmp_path: Path, kind: str, keys: dict[str, str], why: str
) -> None:
    world = World(kind, Screen(port=1), FakeRfbServer(), Authority(tmp_path), tmp_path)
    with pytest.raises(SettingsError, match=why):
        world.machine(port=443, **keys)


@pytest.mark.parametrize(
    ("kind", "one", "another"),
    [
        ("wss", "wss://HV1.example/a", "wss://hv1.example:443/a"),
        ("proxmox", "proxmox://HV1.example/p/100", "proxmox://hv1.example:8006/p/100"),
        ("kubevirt", "kubevirt://a.example/b/c", "kubevirt://A.example:6443/b/c"),
        (
            "openstack",
            "openstack://a.example/B16BA811-199D-4FFD-8839-BA96C1185A67",
            "openstack://a.example:5000/b16ba811-199d-4ffd-8839-ba96c1185a67",
        ),
        (
            "xenserver",
            "xenserver://a.example/B16BA811-199D-4FFD-8839-BA96C1185A67",
            "xenserver://A.example:443/b16ba811-199d-4ffd-8839-ba96c1185a67",
        ),
    ],
)
def test_a_console_has_one_spelling(tmp_path: Path, kind: str, one: str, another: str) -> None:
    world = World(kind, Screen(port=1), FakeRfbServer(), Authority(tmp_path), tmp_path)
    found = [str(world.machine(port=1, console=text).console) for text in (one, another)]
    assert found == [another.lower()] * 2
    assert urlsplit(found[0]).scheme == kind
