"""A console's runtime folder: private, gone with its console, swept away where nobody did it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "eva-rdp-"
_LOCK: Final = ".lock"


class RuntimeFolder:
    """Mode 0700. INVARIANT: its lock is held for as long as the gateway that made it lives.

    The kernel lets go of a lock when its process is gone, however it went.
    """

    def __init__(self) -> None:
        """Raises: OSError."""
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Nobody sees it by this name before it is held.
            (self.path / "lock").rename(self.path / _LOCK)
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def remove(self) -> None:
        """With all that is in it; never raises. The second time nothing happens."""
        lock, self._lock = self._lock, -1
        if lock != -1:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(lock)


def sweep() -> int:
    """Remove the folders of gateways that are gone; returns how many. Never raises.

    Left alone is whatever is not certain to be one: other people's folders, links, other modes,
    a lock that is missing, or somebody else's, or held.
    """
    removed = 0
    with suppress(OSError):
        for entry in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
            with suppress(OSError):
                removed += _removed(entry)
    return removed


def _removed(path: Path) -> bool:
    folder = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY)
    try:
        if not _is_ours(os.fstat(folder)):
            return False
        lock = os.open(_LOCK, os.O_NOFOLLOW | os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder)
        try:
            found = os.fstat(lock)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return False
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where it is held
            shutil.rmtree(path)
            return True
        finally:
            os.close(lock)
    finally:
        os.close(folder)


def _is_ours(found: os.stat_result) -> bool:
    # One that runs as root may have given it to the user whom the programs became.
    ours = os.geteuid() in {0, found.st_uid}
    return ours and stat.S_IMODE(found.st_mode) == 0o700
