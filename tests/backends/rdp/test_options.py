"""What an entry with an RDP console must and may say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.backends.rdp import RdpKind
from gateway.backends.rdp.command import arguments, environment, settings
from gateway.backends.rdp.options import RdpOptions, account
from gateway.inventory import ConsoleAddress

VM = "efd1efab-c750-4262-b1bb-af0f7733bdd6"
PIN = "ab" * 32
RDP = ConsoleAddress(
    "rdp", host="hv1.example", port=3389, user="console", password="secret", tls=True, pin=PIN
)
HYPERV = replace(RDP, scheme="hyperv", port=2179, path=f"/{VM}")
KIND = RdpKind()


@pytest.mark.parametrize(
    ("text", "port", "path"),
    [
        ("rdp://hv1.example", 3389, None),
        ("rdp://hv1.example:3390/", 3390, None),
        ("rdp://[2001:db8::1]", 3389, None),
        (f"hyperv://hv1.example/{VM}", 2179, f"/{VM}"),
        (f"hyperv://hv1.example:2180/{VM.upper()}", 2180, f"/{VM}"),
    ],
)
def test_an_address_has_one_spelling(text: str, port: int, path: str | None) -> None:
    place = KIND.place(urlsplit(text))
    assert (place.port, place.path, place.tls) == (port, path, True)


@pytest.mark.parametrize(
    "text",
    [
        "rdp:///x", "rdp://hv1.example/desktop", "rdp://u:p@hv1.example", "rdp://hv1.example?x=1",
        "rdp://169.254.169.254", "hyperv://hv1.example", "hyperv://hv1.example/web01",
        f"hyperv://hv1.example/{{{VM}}}", f"hyperv://hv1.example/{VM};EnhancedMode=1",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        KIND.place(urlsplit(text))


@pytest.mark.parametrize(
    ("console", "table", "told"),
    [
        (replace(RDP, pin=None), {}, "pin: missing"),
        (replace(RDP, ca_file=Path("ca.pem")), {}, "ca_file: given beside pin"),
        (replace(RDP, user=None), {}, "user: missing"),
        (replace(RDP, user="a\\b\\c"), {}, "user: must look like"),
        (replace(RDP, password=None), {}, "password_file: missing"),
        (replace(RDP, password="x" * 501), {}, "password: one line"),
        (replace(RDP, desktop_name="QEMU"), {}, "desktop_name"),
        (RDP, {"security": "rdp"}, "rdp.security"),
        (RDP, {"memory": 1}, "rdp.memory"),
        (RDP, {"keyboard": "klingon"}, "rdp.keyboard: .*one of us, gb, de, fr"),
        (HYPERV, {"keyboard": "de"}, "hyperv.keyboard: unknown key"),
        (RDP, {"colour": 1}, "rdp.colour: unknown key"),
        (HYPERV, {"security": "tls"}, "hyperv.security: unknown key"),
    ],
)
def test_an_entry_is_told_what_it_lacks(
    console: ConsoleAddress, table: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        KIND.read(table, console)
    assert "secret" not in str(caught.value)


def test_what_an_entry_settles() -> None:
    assert KIND.read({}, RDP) == RdpOptions(None)
    assert KIND.read({"security": "nla", "memory": 256}, RDP) == RdpOptions(None, "nla", 256)
    assert KIND.read({"run_as": "eva"}, HYPERV) == RdpOptions(VM, "nla", run_as="eva")
    assert KIND.read({}, replace(RDP, pin=None, ca_file=Path("ca.pem"))) == RdpOptions(None)


@pytest.mark.parametrize(
    ("user", "parts"),
    [
        ("console", ("console", None)),
        ("CORP\\console", ("console", "CORP")),
        ("console@corp.example", ("console@corp.example", None)),
    ],
)
def test_a_user_may_bear_a_domain(user: str, parts: tuple[str, str | None]) -> None:
    assert account(user) == parts


def test_neither_account_nor_secret_is_an_argument_or_an_environment() -> None:
    for console, vm in ((RDP, None), (HYPERV, VM)):
        told = [*arguments(console, RdpOptions(vm), "10.0.0.5"), *environment(console).values()]
        assert not [word for word in told if "secret" in word or "/u:" in word or "/p:" in word]
        assert "/v:10.0.0.5" in told and "/cert:deny,fingerprint:sha256:" + ":".join(
            ["ab"] * 32
        ) in told  # fmt: skip
    assert "username:s:console\r\n" in settings("console", None)


def test_the_machine_is_named_in_the_blob_and_its_port_kept() -> None:
    told = arguments(replace(HYPERV, port=2180), RdpOptions(VM), "2001:db8::1")
    # FreeRDP's /vmconnect sets the port anew, so ours follows it.
    assert told[:3] == ["/v:[2001:db8::1]", f"/vmconnect:{VM}", "/port:2180"]
    assert {"-sec-rdp", "-sec-tls"} <= set(told)


def test_a_layout_is_told_by_windows_identifier() -> None:
    for name, identifier in (("de", "0x00000407"), ("0x0001040A", "0x0001040a")):
        settled = KIND.read({"keyboard": name}, RDP)
        assert f"/kbd:{identifier}" in arguments(RDP, settled, "10.0.0.5")
    assert not [word for word in arguments(RDP, RdpOptions(None), "10.0.0.5") if "kbd" in word]


def test_with_a_pin_no_authority_is_asked() -> None:
    assert environment(RDP)["SSL_CERT_FILE"] == "/nonexistent"
    signed = replace(RDP, pin=None, ca_file=Path("/etc/ca.pem"))
    assert environment(signed)["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert "/cert:deny,name:hv1.example" in arguments(signed, RdpOptions(None), "10.0.0.5")
