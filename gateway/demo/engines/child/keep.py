"""Keeps an engine: starts its programs within bounds, and ends all of them where one ends.

The demo holds the other end of our standard input: a line of JSON comes that says what to start;
when it closes, for whatever reason, all of it ends. Why it ended by itself goes to standard output.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import partial

from gateway.backends.rdp.child.bounds import die_with_parent
from gateway.demo.engines.child.bounds import confine

_DEMO = 0
_LONGEST_ORDER = 64 * 1024
_DISPLAY_PATIENCE = 30_000  # milliseconds
_TAIL = 400  # bytes of what the programs said last


def main() -> int:
    """Run one engine until the demo goes or a program ends; its folder is removed."""
    order = _read_order()
    if order is None:
        return 0
    engine = _Engine(order["folder"])
    try:
        confine(order["memory"])
        terminated = _heed_termination()
        die_with_parent(order["parent"], signal.SIGTERM)
        try:
            why = engine.run(order["programs"], {_DEMO, terminated})
        finally:
            engine.end()
        _tell(why)
    except (OSError, EOFError) as error:
        program = os.path.basename(str(getattr(error, "filename", None) or ""))  # noqa: PTH119
        _tell(f"{program or 'it'} cannot be started: {getattr(error, 'strerror', None) or error}")
    finally:
        shutil.rmtree(order["folder"], ignore_errors=True)
    return 0


class _Engine:
    """Programs in one folder, which share a display where one of them is an X server."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._display: dict[str, str] = {}
        self._said = b""

    def run(self, programs: list[dict], leave: set[int]) -> str:  # type: ignore[type-arg]
        """Until a program ends, and why it did; "" where `leave` became readable."""
        output, written = os.pipe()
        for each in programs:
            self._start(each, written)
        os.close(written)
        ends = {os.pidfd_open(process.pid): process for process in self._processes}
        poll = select.poll()
        for file in (*leave, output, *ends):
            poll.register(file, select.POLLIN)
        while True:
            ready = {file for file, _ in poll.poll()}
            if leave & ready:
                return ""
            if output in ready:
                said = os.read(output, 65536)
                self._said = (self._said + said)[-_TAIL:]
                if said:
                    continue  # its last words come before its end
                poll.unregister(output)
            for file in ends.keys() & ready:
                return self._explain(ends[file])

    def end(self) -> None:
        """Nothing of it is left running."""
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, order: dict, output: int) -> None:  # type: ignore[type-arg]
        number, told = os.pipe()
        display = ["-displayfd", str(told)] if order["is_display"] else []
        environment = {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": self._folder,
            "TMPDIR": self._folder,
            "LANG": "C.UTF-8",
            **self._display,
            **order["environment"],
        }
        process = subprocess.Popen(  # noqa: S603 - found where the demo's user finds programs
            [order["program"], *order["arguments"], *display],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=self._folder,
            pass_fds=[told] if display else [],
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - one thread
        )
        self._processes.append(process)
        os.close(told)
        if display:
            self._display["DISPLAY"] = f":{_read_number(number)}"
        os.close(number)

    def _explain(self, process: subprocess.Popen[bytes]) -> str:
        name, status = os.path.basename(process.args[0]), process.wait()  # type: ignore[index, arg-type]  # noqa: PTH119
        how = f"ended with status {status}" if 0 <= status else f"was ended by signal {-status}"
        lines = [line for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        # Whatever it said, it is one line of text.
        last = "".join(char for char in lines[-1] if char.isprintable()) if lines else ""
        return f"{name} {how}" + (f": {last}" if last else "")


def _read_number(file: int) -> int:
    """The display's, once the X server serves. Raises: EOFError."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    answer = b""
    # Its newline comes by itself, and must find us reading.
    while not answer.endswith(b"\n"):
        more = os.read(file, 16) if poll.poll(_DISPLAY_PATIENCE) else b""
        if not more:
            raise EOFError("the X server gave no display")
        answer += more
    return int(answer)


def _heed_termination() -> int:
    """A file descriptor that becomes readable once we are sent SIGTERM."""
    readable, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the demo's
    return readable


def _read_order() -> dict | None:  # type: ignore[type-arg]
    """The demo's line; None where it went before it had said it."""
    data = b""
    while not data.endswith(b"\n"):
        more = os.read(_DEMO, _LONGEST_ORDER)
        if not more or _LONGEST_ORDER < len(data):
            return None
        data += more
    order: dict = json.loads(data)  # type: ignore[type-arg]
    return order


def _tell(why: str) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(OSError):  # it has gone
        os.write(1, why.encode())
