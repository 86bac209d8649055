"""Starts the X server and FreeRDP, has the screen follow the guest's, and tells how it ended.

The gateway holds the other end of our standard input: a line of JSON comes that says what to start,
then lines go back; when it closes, for whatever reason, all of it ends.
"""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import signal
import socket
from contextlib import suppress

from gateway.backends.rdp.child.bounds import confine, die_with_parent
from gateway.backends.rdp.child.processes import Process
from gateway.backends.rdp.child.remarks import Remarks
from gateway.backends.rdp.child.resizing import set_screen_size
from gateway.backends.rdp.child.sandbox import Allowed, keep_among_ourselves
from gateway.backends.rdp.child.watch import Watch
from gateway.backends.rdp.child.xserver import XServer, authority, new_cookie

_LONGEST_ORDER = 64 * 1024
_XSERVER_PATIENCE = 5_000  # milliseconds
_FIRST_SIZE = "1024x768"
_MOST_PIXELS = 33_200_000  # what the gateway takes from any console
_OUTPUT = 65536
# What both programs and their libraries read; never the gateway's own files, nor anybody's home.
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys/devices/system"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/nsswitch.conf"),
    *("/etc/passwd", "/etc/group", "/etc/X11", "/etc/fonts", "/etc/crypto-policies"),
    *("/etc/ssl/openssl.cnf", "/etc/krb5.conf", "/etc/krb5.conf.d", "/etc/gss"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def main() -> int:
    """Serve one console. Whatever happens is told, and its folder is removed."""
    gateway = socket.socket(fileno=0)
    order = _read_order(gateway)
    if order is None:
        return 0
    try:
        confine(order["memory"], order["user"])
        keep_among_ourselves()
        console = _Console(gateway, order, _heed_termination())
        die_with_parent(order["parent"], signal.SIGTERM)
        try:
            console.run()
        finally:
            console.end()
    except (OSError, EOFError) as error:
        number = error.errno if isinstance(error, OSError) else None
        program = os.path.basename(str(getattr(error, "filename", None) or ""))  # noqa: PTH119
        _tell(gateway, {"event": "failed", "errno": number, "program": program})
    finally:
        shutil.rmtree(order["folder"], ignore_errors=True)
    return 0


class _Console:
    def __init__(
        self,
        gateway: socket.socket,
        order: dict,  # type: ignore[type-arg]
        terminated: int,
    ) -> None:
        self._gateway = gateway
        self._leave = {gateway.fileno(), terminated}
        self._order = order
        self._socket = os.path.join(order["folder"], "vnc")  # noqa: PTH118
        self._remarks = Remarks()
        self._processes: list[Process] = []
        self._asked: tuple[int, int] | None = None  # the screen's size
        self._shown = False

    def run(self) -> None:
        """Until either program ends or the gateway goes."""
        cookie = new_cookie()
        self._write("xauthority", authority(cookie))
        self._write("console.rdp", self._order["settings"].encode())
        xserver, display = self._start_xserver()
        x = XServer(display, cookie)
        watch = Watch(x)
        freerdp, output = self._start_freerdp(display)
        self._order["password"] = None
        poll = select.poll()
        for each in (*self._leave, x.socket.fileno(), output, xserver.ended, freerdp.ended):
            poll.register(each, select.POLLIN)
        while True:
            ready = {file for file, _ in poll.poll(watch.milliseconds)}
            if self._leave & ready:
                return
            if output in ready and not self._remarks.read(_written(output)):
                poll.unregister(output)
            if xserver.ended in ready:
                self._tell_end("Xvnc", xserver.status())
                return
            if freerdp.ended in ready:
                self._remarks.read(_written(output))
                self._tell_end("xfreerdp", freerdp.status())
                return
            if self._remarks.over:
                self._tell_end("xfreerdp", 0)
                return
            if x.socket.fileno() in ready:
                try:
                    x.read()
                except EOFError:
                    xserver.kill()  # if it is not about to end by itself
                    continue
                if self._follow(x):
                    watch.begin({"Xvnc": xserver.pid, "xfreerdp": freerdp.pid})
            if (stuck := watch.look()) is not None:
                self._tell_end(stuck.program, 0, stuck.word)
                return

    def end(self) -> None:
        """Nothing of it is left running."""
        for process in reversed(self._processes):
            process.kill()

    def _follow(self, x: XServer) -> bool:
        """Give the screen the guest's size, and say so once it has it: whether that is now."""
        if x.size is None:
            return False
        if x.size == x.screen:
            if self._shown:
                return False
            self._shown = True
            # It has read what it needs of it.
            os.unlink(os.path.join(self._order["folder"], "console.rdp"))  # noqa: PTH108, PTH118
            _tell(self._gateway, {"event": "shown", "states": self._remarks.states})
            return True
        if x.size != self._asked:
            width, height = self._asked = x.size
            if _MOST_PIXELS < width * height:
                raise EOFError("the guest's screen is too large")
            set_screen_size(self._socket, width, height)
        return False

    def _tell_end(self, program: str, status: int, *more: str) -> None:
        _tell(
            self._gateway,
            {
                "event": "ended",
                "program": program,
                "status": status,
                "errors": [*self._remarks.errors, *more],
                "states": self._remarks.states,
            },
        )

    def _start_xserver(self) -> tuple[Process, int]:
        number, told = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        # Only an abstract socket: no file of it outlives it, and without the cookie it is shut.
        arguments = [
            *("-displayfd", "3", "-auth", "xauthority"),
            *("-nolisten", "tcp", "-nolisten", "unix", "-noreset", "-s", "0", "-dpms"),
            *("-rfbunixpath", self._socket, "-rfbunixmode", "0600", "-rfbport", "-1"),
            *("-SecurityTypes", "None", "-geometry", _FIRST_SIZE, "-depth", "24"),
            *("-RawKeyboard", "1", "-AlwaysShared", "1", "-desktop", "console"),
            # What was painted anew and looks as before is nothing to tell.
            *("-UseBlacklist", "0", "-CompareFB", "1"),
            *("-SendCutText", "0", "-AcceptCutText", "0", "-Log", "*:stderr:0"),
            *("-extension", "GLX", "-extension", "SECURITY", "-extension", "XVideo"),
        ]
        process = self._start(
            self._order["xvnc"],
            arguments,
            {},
            {0: null, 1: null, 2: null, 3: told},
            Allowed(_SYSTEM, (self._order["folder"], *_keymaps()), _DEVICES),
        )
        os.close(told)
        os.close(null)
        poll = select.poll()
        for each in (*self._leave, number):
            poll.register(each, select.POLLIN)
        answer = b""
        # Its newline comes by itself, and must find us reading.
        while not answer.endswith(b"\n"):
            ready = {file for file, _ in poll.poll(_XSERVER_PATIENCE)}
            more = os.read(number, 16) if ready == {number} else b""
            if not more:
                raise EOFError("the X server did not start")
            answer += more
        os.close(number)
        return process, int(answer)

    def _start_freerdp(self, display: int) -> tuple[Process, int]:
        password, given = os.pipe()
        # A pipe holds more than any password.
        os.write(given, self._order["password"].encode() + b"\n")
        os.close(given)
        # A terminal, so that it writes line by line and not when it ends.
        output, written = os.openpty()
        os.set_blocking(output, False)
        environment = {"DISPLAY": f":{display}", **self._order["environment"]}
        process = self._start(
            self._order["xfreerdp"],
            ["console.rdp", *self._order["arguments"]],
            environment,
            {0: password, 1: written, 2: written},
            Allowed(
                (*_SYSTEM, *self._order["authorities"]),
                (self._order["folder"],),
                _DEVICES,
                (self._order["port"],),
            ),
        )
        os.close(password)
        os.close(written)
        return process, output

    def _start(
        self,
        program: str,
        arguments: list[str],
        environment: dict[str, str],
        files: dict[int, int],
        allowed: Allowed,
    ) -> Process:
        folder = self._order["folder"]
        process = Process(
            program,
            arguments,
            {
                "PATH": "/usr/bin:/bin",  # the X server runs xkbcomp
                "HOME": folder,
                "TMPDIR": folder,
                "XAUTHORITY": os.path.join(folder, "xauthority"),  # noqa: PTH118
                "LANG": "C.UTF-8",
                "MALLOC_ARENA_MAX": "2",
                **environment,
            },
            files,
            folder,
            allowed=allowed,
        )
        self._processes.append(process)
        return process

    def _write(self, name: str, data: bytes) -> None:
        path = os.path.join(self._order["folder"], name)  # noqa: PTH118
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, data)  # at once: it is short
        os.close(file)


def _keymaps() -> tuple[str, ...]:
    """Where the X server has its keymap compiled: xorg-server, xkb/ddxLoad.c."""
    return ("/var/lib/xkb",) if os.geteuid() == 0 else ("/tmp",)  # noqa: S108


def _heed_termination() -> int:
    """A file descriptor that becomes readable once we are sent SIGTERM.

    The closed socket says that the gateway went, unless somebody else still holds it.
    """
    readable, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written)
    signal.signal(signal.SIGTERM, lambda *_: None)
    return readable


def _read_order(gateway: socket.socket) -> dict | None:  # type: ignore[type-arg]
    """The gateway's line; None where it went before it had said it."""
    data = b""
    while not data.endswith(b"\n"):
        more = gateway.recv(_LONGEST_ORDER)
        if not more or _LONGEST_ORDER < len(data):
            return None
        data += more
    order: dict = json.loads(data)  # type: ignore[type-arg]
    return order


def _written(output: int) -> bytes:
    """What a program has written to a terminal; b"" once it has left it."""
    try:
        return os.read(output, _OUTPUT)
    except OSError as error:
        # EIO: nobody has the other end any more.
        if error.errno not in {errno.EIO, errno.EAGAIN}:
            raise
        return b""


def _tell(gateway: socket.socket, event: dict) -> None:  # type: ignore[type-arg]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(OSError):  # it has gone, which ends us anyway
        gateway.sendall(json.dumps(event).encode() + b"\n")
