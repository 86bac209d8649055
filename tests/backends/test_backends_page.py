"""docs/backends.md says what is so: its inventory examples are read, its kind is installed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from gateway.backends import Backends, backends_of, load_kinds
from gateway.errors import MachineOff
from gateway.inventory import Inventory
from tests.backends.installing import installer
from tests.conformance.suite import machine, run_suite
from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import Watching, ignore

PAGE = (Path(__file__).parent.parent.parent / "docs" / "backends.md").read_text()
SECRET = "the-fjords-key-canary"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def examples() -> list[str]:
    return [block for block in blocks("toml") if block.startswith("[[machine]]")]


def kind_of(example: str) -> str:
    return re.findall(r'console = "([a-z+]+):', example)[0]


@pytest.mark.parametrize("example", examples(), ids=kind_of)
def test_an_example_of_the_inventory_is_read(example: str, tmp_path: Path) -> None:
    Authority(tmp_path)
    (tmp_path / "ca-cert.pem").rename(tmp_path / "ca.pem")
    for name in re.findall(r'file = "([\w.]+)"', example):
        if not (tmp_path / name).exists():
            (tmp_path / name).write_text(SECRET)
    (tmp_path / "inventory.toml").write_text(example)
    (machine,) = Inventory.load(tmp_path / "inventory.toml", load_kinds()).machines()
    assert SECRET not in f"{machine}{machine.console}"
    # What the example says is its kind's default stays so.
    known = tomllib.loads(example)["machine"][0].get(machine.console.scheme, {})
    assert known.get("preserve_session", True) is True


def test_every_kind_has_an_example_or_is_the_demo() -> None:
    told = {kind_of(example) for example in examples()}
    assert {"vnc", "wss", "proxmox", "kubevirt", "openstack"} <= told
    for scheme in ("vnc+unix", "demo"):
        assert scheme in PAGE


class FjordDouble(ApiDouble):
    """The API that the page's example asks."""

    on = True

    async def reply(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/tenants/north/vms/web01/console"
        if request.headers.get("X-Key") != SECRET:
            return web.Response(status=401)
        if not self.on:
            return web.Response(status=409)
        return web.json_response({"port": self.screen.port, "password": "hushhush"})


async def test_the_pages_kind_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install: Callable[..., None] = installer(tmp_path, monkeypatch)
    (code,) = blocks("python")
    point = re.findall(r'fjord = "(.*)"', PAGE)[0]
    install(code, module="eva_fjord", value=point)
    kinds = load_kinds()
    authority = Authority(tmp_path / "tls")
    (tmp_path / "key").write_text(SECRET)
    async with (
        FakeRfbServer(password="hushhush") as server,
        FjordDouble(authority, Screen(port=server.port)) as api,
    ):
        text = f"""
            [[machine]]
            resource_id = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/a\
/providers/Microsoft.Compute/virtualMachines/web01"
            node = "AzS-ERCS01"
            console = "fjord://127.0.0.1:{api.port}/web01"
            password_file = "{tmp_path / "key"}"
            ca_file = "{authority.ca_file}"
            [machine.fjord]
            tenant = "north"
        """
        (machine,) = Inventory.parse(text, kinds).machines()
        dialler = Backends(backends_of(kinds))
        async with Watching(await dialler.dial(machine, ignore)) as screen:
            await screen.until(lambda: screen.frames)
        api.on = False
        with pytest.raises(MachineOff):
            await dialler.dial(machine, ignore)


async def test_the_pages_kind_conforms_as_far_as_words_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install: Callable[..., None] = installer(tmp_path, monkeypatch)
    (code,) = blocks("python")
    install(code, module="eva_fjord", value=re.findall(r'fjord = "(.*)"', PAGE)[0])
    entry = machine(
        "web01", "fjord://api.fjord.example/web01", f'password = "{SECRET}"',
        "[machine.fjord]", 'tenant = "north"',
    )  # fmt: skip
    report = await run_suite(tmp_path, entry, "-k", "test_kind", path=[tmp_path])
    assert report.status == 0, report
    assert 7 <= len(report.passed) and not report.skipped
