"""QEMU's guests: which scheme of an address leads where."""

from __future__ import annotations

from gateway.guests.ports import GuestKind
from gateway.guests.qga import open_qemu_agent
from gateway.guests.qmp import ask_qemu_power


def qemu_kinds() -> dict[str, GuestKind]:
    """`qga+unix:///path` is an agent, `qmp+unix:///path` tells the power."""
    return {
        "qga+unix": GuestKind(open_agent=open_qemu_agent),
        "qmp+unix": GuestKind(ask_power=ask_qemu_power),
    }
