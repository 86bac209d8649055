"""What people type at the text console of the tests' Linux guest, and see there."""

from __future__ import annotations

import asyncio

from tests.hypervisor.gateway_viewer import GatewayViewer
from tests.hypervisor.qemu import Qemu


async def shows(viewer: GatewayViewer, qemu: Qemu, text: str, within: float = 60.0) -> None:
    """Wait until the guest's text memory holds `text`. Raises: TimeoutError."""
    async with asyncio.timeout(within):
        while text not in qemu.text():
            await viewer.news()


async def log_in(viewer: GatewayViewer, qemu: Qemu, user: str, password: str) -> None:
    """Type a name and, when it is asked for, a password. Raises: TimeoutError."""
    asked = qemu.text().count("Password:")
    await viewer.type(f"{user}\n")
    async with asyncio.timeout(60):
        while qemu.text().count("Password:") == asked:
            await viewer.news()
    await viewer.type(f"{password}\n")
