"""Whether a QEMU VM runs, asked at its control socket (QMP)."""

from __future__ import annotations

import errno
import logging
from typing import Final

from qemu.qmp import ConnectError, QMPClient, QMPError

from gateway.errors import GuestUnreachable
from gateway.guests.ports import Power

# The library logs what the other end said. It may say anything.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
logging.getLogger("qemu.qmp").propagate = False

_MAX_MESSAGE: Final = 256 * 1024
# No socket, or one that nobody serves: the process that is the VM is gone.
_GONE: Final = frozenset({errno.ENOENT, errno.ECONNREFUSED})
# QAPI's RunState: every other state but these is one in which the processors stand still.
_RUNNING: Final = frozenset({"running", "debug"})
_OFF: Final = frozenset({"shutdown"})
_STANDING: Final = frozenset(
    {"colo", "finish-migrate", "guest-panicked", "inmigrate", "internal-error", "io-error",
     "paused", "postmigrate", "preconfig", "prelaunch", "restore-vm", "save-vm", "suspended",
     "watchdog"}
)  # fmt: skip


async def ask_qemu_power(rest: str) -> Power:
    """The state of the VM whose control socket is `///path`.

    Raises: GuestUnreachable where there is no telling.
    """
    client = QMPClient(readbuflen=_MAX_MESSAGE)
    client.remove_listener(client.events)  # nobody reads events: let them go
    try:
        await client.connect(rest.removeprefix("//"))
        status = await client.execute("query-status")
    except ConnectError as error:
        if getattr(error.exc, "errno", None) in _GONE:
            return Power.OFF
        raise GuestUnreachable("the VM's control socket does not answer") from error
    except (QMPError, OSError, EOFError, ValueError, RecursionError) as error:
        raise GuestUnreachable("the VM's control socket makes no sense") from error
    finally:
        await _hang_up(client)
    return _power(status)


def _power(status: object) -> Power:
    state = status.get("status") if isinstance(status, dict) else None
    if state in _RUNNING:
        return Power.RUNNING
    if state in _OFF:
        return Power.OFF
    return Power.PAUSED if state in _STANDING else Power.UNKNOWN


async def _hang_up(client: QMPClient) -> None:
    try:
        await client.disconnect()
    except (QMPError, OSError, EOFError, ValueError, RecursionError):
        return  # it says again why the conversation failed
