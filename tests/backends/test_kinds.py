"""The kinds of consoles: what is built in, what a package adds, and how a broken one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.app import open_gateway
from gateway.backends import Backend, Backends, backends_of, load_kinds
from gateway.errors import SettingsError, UpstreamRefused
from gateway.inventory import ConsoleAddress, Inventory
from gateway.settings import Settings
from tests.backends.installing import Install, installer
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import Watching, ignore, machine_at

GOOD = """
from pydantic import SecretStr
from gateway.backends.upstream import shake_hands
from gateway.backends.tcp import Dialler
from gateway.policy.places import ConsolePlace, host_and_port

class Kind:
    schemes = ("fjord",)
    closed = 0

    def place(self, url):
        host, port = host_and_port(url, 7000, "fjord://host:7000/vm")
        return ConsolePlace(host=host, port=port, path=url.path)

    def read(self, table, console):
        if console.user is None:
            raise ValueError("user: the fjord wants one")
        return tuple(sorted((key, plain(value)) for key, value in table.items()))

    def backend(self):
        return Backend()

def plain(value):
    return value.get_secret_value() if isinstance(value, SecretStr) else value

class Backend:
    async def dial(self, target, progress):
        wire = await Dialler().open(target.console.host, target.console.port)
        return await shake_hands(wire, progress)

    async def close(self):
        Kind.closed += 1
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    return installer(tmp_path, monkeypatch)


def entry(console: str, *more: str) -> str:
    return "\n".join((
        "[[machine]]",
        'resource_id = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop'
        '/providers/Microsoft.Compute/virtualMachines/web01"',
        'node = "AzS-ERCS01"',
        f'console = "{console}"',
        *more,
    ))  # fmt: skip


def test_the_built_in_kinds_are_there() -> None:
    assert {"vnc", "vnc+unix", "demo"} <= load_kinds().keys()


def test_one_backend_serves_all_schemes_of_a_kind() -> None:
    made = backends_of(load_kinds())
    assert made["vnc"] is made["vnc+unix"]
    assert made["vnc"] is not made["demo"]


async def test_a_package_adds_a_kind(install: Install, tmp_path: Path) -> None:
    install(GOOD, module="fjord_one")
    (tmp_path / "token").write_text("hush\n")
    kinds = load_kinds()
    async with FakeRfbServer() as server:
        text = entry(
            f"fjord://LOCALHOST:{server.port}/vm",
            'user = "ada"',
            "[machine.fjord]",
            'colour = "red"',
            f'token = {{ file = "{tmp_path / "token"}" }}',
        )
        inventory = Inventory.parse(text, kinds)
        (machine,) = inventory.machines()
        assert str(machine.console) == f"fjord://localhost:{server.port}/vm"
        assert machine.console.options == (("colour", "red"), ("token", "hush"))
        settings = Settings(node="AzS-ERCS01", state_directory=tmp_path / "state")
        async with open_gateway(settings, inventory=inventory, kinds=kinds) as gateway:
            async with Watching(await gateway.registry._dial(machine, ignore)) as screen:
                await screen.until(lambda: screen.frames)
            assert kinds["fjord"].closed == 0
        assert kinds["fjord"].closed == 1


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((), r"machine 1 \(line 1, web01\): user: the fjord wants one"),
        (("[machine.vnc]",), "vnc: the console is no vnc one"),
        (("[machine.fjords]",), "fjords: unknown key"),
        (('user = "a"', "[machine.fjord]", 'a = { file = "none" }'), "fjord.a: cannot read"),
        (('user = "a"', "[machine.fjord.b]", 'c = { env = "NONE_SUCH" }'), "fjord.b.c: NONE_SUCH"),
    ],
)
def test_what_a_kind_refuses_is_told_as_the_rest_is(
    install: Install, lines: tuple[str, ...], why: str
) -> None:
    install(GOOD, module="fjord_two")
    with pytest.raises(SettingsError, match=why):
        Inventory.parse(entry("fjord://hv1.example/vm", *lines), load_kinds())


@pytest.mark.parametrize(
    ("code", "value", "why"),
    [
        ("1/0", "", r"'bad' of bad \(bad:Kind\) cannot be loaded: ZeroDivisionError"),
        ("import nothing_such", "", "'bad'.* cannot be loaded: ModuleNotFoundError"),
        ("", "", "'bad'.* cannot be loaded: AttributeError"),
        ("def Kind(): raise OSError('no')", "", "'bad'.* cannot be loaded: OSError: no"),
        ("class Kind: schemes = ('x',)", "", "'bad'.* is no kind: it lacks"),
        (GOOD.replace('("fjord",)', "()"), "", "'bad'.*: schemes must be"),
        (GOOD.replace('("fjord",)', "'fjord'"), "", "'bad'.*: schemes must be"),
        (GOOD.replace('("fjord",)', "('Fj ord',)"), "", "'bad'.*: 'Fj ord' is no scheme"),
        (GOOD.replace('("fjord",)', "('vnc',)"), "", "'bad'.*: vnc is dialled by another"),
    ],
)
def test_a_broken_package_is_named(install: Install, code: str, value: str, why: str) -> None:
    install(code, module="bad", value=value)
    with pytest.raises(SettingsError, match=why):
        load_kinds()


def test_a_kind_whose_backend_cannot_be_made_is_named(install: Install) -> None:
    install(GOOD.replace("return Backend()", "raise OSError('no engine')"), module="fjord_three")
    with pytest.raises(SettingsError, match="backend for fjord cannot be made: OSError: no engine"):
        backends_of(load_kinds())


async def test_a_demo_console_outside_the_demo_says_so() -> None:
    backends: dict[str, Backend] = backends_of(load_kinds())
    with pytest.raises(UpstreamRefused, match="in the demo alone"):
        await Backends(backends).dial(machine_at(ConsoleAddress("demo", name="web01")), ignore)
