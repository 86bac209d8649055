"""I/O: the agents inside VMs, and whether a VM runs at all."""

from gateway.guests.guests import Guests
from gateway.guests.ports import Agent, AgentFacts, Guest, GuestKind
from gateway.guests.qemu import qemu_kinds

__all__ = ["Agent", "AgentFacts", "Guest", "GuestKind", "Guests", "qemu_kinds"]
