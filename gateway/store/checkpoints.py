"""The audit log's checkpoints: its head from time to time, in a file outside the database."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from gateway.store.audit_chain import Checkpoint, Head


class Checkpoints:
    """A file of checkpoints, one line each, its owner's alone.

    INVARIANT: lines are only ever added, and their `seq` only grows: a store that was cut short
    cannot talk its own checkpoints down.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._newest: Checkpoint | None = None

    def all(self) -> tuple[Checkpoint, ...]:
        """Return every checkpoint, oldest first; none where there is no file yet.

        A line that a crash cut short is passed over. Raises: OSError.
        """
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return ()
        return tuple(found for line in lines if (found := _checkpoint(line)) is not None)

    def newest(self) -> Checkpoint | None:
        """Return the checkpoint that covers most of the log. Raises: OSError."""
        if self._newest is None:
            self._newest = max(self.all(), key=lambda checkpoint: checkpoint.seq, default=None)
        return self._newest

    def append(self, head: Head, now: datetime) -> bool:
        """Note the head of the log and flush it to disk: False where it has not moved on.

        Blocks for one disk flush. Raises: OSError.
        """
        newest = self.newest()
        if head.seq <= (newest.seq if newest else 0):
            return False
        checkpoint = Checkpoint(head.seq, head.hash, now)
        _append_line(self._path, checkpoint)
        self._newest = checkpoint
        return True


def _append_line(path: Path, checkpoint: Checkpoint) -> None:
    at = checkpoint.at.astimezone(UTC).isoformat()
    line = json.dumps({"seq": checkpoint.seq, "hash": checkpoint.hash, "at": at})
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # The line feed comes first: a line that a crash cut short spoils none but itself.
        os.write(file, f"\n{line}".encode())
        os.fsync(file)
    finally:
        os.close(file)


def _checkpoint(line: str) -> Checkpoint | None:
    try:
        values = json.loads(line)
        at = datetime.fromisoformat(values["at"])
        return Checkpoint(int(values["seq"]), str(values["hash"]), at)
    except (ValueError, KeyError, TypeError):
        return None
