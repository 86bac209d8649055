"""A backend that knows whether a VM runs tells it at any time, and leaves nothing of that."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.backends.dialling import PowerAware
from gateway.conformance.stage import PROMISED, Stage, baseline, check
from gateway.inventory import Machine
from gateway.policy.facts import Power

_SECONDS = 5.0  # after which the gateway gives up


@check
async def test_power_is_told(stage: Stage) -> None:
    """`power` says whether the VM runs, also while its console is shown, and leaves nothing.

    Mend: return a `Power`; raise an UpstreamError where the hypervisor does not say.
    """
    aware = _aware(stage)
    try:
        await _told(stage, aware, stage.entry.machine)
    except PROMISED as error:
        pytest.skip(f"the hypervisor does not say for this entry: {error}")
    before = baseline()
    async with stage.shown():
        found = await asyncio.gather(*(_told(stage, aware, stage.entry.machine) for _ in range(3)))
    assert all(each in set(Power) for each in found), f"told {found}"
    await stage.nothing_since(before, "by questions about the power")


@check
async def test_power_of_a_host_that_is_not_there(stage: Stage) -> None:
    """Where nobody can be asked, `power` raises what `dial` would.

    Mend: as for `dial`.
    """
    aware = _aware(stage)
    if stage.entry.console.port is None:
        pytest.skip("the console has no port")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    before = baseline()
    nowhere = stage.entry.at(host="127.0.0.1", port=port)
    try:
        found = await _told(stage, aware, nowhere)
    except PROMISED:
        await stage.nothing_since(before, "by a question that nobody answered")
        return
    except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
        pytest.fail(f"{type(error).__name__} is not promised", pytrace=False)
    pytest.fail(f"told {found} where nobody was asked")


def _aware(stage: Stage) -> PowerAware:
    if not isinstance(stage.backend, PowerAware):
        pytest.skip("the backend does not tell the power")
    return stage.backend


async def _told(stage: Stage, aware: PowerAware, machine: Machine) -> Power:
    async with asyncio.timeout(_SECONDS * stage.limits.patience):
        return await aware.power(machine)
