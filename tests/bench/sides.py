"""The sides of a measurement, before the same screens: this gateway, websockify, nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from gateway import serving
from gateway.demo import CONTOSO
from gateway.inventory.machine import ConsoleAddress, Machine
from gateway.operations.logs import configure_logs
from gateway.policy.facts import Vm
from gateway.viewing.stream import MAX_TABS
from tests.backends.rdp.servers import rdp_machine
from tests.bench.operators import hired
from tests.bench.screen import wait_for_port
from tests.bench.viewer import Door
from tests.doubles.ports import free_port
from tests.doubles.standing import NODE, Standing, standing_gateway

_GROUP = f"/subscriptions/{CONTOSO}/resourceGroups/bench/providers/Microsoft.Compute"


@dataclass(frozen=True)
class Side:
    """One server under measurement: which process pays (None: nobody), and where it listens.

    `doors(screen, viewers)` are so many ways to the screen of that number; the first one types.
    """

    name: str
    pid: int | None
    port: int
    doors: Callable[[int, int], list[Door]]

    def behind(self, port: int) -> Side:
        """The same, reached through a proxy on `port`."""

        def doors(screen: int, viewers: int) -> list[Door]:
            here, there = f":{self.port}", f":{port}"
            found = self.doors(screen, viewers)
            return [replace(door, url=door.url.replace(here, there, 1)) for door in found]

        return replace(self, doors=doors)


@contextmanager
def direct_side(ports: Sequence[int], _viewers: int = 1) -> Iterator[Side]:
    """A plain TCP connection to the VNC server."""

    def doors(screen: int, viewers: int) -> list[Door]:
        return [Door(f"tcp://127.0.0.1:{ports[screen]}")] * viewers

    yield Side("direct", None, ports[0], doors)


@contextmanager
def websockify_side(ports: Sequence[int], _viewers: int = 1) -> Iterator[Side]:
    """websockify, which tells the VNC servers apart by a token in the address."""
    listen = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".tokens") as tokens:
        tokens.writelines(f"{number}: 127.0.0.1:{port}\n" for number, port in enumerate(ports))
        tokens.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "websockify", "--token-plugin", "TokenFile",
             "--token-source", tokens.name, f"127.0.0.1:{listen}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for_port(listen)

            def doors(screen: int, viewers: int) -> list[Door]:
                return [Door(f"ws://127.0.0.1:{listen}/?token={screen}")] * viewers

            yield Side("websockify", process.pid, listen, doors)
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.terminate()
            process.terminate()
            process.wait(10)


@contextmanager
def gateway_side(
    ports: Sequence[int], viewers: int = 1, *, pin: str | None = None
) -> Iterator[Side]:
    """This gateway, in a process of its own, with a console open on each VNC server.

    With `pin` they are RDP servers that have this certificate.
    """
    rdp = () if pin is None else ("--pin", pin)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.sides", "--viewers", str(viewers), *rdp,
         *map(str, ports)], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        stood = json.loads(process.stdout.readline())
        found = [[Door(**door) for door in doors] for doors in stood["doors"]]
        yield Side(
            "gateway", process.pid, stood["port"], lambda screen, viewers: found[screen][:viewers]
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


SIDES: dict[str, Callable[[Sequence[int], int], AbstractContextManager[Side]]] = {
    "direct": direct_side,
    "websockify": websockify_side,
    "gateway": gateway_side,
}


async def _stand(consoles: list[ConsoleAddress], viewers: int) -> None:
    machines = [
        Machine(
            Vm(f"{_GROUP}/virtualMachines/bench{n:02}", CONTOSO, f"bench{n:02}", "linux", NODE),
            console,
        )
        for n, console in enumerate(consoles)
    ]
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    with tempfile.TemporaryDirectory() as folder:
        async with standing_gateway(Path(folder), machines) as standing:
            # One sign-in may have so many tabs open on a console.
            tenants = [await standing.token("contoso") for _ in range(0, viewers, MAX_TABS)]
            # Each opening asks for a one-time code of its own: so each console has an operator.
            operators = await hired(standing, len(machines))
            doors = [
                await _doors(standing, machine, operator, tenants, viewers)
                for machine, operator in zip(machines, operators, strict=True)
            ]
            port = int(standing.base.rpartition(":")[2])
            said = {"port": port, "doors": [[asdict(door) for door in each] for each in doors]}
            print(json.dumps(said), flush=True)
            await told.wait()


async def _doors(
    standing: Standing, machine: Machine, operator: str, tenants: Sequence[str], viewers: int
) -> list[Door]:
    """One operator, and tenants who watch: the first door must be opened first."""
    resource_id = machine.vm.resource_id
    async with standing.api(tenants[0]) as api:
        request = {"resource_id": resource_id, "reason": "a measurement"}
        async with api.post("/api/v1/consents", json=request) as response:
            assert response.status in {200, 201}, await response.text()
    password = standing.accounts[operator].password
    proof = {"user": operator, "password": password, "code": standing.code(operator)}
    async with (
        standing.api() as api,
        api.post("/api/v1/consoles", json={"resource_id": resource_id, **proof}) as response,
    ):
        opened = await response.json()
        assert response.status in {200, 201}, opened
    common = {"origin": standing.base, "ca_file": str(standing.ca_file)}
    first = Door(opened["stream"], ("eva.rfb", f"ticket.{opened['ticket']}"), **common)
    watching = [
        Door(opened["stream"], ("eva.rfb",), token=tenants[number // MAX_TABS], **common)
        for number in range(viewers - 1)
    ]
    return [first, *watching]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--viewers", type=int, default=1)
    parser.add_argument("--pin", help="of the certificate of RDP servers")
    arguments = parser.parse_args()
    configure_logs(level="warning")
    consoles = [
        ConsoleAddress("vnc", host="127.0.0.1", port=port)
        if arguments.pin is None
        else rdp_machine(port, arguments.pin).console
        for port in arguments.ports
    ]
    serving.run(_stand(consoles, arguments.viewers))


if __name__ == "__main__":
    main()
