"""What a console's programs cannot touch: each attempt is made by a program that is inside."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.backends import Backends
from gateway.backends.rdp.child.sandbox import Allowed, version
from gateway.errors import UpstreamRefused
from tests.backends.rdp.servers import RdpServer
from tests.doubles.ports import free_port
from tests.doubles.watching import ignore

pytestmark = pytest.mark.skipif(version() < 1, reason="this kernel has no Landlock")

_PYTHON: Final = (sys.base_prefix, sys.prefix, "/usr", "/lib", "/lib64", "/etc/ld.so.cache")
_LEAVE_ALONE: Final = "import time; print(flush=True); time.sleep(600)"

# Says what came of each attempt: "done", or the name of the error.
_ATTEMPTS: Final = """
import errno, json, os, socket, subprocess, sys
from pathlib import Path

def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"

def connect(kind, address):
    with socket.socket(kind) as one:
        one.connect(address)

def listen(port):
    with socket.socket() as one:
        one.bind(("127.0.0.1", port))

def by_a_child(path):
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", f"open({path!r})"], stderr=-3)
    if ended.returncode:
        raise PermissionError(errno.EACCES, "as its child says")

told = json.loads(sys.argv[1])
print(json.dumps({name: outcome(eval(made)) for name, made in told.items()}))
"""


# As the child starts its programs.
_SUPERVISE: Final = """
import json, sys
from gateway.backends.rdp.child.bounds import confine
from gateway.backends.rdp.child.processes import Process
from gateway.backends.rdp.child.sandbox import Allowed, keep_among_ourselves

folder, allowed, arguments = json.loads(sys.argv[1])
confine(512 * 1024 * 1024, None)
keep_among_ourselves()
files = {0: 0, 1: 1, 2: 2}
sys.exit(Process(sys.executable, arguments, {}, files, folder, allowed=Allowed(**allowed)).status())
"""


def attempt(folder: Path, allowed: Allowed, attempts: dict[str, str]) -> dict[str, str]:
    """Have a console's program make each of them (expressions that are called)."""
    arguments = ["-I", "-S", "-c", _ATTEMPTS, json.dumps(attempts)]
    order = json.dumps([str(folder), asdict(allowed), arguments])
    ended = subprocess.run(
        [sys.executable, "-c", _SUPERVISE, order],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not ended.returncode, ended.stderr
    found: dict[str, str] = json.loads(ended.stdout)
    return found


@contextmanager
def other_process() -> Iterator[int]:
    """One of the same user that has nothing to do with it: its number."""
    process = subprocess.Popen([sys.executable, "-c", _LEAVE_ALONE], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    return made


def within(folder: Path, **more: Any) -> Allowed:
    return Allowed(_PYTHON, (str(folder),), ("/dev/null",), **more)


def test_only_its_own_folder_is_written(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "key.pem"
    outside.write_text("secret")
    shutil.copy("/bin/true", folder / "mine")
    assert attempt(
        folder,
        within(folder),
        {
            "read": f"lambda: open({str(outside)!r})",
            "append": f"lambda: open({str(outside)!r}, 'a')",
            "remove": f"lambda: os.unlink({str(outside)!r})",
            "make beside": f"lambda: open({str(tmp_path / 'new')!r}, 'w')",
            "list": f"lambda: os.listdir({str(tmp_path)!r})",
            "by a child": f"lambda: by_a_child({str(outside)!r})",
            "write a program's": "lambda: open(os.__file__, 'r+')",
            "run from own folder": "lambda: subprocess.run('./mine')",
            "own": "lambda: open('new', 'w').write('x')",
            "device": "lambda: open('/dev/null', 'w').write('x')",
        },
    ) == {
        **dict.fromkeys(
            ("read", "append", "remove", "make beside", "list", "by a child",
             "write a program's", "run from own folder"),
            "EACCES",
        ),
        "own": "done",
        "device": "done",
    }  # fmt: skip
    assert outside.read_text() == "secret"


@pytest.mark.skipif(version() < 4, reason="this kernel's Landlock knows nothing of TCP")
def test_only_the_consoles_port_is_connected_to(folder: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as ours,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        attempts = {
            "the console": f"lambda: connect(socket.AF_INET, {ours.getsockname()!r})",
            "elsewhere": f"lambda: connect(socket.AF_INET, {other.getsockname()!r})",
            "listen": f"lambda: listen({free_port()})",
        }
        allowed = within(folder, ports=(ours.getsockname()[1],))
        told = attempt(folder, allowed, attempts)
    assert told == {"the console": "done", "elsewhere": "EACCES", "listen": "EACCES"}


def test_the_memory_of_others_is_not_read(folder: Path) -> None:
    """Not even where both are root's."""
    with other_process() as pid:
        paths = [f"/proc/{pid}/{name}" for name in ("environ", "mem", "maps")]
        attempts = {path: f"lambda: open({path!r}).read(1)" for path in paths}
        allowed = Allowed((*_PYTHON, "/proc"), (str(folder),))
        told = attempt(folder, allowed, attempts)
    assert told == dict.fromkeys(paths, "EACCES")


@pytest.mark.skipif(version() < 6, reason="this kernel's Landlock knows no scopes")
def test_strangers_are_neither_reached_nor_signalled(folder: Path) -> None:
    with other_process() as pid, socket.socket(socket.AF_UNIX) as abstract:
        name = f"\0eva-test-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        attempts = {
            "signal": f"lambda: os.kill({pid}, 0)",
            "abstract socket": f"lambda: connect(socket.AF_UNIX, {name!r})",
            "itself": "lambda: os.kill(os.getpid(), 0)",
        }
        told = attempt(folder, within(folder), attempts)
    assert told == {"signal": "EPERM", "abstract socket": "EPERM", "itself": "done"}


@pytest.mark.hypervisor
@pytest.mark.parametrize("server", ["xrdp"], indirect=True)
async def test_a_console_s_programs_are_inside(
    server: RdpServer, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In FreeRDP's place, a program that looks for a file of the gateway's."""
    secret = tmp_path / "host.password"
    secret.write_text("secret")
    stand_in = tmp_path / "xfreerdp"
    stand_in.write_text(
        f"#!/bin/sh\nif read -r line < {secret}; then echo ERRCONNECT_ACCOUNT_DISABLED\n"
        f"else echo ERRCONNECT_ACCOUNT_EXPIRED; fi\nexit 1\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(UpstreamRefused, match="it has expired"):
        await backends.dial(server.machine(), ignore)
