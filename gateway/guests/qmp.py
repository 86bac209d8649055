"""Whether a QEMU VM runs, asked at its control socket (QMP)."""

from __future__ import annotations

import errno
import logging
from contextlib import suppress
from typing import Final

from qemu.qmp import ConnectError, QMPClient

from gateway.errors import GuestUnreachable
from gateway.policy.facts import Power

# The library logs what the other end said. It may say anything.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL + 1)

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

    Raises: GuestUnreachable where there is no telling. Sets no deadline: its caller does.
    """
    client = QMPClient(readbuflen=_MAX_MESSAGE)
    client.events.event_filter = lambda _event: False  # nobody reads them: keep none
    try:
        await client.connect(rest.removeprefix("//"))
        return _power(await client.execute("query-status"))
    except ConnectError as error:
        if getattr(error.exc, "errno", None) in _GONE:
            return Power.OFF
        raise GuestUnreachable("the VM's control socket does not answer") from error
    except Exception as error:  # see _hang_up
        raise GuestUnreachable("the VM's control socket makes no sense") from error
    finally:
        await _hang_up(client)


async def _hang_up(client: QMPClient) -> None:
    # Odd messages make the library raise TypeError, AssertionError and others that it promises
    # nothing about; what they mean is one and the same.
    with suppress(Exception):
        await client.disconnect()


def _power(status: object) -> Power:
    state = status.get("status") if isinstance(status, dict) else None
    if not isinstance(state, str):
        return Power.UNKNOWN
    if state in _RUNNING:
        return Power.RUNNING
    if state in _OFF:
        return Power.OFF
    return Power.PAUSED if state in _STANDING else Power.UNKNOWN
