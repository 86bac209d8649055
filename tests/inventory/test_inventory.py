"""The inventory file: what it may say, and how it is told that it said something wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.backends import load_kinds
from gateway.errors import SettingsError
from gateway.inventory import ConsoleAddress, Inventory

SUBSCRIPTION = "0F6B0E4C-8B0E-4D7E-9A53-9B8E1C6D2A11"
OTHER = "11111111-2222-3333-4444-555555555555"
PIN = "ab" * 32
KINDS = load_kinds()


def resource_id(name: str, subscription: str = SUBSCRIPTION) -> str:
    return (
        f"/subscriptions/{subscription}/resourceGroups/shop/providers/Microsoft.Compute"
        f"/virtualMachines/{name}"
    )


def machine(name: str = "web01", console: str = "vnc://10.0.0.5:5901", **keys: str) -> str:
    lines = ["[[machine]]", f'resource_id = "{resource_id(name)}"', 'node = "AzS-ERCS01"']
    lines += [f'console = "{console}"'] + [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def console_of(text: str) -> ConsoleAddress:
    return Inventory.parse(text, KINDS).machines()[0].console


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web01.password").write_text("secret12\nsecond line\n")
    (tmp_path / "ca.pem").write_text("authorities")
    return tmp_path


def test_a_machine_is_read_whole(folder: Path) -> None:
    path = folder / "inventory.toml"
    path.write_text(
        machine(
            name="web01",
            os='"windows"',
            password_file='"web01.password"',
            ca_file='"ca.pem"',
            pin=f'"SHA256:{":".join(["AB"] * 32)}"',
            server_name='"hv1.example"',
            desktop_name='"QEMU (web01)"',
            guest_agent='"qga+unix:///run/web01.qga"',
            power='"qmp+unix:///run/web01.qmp"',
        )
    )
    (found,) = Inventory.load(path, KINDS).machines()
    assert found.vm.subscription_id == SUBSCRIPTION.lower()
    assert (found.vm.name, found.vm.os, found.vm.node) == ("web01", "windows", "AzS-ERCS01")
    assert found.guest_agent == "qga+unix:///run/web01.qga"
    assert found.power == "qmp+unix:///run/web01.qmp"
    assert found.console == ConsoleAddress(
        "vnc",
        host="10.0.0.5",
        port=5901,
        password="secret12",
        tls=True,
        ca_file=folder / "ca.pem",
        pin=PIN,
        server_name="hv1.example",
        desktop_name="QEMU (web01)",
    )


def test_machines_are_found_in_any_case() -> None:
    other = machine("db01", "demo:db01").replace(SUBSCRIPTION, OTHER)
    inventory = Inventory.parse(machine() + other, KINDS)
    web01, db01 = inventory.machines()
    assert inventory.get(resource_id("WEB01").upper()) is web01
    assert inventory.get(resource_id("web02")) is None
    assert inventory.get(resource_id("DB01").replace(SUBSCRIPTION, OTHER)) is db01


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("vnc://10.0.0.5:5901", "vnc://10.0.0.5:5901"),
        ("vnc://hv1.example", "vnc://hv1.example:5900"),
        ("vnc://HV1.Example.:5900", "vnc://hv1.example:5900"),
        ("vnc://[fd12::5]:5901", "vnc://[fd12::5]:5901"),
        ("vnc://[FD12:0:0:0::05]:5901", "vnc://[fd12::5]:5901"),
        ("vnc://localhost:5901", "vnc://localhost:5901"),
        ("vnc+unix:///run/vm/web01.sock", "vnc+unix:///run/vm/web01.sock"),
        ("demo:web01", "demo:web01"),
        ("demo://web01", "demo:web01"),
    ],
)
def test_consoles_are_understood(text: str, written: str) -> None:
    assert str(console_of(machine(console=text))) == written


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://10.0.0.5", "is none of"),
        ("10.0.0.5:5901", "is none of"),
        ("vnc://10.0.0.5:1", "display :1 is port 5901"),
        ("vnc://10.0.0.5:99999", "out of range"),
        ("vnc://10.0.0.5:5901/x", "must look like"),
        ("vnc://u:p@10.0.0.5:5901", "password_file"),
        ("vnc://10.0.0.5:5901?shared=1", "no ?"),
        ("vnc://169.254.169.254:5901", "link-local"),
        ("vnc://[fe80::1]:5901", "link-local"),
        ("vnc://[fd00:ec2::254]:5901", "metadata"),
        ("vnc://[::ffff:127.0.0.1]:5901", "write 127.0.0.1"),
        ("vnc://[::1%25eth0]:5901", "write ::1, without the interface"),
        ("vnc://[fd00::5%eth0]:5901", "write fd00::5, without the interface"),
        ("vnc://l[::1]ocalhost:5901", "must look like"),
        ("vnc://[::1]localhost:5901", "must look like"),
        ("vnc://10.0.0.5[::1]:5901", "must look like"),
        ("vnc://0.0.0.0:5901", "not the address of one host"),
        ("vnc://2852039166:5901", "neither a name nor a plain IP address"),
        ("vnc://0xa9fea9fe:5901", "neither a name nor a plain IP address"),
        ("vnc://169.254.43518:5901", "neither a name nor a plain IP address"),
        ("vnc://0251.0376.0251.0376:5901", "neither a name nor a plain IP address"),
        ("vnc://hv1_é.example:5901", "not a host name"),
        ("vnc+unix://run/web01.sock", "absolute path"),
        ("vnc+unix:///run/../web01.sock", "absolute path"),
        ("vnc+unix:///run/\u202eweb01.sock", "printable characters only"),
        (f"vnc+unix:///{'x' * 107}", "at most 107 bytes"),
        ("demo:../x", "must look like demo:web01"),
    ],
)
def test_consoles_that_cannot_be_are_refused(text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=r"machine 1 \(line 1, web01\): console: .*") as caught:
        Inventory.parse(machine(console=text), KINDS)
    assert why in str(caught.value)


@pytest.mark.parametrize("text", ["demo:web01", "demo://web01"])
def test_the_demos_agent_and_power_are_spelled_one_way(text: str) -> None:
    (found,) = Inventory.parse(
        machine(guest_agent=f'"{text}"', power=f'"{text}"'), KINDS
    ).machines()
    assert (found.guest_agent, found.power) == ("demo:web01", "demo:web01")


def test_a_machine_may_have_neither_agent_nor_power() -> None:
    (found,) = Inventory.parse(machine(), KINDS).machines()
    assert (found.guest_agent, found.power) == (None, None)


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("guest_agent", "unix:///run/a", r"'unix' is none of qga\+unix:///path, demo:name"),
        ("guest_agent", "qmp+unix:///run/a", r"'qmp\+unix' is none of"),
        ("guest_agent", "qga+unix://run/a", r"must look like qga\+unix:///run/vm/web01.sock"),
        ("guest_agent", "qga+unix:///run/../a", "absolute path"),
        ("guest_agent", f"qga+unix:///{'x' * 107}", "at most 107 bytes"),
        ("guest_agent", "qga+unix://10.0.0.1:9000/a", "absolute path"),
        ("guest_agent", "qga+unix:///run/a?b", r"no \? and no #"),
        ("guest_agent", "demo:../x", "must look like demo:web01"),
        ("power", "qga+unix:///run/a", r"'qga\+unix' is none of qmp\+unix:///path, demo:name"),
        ("power", "qmp+unix:run/a", r"must look like qmp\+unix:///run"),
        ("power", "tcp://127.0.0.1:4444", "'tcp' is none of"),
    ],
)
def test_agents_and_powers_that_cannot_be_are_refused(key: str, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=rf"machine 1 \(line 1, web01\): {key}: .*{why}"):
        Inventory.parse(machine(**{key: f'"{text}"'}), KINDS)


@pytest.mark.parametrize(
    ("key", "text", "how"),
    [
        ("guest_agent", "qga+unix:///run/a", "has the guest agent of"),
        ("power", "qmp+unix:///run/a", "has the power address of"),
    ],
)
def test_no_two_machines_share_an_agent_or_a_power(key: str, text: str, how: str) -> None:
    keys = {key: f'"{text}"'}
    with pytest.raises(SettingsError, match=rf"web02 {how} .*web01: .*:///run/a"):
        Inventory.parse(machine(**keys) + machine("web02", "demo:web02", **keys), KINDS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\nnonsense\n", "is not TOML: .*line 2"),
        ("machines = 1", "machines: unknown key"),
        ("[machine]\nnode = 'a'", "two brackets"),
        (machine() + machine("web02").replace("node", "nod"), r"machine 2 \(line 5, web02\): n"),
        (machine(colour='"red"'), "colour: unknown key; known are resource_id, name"),
        (machine(os='"beos"'), "os: Input should be 'linux' or 'windows'"),
        (machine().replace(SUBSCRIPTION, "shop"), "resource_id: must look like"),
        (machine() + machine(console="demo:x"), "has the resource id of"),
        (machine() + machine("web02"), "web02 has the console of .*web01"),
        (machine(pin='"abc"'), "pin: must be the SHA-256"),
        (machine(tls="false", pin=f'"{PIN}"'), "tls: false, though"),
        (machine(server_name='"a"'), "server_name: means nothing"),
        (machine(server_name='"a b"', tls="true"), "server_name: 'a b' is not a host name"),
        (machine(console="vnc+unix:///a", tls="true"), "server_name: a socket has no host name"),
        (
            machine(console="vnc+unix:///a", ca_file='"ca.pem"', pin=f'"{"a" * 64}"'),
            "server_name: a socket has no host name",
        ),
        (machine(ca_file='"missing.pem"'), "ca_file: .*missing.pem is not a file"),
        (machine(password_file='"missing"'), "password_file: cannot read .*No such file"),
        (machine(password_env='"EVA_NO_SUCH"'), "password_env: EVA_NO_SUCH is not set"),
        (machine(password_env='"A"', password='"x"'), "password: given beside password_env"),
        (machine(password='""'), "password: String should have at least 1"),
    ],
)
def test_mistakes_are_named(text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        Inventory.parse(text, KINDS)


def test_a_password_comes_from_a_file_or_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVA_TEST_PASSWORD", "from env")
    assert console_of(machine(password_env='"EVA_TEST_PASSWORD"')).password == "from env"
    from_file = machine(password_file=f'"{folder / "web01.password"}"')
    assert console_of(from_file).password == "secret12"


def test_a_password_in_the_inventory_needs_mode_0600(folder: Path) -> None:
    path = folder / "inventory.toml"
    path.write_text(machine(password='"hush"'))
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        Inventory.load(path, KINDS)
    path.chmod(0o600)
    assert Inventory.load(path, KINDS).machines()[0].console.password == "hush"


def test_secrets_show_in_no_text(folder: Path) -> None:
    found = Inventory.parse(machine(password='"hush"'), KINDS).machines()[0]
    assert "hush" not in f"{found} {found!r} {found.console}"
    with pytest.raises(SettingsError) as caught:
        Inventory.parse(machine(password='"hush\\u0000"'), KINDS)
    assert "hush" not in str(caught.value)


def test_a_refused_replacement_changes_nothing() -> None:
    inventory = Inventory.parse(machine(), KINDS)
    (web01,) = inventory.machines()
    with pytest.raises(SettingsError):
        inventory.replace([web01, web01])
    assert inventory.machines() == (web01,)
    inventory.replace([])
    assert inventory.machines() == ()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*none\.toml: No such file"):
        Inventory.load(tmp_path / "none.toml", KINDS)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        Inventory.load(tmp_path / "latin.toml", KINDS)
