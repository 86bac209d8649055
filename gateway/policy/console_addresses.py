"""Which network addresses a console may have: the list of those that never are one."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from typing import Final

from gateway.policy.verdict import ALLOW, Deny, Verdict, unless

Address = IPv4Address | IPv6Address

# Services of the cloud below us that answer whoever asks; none of them is a console.
_METADATA: Final = tuple(
    ip_network(network)
    for network in ("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128")
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


def may_dial(address: Address, *, written_as_loopback: bool) -> Verdict:
    """Whether a console may be dialled at `address`.

    `written_as_loopback`: the inventory itself says so (`127.0.0.1`, `::1`, `localhost`). A name
    that merely resolves to loopback could reach services of this machine that trust it.
    """
    address = _embedded(address)
    if address.is_link_local:
        return Deny("AddressNotAllowed", f"{address} is link-local, where metadata services live")
    if any(address in network for network in _METADATA):
        return Deny("AddressNotAllowed", f"{address} is a cloud's metadata service")
    if address.is_loopback:
        elsewhere = f"{address} is this machine, though the inventory does not say so"
        return unless(not written_as_loopback, Deny("AddressNotAllowed", elsewhere))
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        return Deny("AddressNotAllowed", f"{address} is not the address of one host")
    return ALLOW


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries in itself, which is where packets end up."""
    if not isinstance(address, IPv6Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
