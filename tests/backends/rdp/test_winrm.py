"""A Hyper-V VM's power over WinRM, against a double of the host's listener."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web

from gateway.backends import Backends, backends_of, load_kinds
from gateway.backends.rdp import RdpKind
from gateway.backends.rdp.backend import RdpBackend
from gateway.backends.tcp import Address
from gateway.errors import AccountRefused, UpstreamError, UpstreamRefused, UpstreamUnreachable
from gateway.inventory import Inventory, Machine
from gateway.policy.facts import Power
from tests.doubles.authority import Authority
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.winrm import WinrmDouble

VM = "efd1efab-c750-4262-b1bb-af0f7733bdd6"
OTHER = "c824f53e-95d2-46c6-9a18-23a5bb403532"
PASSWORD = "host-password-canary"
KINDS = load_kinds()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def host(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WinrmDouble]:
    (tmp_path / "accounts").write_text(f"HV1:eva:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(tmp_path / "accounts"))
    async with WinrmDouble(authority, VM) as double:
        yield double


def machine(
    port: int,
    authority: Authority,
    *,
    vm: str = VM,
    password: str = PASSWORD,
    certificate: str = "",
    winrm: str | None = None,
) -> Machine:
    """The console's certificate is another than WinRM's, as it is at a real host."""
    if winrm is None:
        winrm = f'winrm = {{ port = {port}, pin = "SHA256:{authority.pin.upper()}" }}'
    where = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop"
    text = f"""
        [[machine]]
        resource_id = "{where}/providers/Microsoft.Compute/virtualMachines/web01"
        node = "AzS-ERCS01"
        console = "hyperv://127.0.0.1/{vm}"
        user = 'HV1\\eva'
        password = "{password}"
        {certificate or f'pin = "{"ab" * 32}"'}
        [machine.hyperv]
        {winrm.replace("PORT", str(port))}
    """
    return Inventory.parse(text, KINDS).machines()[0]


async def ask(vm: Machine, backend: RdpBackend | None = None) -> Power:
    async with asyncio.timeout(30):
        return await (backend or RdpBackend()).power(vm)


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("2", Power.RUNNING), ("3", Power.OFF), ("6", Power.OFF), ("32769", Power.OFF),
        ("9", Power.PAUSED), ("32768", Power.PAUSED), ("10", Power.UNKNOWN), ("4", Power.UNKNOWN),
        ("", Power.UNKNOWN), ("two", Power.UNKNOWN),
    ],
)  # fmt: skip
async def test_the_host_tells_the_power(
    host: WinrmDouble, authority: Authority, state: str, power: Power
) -> None:
    host.state = state
    vm = machine(host.port, authority)
    assert await ask(vm) is power
    assert await Backends(backends_of(KINDS)).power(vm) is power
    assert host.signed_in == ["HV1\\eva"] * 2


async def test_a_wrong_password_is_refused_and_not_tried_again(
    host: WinrmDouble, authority: Authority
) -> None:
    """Hosts lock accounts that fail too often."""
    vm = machine(host.port, authority, password="wrong-canary")
    with pytest.raises(AccountRefused, match="refused the account or its password") as caught:
        await ask(vm)
    assert "canary" not in str(caught.value)
    assert host.signed_in == []
    host.asked.clear()
    dialler = Backends(backends_of(KINDS))
    for _ in range(3):
        assert await dialler.power(vm) is Power.UNKNOWN
    assert len(host.asked) == 3, "one sign-in has three legs"


async def test_the_sign_in_is_bound_to_the_certificate(
    host: WinrmDouble, authority: Authority, tmp_path: Path
) -> None:
    """RFC 5929: who passes our tokens on to a host with another certificate gets nowhere."""
    host._binding.application_data = b"tls-server-end-point:" + bytes(32)
    with pytest.raises(UpstreamRefused, match="refused the account"):
        await ask(machine(host.port, authority))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"allowed": False}, "may not ask for the VM's power"),
        ({"forbidden": True}, "may not ask for the VM's power"),
        ({"machine": OTHER.upper()}, "knows no VM of this id, or may not tell"),
        ({"name": OTHER}, "answered something else"),
        ({"schemes": ("Kerberos",)}, "offers no NTLM sign-in"),
        ({"challenge": "Negotiate"}, "offers no NTLM sign-in"),
        ({"challenge": "Negotiate A"}, "offers no NTLM sign-in"),
        ({"challenge": "Negotiate AAAA"}, "makes no sense"),
        ({"challenge": "Negotiate TlRMTVNTUAACAAAA"}, "makes no sense"),
        ({"hangs_up": True}, "refused the account"),
        ({"redirect": "https://elsewhere.example/"}, "never followed"),
    ],
)
async def test_the_host_refuses(
    host: WinrmDouble, authority: Authority, change: dict[str, object], why: str
) -> None:
    vars(host).update(change)
    with pytest.raises(UpstreamRefused, match=why) as caught:
        await ask(machine(host.port, authority))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"nonsense", b"\xff\xfe<", b"<a/>", b"<a>" * 300_000, b" " * 2**21,
        b'<!DOCTYPE a [<!ENTITY b "cccccccc">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b "cccccccc">]><a>&b;</a>'.encode("utf-16"),
    ],
)  # fmt: skip
async def test_an_answer_that_makes_no_sense_is_refused(
    host: WinrmDouble, authority: Authority, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_get", lambda _question: _response(answer))
    with pytest.raises(UpstreamError, match=r"makes no sense|something else|longer than"):
        await ask(machine(host.port, authority))


def _response(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/soap+xml")


async def test_no_entity_is_ever_resolved(
    host: WinrmDouble, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = host._get

    def with_entity(question: bytes) -> web.Response:
        text = answered(question).text or ""
        return _response(
            ('<!DOCTYPE a [<!ENTITY two "2">]>' + text.replace(">2<", ">&two;<")).encode()
        )

    monkeypatch.setattr(host, "_get", with_entity)
    with pytest.raises(UpstreamRefused, match="makes no sense"):
        await ask(machine(host.port, authority))


async def test_the_certificate_is_the_entrys_or_nobody_is_asked(
    host: WinrmDouble, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    ours, wrong = f'ca_file = "{authority.ca_file}"', f'ca_file = "{other.ca_file}"'
    for certificate, winrm in (
        ("", "winrm = { port = PORT }"),  # the console's own pin
        ("", f'winrm = {{ port = PORT, pin = "{other.pin}" }}'),
        (wrong, "winrm = { port = PORT }"),
        (wrong, f'winrm = {{ port = PORT, pin = "{authority.pin}" }}'),
        (ours, f'winrm = {{ port = PORT, pin = "{other.pin}" }}'),
    ):
        with pytest.raises(UpstreamRefused, match="certificate"):
            await ask(machine(host.port, authority, certificate=certificate, winrm=winrm))
    assert host.asked == [], "not a question before the certificate was judged"
    for certificate, winrm in (
        (ours, "winrm = { port = PORT }"),
        (ours, f'winrm = {{ port = PORT, pin = "{authority.pin}" }}'),
        (f'pin = "{authority.pin}"', "winrm = { port = PORT }"),
    ):
        vm = machine(host.port, authority, certificate=certificate, winrm=winrm)
        assert await ask(vm) is Power.RUNNING


async def test_an_entry_without_winrm_asks_nobody(host: WinrmDouble, authority: Authority) -> None:
    vm = machine(host.port, authority, winrm="")
    with pytest.raises(UpstreamError, match="names no WinRM"):
        await ask(vm)
    assert await Backends(backends_of(KINDS)).power(vm) is Power.UNKNOWN


async def test_a_name_that_leads_elsewhere_is_never_asked(
    host: WinrmDouble, authority: Authority
) -> None:
    async def resolve(_host: str) -> list[Address]:
        return [ip_address("169.254.169.254")]

    with pytest.raises(UpstreamRefused, match="link-local"):
        await ask(machine(host.port, authority), RdpBackend(resolve))


async def test_no_secret_shows_in_a_log(
    host: WinrmDouble, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    for talkative in (None, "spnego", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=talkative)
    vm = machine(host.port, authority)
    await ask(vm)
    host.allowed = False
    with pytest.raises(UpstreamRefused):
        await ask(vm)
    logged = caplog.text + repr([record.args for record in caplog.records]) + repr(vm) + str(vm)
    assert "canary" not in logged


async def test_a_cancelled_question_leaves_no_connection(
    host: WinrmDouble, authority: Authority
) -> None:
    async with FaultProxy("127.0.0.1", host.port) as proxy:
        vm = machine(proxy.port, authority)
        for limit in range(0, 6000, 500):  # bytes that come before the silence
            proxy.towards_client.held = False
            reached = proxy.towards_client.passed + limit
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(_give_up_quietly(vm))
                async with asyncio.timeout(30):
                    while proxy.towards_client.passed < reached and not asking.done():
                        await asyncio.sleep(0.001)
                proxy.towards_client.held = True
                asking.cancel()
            proxy.heal()
            async with asyncio.timeout(30):
                while proxy.live:
                    await asyncio.sleep(0.01)


async def _give_up_quietly(vm: Machine) -> None:
    with contextlib.suppress(UpstreamError):
        await ask(vm)


async def test_nobody_there(host: WinrmDouble, authority: Authority) -> None:
    vm = machine(host.port, authority)
    await host.__aexit__(None, None, None)
    with pytest.raises(UpstreamUnreachable):
        await ask(vm)
    await host.__aenter__()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("winrm = true", "hyperv.winrm"),
        ("winrm = { port = 0 }", "hyperv.winrm.port"),
        ('winrm = { pin = "ab" }', "hyperv.winrm.pin: .*64 hex digits"),
        ('winrm = { user = "x" }', "hyperv.winrm.user: unknown key"),
    ],
)
def test_mistakes_are_named(authority: Authority, table: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        machine(1, authority, winrm=table)


def test_it_says_what_to_install(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.backends.winrm.find_spec", lambda _name: None)
    with pytest.raises(Exception, match=r"pip install eva-gateway\[winrm\]"):
        machine(1, authority)
    assert RdpKind().schemes == ("hyperv", "rdp")
