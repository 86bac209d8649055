"""A console is never at an address of a metadata service, or of nobody in particular."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.console_addresses import may_dial
from gateway.policy.verdict import ALLOW, Deny

NEVER = [
    "169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
    "240.0.0.1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
]  # fmt: skip


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_are_never_a_console(text: str) -> None:
    assert isinstance(may_dial(ip_address(text), written_as_loopback=True), Deny)


@pytest.mark.parametrize("text", ["10.1.2.3", "192.168.1.9", "203.0.113.7", "fd12::5", "2a00::7"])
def test_ordinary_addresses_are_allowed(text: str) -> None:
    assert may_dial(ip_address(text), written_as_loopback=False) == ALLOW


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_only_where_the_inventory_says_so(text: str) -> None:
    assert may_dial(ip_address(text), written_as_loopback=True) == ALLOW
    assert isinstance(may_dial(ip_address(text), written_as_loopback=False), Deny)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_embedded_address_is_judged_as_itself(address: IPv4Address) -> None:
    plain = may_dial(address, written_as_loopback=False)
    for embedded in (
        IPv6Address((0xFFFF << 32) | int(address)),  # ::ffff:0:0/96
        IPv6Address((0x64FF9B << 96) | int(address)),  # 64:ff9b::/96
        IPv6Address((0x2002 << 112) | (int(address) << 80) | 1),  # 2002::/16
    ):
        assert may_dial(embedded, written_as_loopback=False) == plain
