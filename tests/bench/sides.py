"""The two sides of a measurement: this gateway, and websockify, in front of the same screen."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.demo import CONTOSO
from gateway.inventory.machine import ConsoleAddress, Machine
from gateway.operations.logs import configure_logs
from gateway.policy.facts import Vm
from tests.bench.screen import answers
from tests.bench.viewer import Door
from tests.doubles.standing import NODE, Standing, free_port, standing_gateway

RESOURCE_ID = (
    f"/subscriptions/{CONTOSO}/resourceGroups/bench/providers/Microsoft.Compute"
    "/virtualMachines/bench01"
)


@dataclass(frozen=True)
class Side:
    """One server under measurement: which process pays, and a door for each viewer."""

    name: str
    pid: int
    doors: Callable[[int], list[Door]]


@contextmanager
def websockify_side(port: int) -> Iterator[Side]:
    """websockify in front of the VNC server on `port`."""
    listen = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "websockify", f"127.0.0.1:{listen}", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not answers(listen):
            time.sleep(0.05)
        yield Side(
            "websockify", process.pid, lambda count: [Door(f"ws://127.0.0.1:{listen}/")] * count
        )
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def gateway_side(port: int, viewers: int) -> Iterator[Side]:
    """This gateway, in a process of its own, with a console open on the VNC server on `port`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.sides", str(port), str(viewers)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        doors = [Door(**door) for door in json.loads(process.stdout.readline())]
        yield Side("gateway", process.pid, lambda count: doors[:count])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


async def _stand(port: int, viewers: int) -> None:
    vm = Vm(RESOURCE_ID, CONTOSO, "bench01", "linux", NODE)
    machine = Machine(vm, ConsoleAddress("vnc", host="127.0.0.1", port=port))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    with tempfile.TemporaryDirectory() as folder:
        async with standing_gateway(Path(folder), [machine]) as standing:
            doors = await _doors(standing, viewers)
            print(json.dumps([asdict(door) for door in doors]), flush=True)
            await told.wait()


async def _doors(standing: Standing, viewers: int) -> list[Door]:
    """One operator, and tenants who watch: the first door must be opened first."""
    tenant = await standing.token("contoso")
    async with standing.api(tenant) as api:
        request = {"resource_id": RESOURCE_ID, "reason": "a measurement"}
        async with api.post("/api/v1/consents", json=request) as response:
            assert response.status in {200, 201}, await response.text()
    operator = standing.accounts["olga"]
    proof = {"user": "olga", "password": operator.password, "code": standing.code("olga")}
    async with (
        standing.api() as api,
        api.post("/api/v1/consoles", json={"resource_id": RESOURCE_ID, **proof}) as response,
    ):
        opened = await response.json()
        assert response.status in {200, 201}, opened
    common = {"origin": standing.base, "ca_file": str(standing.ca_file)}
    first = Door(opened["stream"], ("eva.rfb", f"ticket.{opened['ticket']}"), **common)
    watching = Door(opened["stream"], ("eva.rfb",), token=tenant, **common)
    return [first, *[watching] * (viewers - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("viewers", type=int)
    arguments = parser.parse_args()
    configure_logs(level="warning")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_stand(arguments.port, arguments.viewers))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
