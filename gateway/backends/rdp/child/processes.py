"""Starting a program and waiting for its end by a file descriptor."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gateway.backends.rdp.child.bounds import die_with_parent
from gateway.backends.rdp.child.sandbox import Allowed, keep_within


class Process:
    """A program in a process group of its own."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        files: Mapping[int, int],
        folder: str,
        *,
        allowed: Allowed,
    ) -> None:
        """Start it in `folder`, where it may touch nothing but itself and `allowed`.

        `files`: which of our file descriptors it has as which of its own; it has no others.

        Raises: OSError.
        """
        parent = os.getpid()
        failed, told = os.pipe()  # closed by a successful exec
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setpgid(0, 0)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                die_with_parent(parent, signal.SIGKILL)
                os.chdir(folder)
                # Out of the way first: what is wanted as 0 may be what 1 becomes.
                kept = {
                    new: fcntl.fcntl(old, fcntl.F_DUPFD_CLOEXEC, 16) for new, old in files.items()
                }
                for new, copy in kept.items():
                    os.dup2(copy, new)
                keep_within(allowed, program)
                os.execve(program, [program, *arguments], dict(environment))  # noqa: S606
            except OSError as error:
                os.write(told, str(error.errno).encode())
            finally:
                os._exit(127)
        os.close(told)
        number = os.read(failed, 16)
        os.close(failed)
        if number:
            os.waitpid(self.pid, 0)
            raise OSError(int(number), os.strerror(int(number)), program)
        self.ended = os.pidfd_open(self.pid)  # readable once it has ended
        self._status: int | None = None

    def status(self) -> int:
        """Waits for its end: the exit code, or minus the signal that ended it."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.status()
