"""What an inventory may say of libvirt's VMs, what their XML may, and what errors are called."""

from __future__ import annotations

import errno
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.libvirt import LibvirtBackend
from gateway.backends.libvirt.asking import _checked
from gateway.backends.libvirt.child.domain import UnreadableError, read_domain
from gateway.backends.libvirt.verdicts import error_of
from gateway.backends.site import Site
from gateway.backends.tls import context_for
from gateway.errors import (
    MachineOff,
    SettingsError,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from gateway.inventory import ConsoleAddress, Inventory
from tests.backends.libvirt.libvirtd import KINDS, machine

VM = "b16ba811-199d-4ffd-8839-ba96c1185a67"
HERE = f"libvirt:///system/{VM}"
THERE = f"libvirt://hv1.example/system/{VM}"
CERTIFICATE = {"certificate_file": "/etc/c.pem", "key_file": "/etc/k.pem"}


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        (HERE, HERE),
        (f"libvirt:///system/{VM.upper()}", HERE),
        (f"libvirt:///session/{VM}", f"libvirt:///session/{VM}"),
        (THERE, f"libvirt://hv1.example:16514/system/{VM}"),
        (f"libvirt://HV1.example:16514/System/{VM}", f"libvirt://hv1.example:16514/system/{VM}"),
        (f"libvirt://[2001:db8::7]:99/system/{VM}", f"libvirt://[2001:db8::7]:99/system/{VM}"),
    ],
)
def test_one_vm_has_one_spelling(written: str, spelt: str) -> None:
    assert str(machine(written, {}, {}).console) == spelt


def test_two_entries_of_one_vm_are_refused() -> None:
    entry = (
        '[[machine]]\nresource_id = "/subscriptions/0f6b0e4c-8b0e-4d7e-9a53-9b8e1c6d2a11/'
        'resourceGroups/a/providers/Microsoft.Compute/virtualMachines/{name}"\n'
        'node = "AzS-ERCS01"\nconsole = "{console}"\n'
    )
    other = f"libvirt://HV1.example:16514/system/{VM.upper()}"
    text = entry.format(name="a", console=THERE) + entry.format(name="b", console=other)
    with pytest.raises(SettingsError, match="has the console of"):
        Inventory.parse(text, KINDS)


@pytest.mark.parametrize(
    ("console", "settled", "more", "why"),
    [
        (f"libvirt:///{VM}", {}, {}, "must look like"),
        ("libvirt:///system/web01", {}, {}, "must look like"),
        (f"libvirt:///system/{VM}/x", {}, {}, "must look like"),
        (f"libvirt:///embed/{VM}", {}, {}, "must look like"),
        (f"{HERE}?socket=/x", {}, {}, "ends after the address"),
        (f"libvirt://root@hv1/system/{VM}", {}, {}, "user or password"),
        (f"libvirt://169.254.169.254/system/{VM}", {}, {}, "link-local"),
        (f"libvirt://2852039166/system/{VM}", {}, {}, "neither a name"),
        (f"libvirt://:16514/system/{VM}", {}, {}, "must look like"),
        (HERE, {}, {"user": "root"}, "knows no accounts"),
        (HERE, {}, {"password": "hush"}, "without it"),
        (HERE, {}, {"pin": "0" * 64}, "needs none"),
        (HERE, CERTIFICATE, {}, "asks for none"),
        (HERE, {"plain_vnc": True}, {}, "hands the console over"),
        (HERE, {"socket": "libvirt-sock"}, {}, "absolute path"),
        (HERE, {"socket": "/" + "x" * 107}, {}, "at most 107 bytes"),
        (HERE, {"sock": "/run/x"}, {}, "unknown key"),
        (THERE, {"socket": "/run/x"}, {}, "this machine's own"),
        (THERE, {"certificate_file": "/etc/c.pem"}, {}, "belong together"),
        (THERE, {**CERTIFICATE, "key_file": "k.pem"}, {}, "absolute path"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    console: str, settled: dict[str, Any], more: dict[str, str], why: str
) -> None:
    with pytest.raises(SettingsError, match=why) as caught:
        machine(console, settled, more)
    assert "hush" not in str(caught.value)


def domain(devices: str, metadata: str = "") -> str:
    return f"<domain><metadata>{metadata}</metadata><devices>{devices}</devices></domain>"


def test_the_vnc_server_is_found_among_others() -> None:
    found = read_domain(
        domain(
            '<graphics type="spice" port="5901" passwd="spicy"/>'
            '<graphics type="vnc" port="5902" passwd="hush" listen="10.0.0.5">'
            '<listen type="address" address="10.0.0.6"/></graphics>'
        )
    ).vnc()
    assert found == (1, "vnc", "10.0.0.5", 5902, "hush")


@pytest.mark.parametrize(
    ("graphics", "listen", "port"),
    [
        ('<graphics type="vnc" port="5900"/>', None, 5900),
        ('<graphics type="vnc" port="-1" autoport="yes"/>', None, None),
        ('<graphics type="vnc" port="65536"/>', None, None),
        ('<graphics type="vnc" port="٣"/>', None, None),
        ('<graphics type="vnc" socket="/run/x"/>', None, None),
        (
            '<graphics type="vnc" port="1"><listen type="network" address="10.0.0.7"/></graphics>',
            "10.0.0.7",
            1,
        ),
        ('<graphics type="vnc"><listen type="socket" socket="/run/x"/></graphics>', None, None),
    ],
)
def test_where_it_listens(graphics: str, listen: str | None, port: int | None) -> None:
    found = read_domain(domain(graphics)).vnc()
    assert found is not None
    assert (found.listen, found.port) == (listen, port)


def test_who_made_the_vm_may_have_said_what_runs_in_it() -> None:
    told = '<l:libosinfo xmlns:l="x"><l:os id="http://microsoft.com/win/11"/></l:libosinfo>'
    assert read_domain(domain("", told)).windows
    assert not read_domain(domain("", told.replace("microsoft.com/win/11", "debian.org"))).windows
    # A screen is where libvirt has it, and nowhere else.
    assert read_domain(domain("", '<graphics type="vnc"/>')).vnc() is None


BOMB = (
    '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<domain>&b;</domain>"
)


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><domain>&e;</domain>',
        "<d>" * 65 + "</d>" * 65,
        domain('<graphics type="vnc"/>' * 17),
        "<domain>" + "x" * 4 * 1024 * 1024 + "</domain>",
        "<domain>",
        "",
    ],
    ids=["bomb", "entity", "deep", "many", "long", "cut", "empty"],
)
def test_hostile_xml_is_not_read(xml: str) -> None:
    with pytest.raises(UnreadableError):
        read_domain(xml)


@given(st.text(st.sampled_from("<>/=\"' &;!domaingrphcsvtxyz0123"), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for xml in (text, domain(text), domain(f'<graphics type="vnc" {text}/>')):
        with suppress(UnreadableError):
            read_domain(xml)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        ({"error": "OFF"}, MachineOff, "turned off"),
        ({"error": "MISSING"}, UpstreamRefused, r"pip install 'eva-gateway\[libvirt\]'"),
        ({"error": "ACCESS_DENIED"}, UpstreamRefused, "does not allow"),
        ({"error": "AUTH_CANCELLED"}, UpstreamRefused, "asks for a password"),
        ({"error": "AUTH_UNAVAILABLE"}, UpstreamRefused, "nobody to ask"),
        ({"error": "RPC"}, UpstreamUnreachable, "broke the connection off"),
        ({"error": "OTHER", "number": 7}, UpstreamRefused, "refused with error 7"),
        ({"error": "OTHER", "number": "<b>"}, UpstreamRefused, "refused with error 0"),
        ({"error": "SYSTEM_ERROR", "errno": errno.EACCES}, UpstreamRefused, "group libvirt"),
        ({"error": "SYSTEM_ERROR", "errno": errno.EIO}, UpstreamUnreachable, "Input/output"),
        ({"error": "SYSTEM_ERROR"}, UpstreamUnreachable, "the connection failed"),
    ],
)
def test_libvirts_errors_are_told_in_our_words(
    answer: dict[str, Any], error: type[UpstreamError], why: str
) -> None:
    with pytest.raises(error, match=why):
        raise error_of(answer)


@pytest.mark.parametrize("said", [b"", b"{", b"[]\n", b"null\n", b"\xff\n"])
def test_a_child_that_says_nothing_sensible_is_said_to(said: bytes) -> None:
    with pytest.raises(UpstreamError, match="without an answer"):
        _checked(said)


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("127.0.0.1", "its host's loopback"),
        ("::1", "its host's loopback"),
        ("localhost", "its host's loopback"),
        ("sneaky.example", "is this machine"),
        ("169.254.169.254", "not allowed"),
        ("2852039166", "not allowed"),
        ("::ffff:127.0.0.1", "not allowed"),
        ("a b", "not allowed"),
    ],
)
async def test_an_address_that_the_host_names_is_judged(listen: str, why: str) -> None:
    async def resolve(host: str) -> list[Any]:
        return [ip_address("127.0.0.1" if host == "sneaky.example" else host)]

    context = context_for(ConsoleAddress("libvirt", tls=True, pin="0" * 64))
    site = Site("hv1.example", 1, (ip_address("192.0.2.1"),), context, "hv1", None, False)
    with pytest.raises(UpstreamRefused, match=why):
        await LibvirtBackend(resolve)._dial_vnc(site, listen, 9)


def test_the_kind_is_there_without_libvirts_module() -> None:
    """Only a child imports it: nothing else of the gateway may."""
    package = Path(__file__).parents[3] / "gateway"
    importing = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "import libvirt\n" in path.read_text() or "import libvirt  #" in path.read_text()
    ]
    assert importing == ["backends/libvirt/child/answer.py"]
