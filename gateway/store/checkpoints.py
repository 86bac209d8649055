"""The audit log's checkpoints: its head from time to time, in a file outside the database."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.store.audit_chain import Head


@dataclass(frozen=True, slots=True)
class Checkpoint(Head):
    """The head of the log as it was at a moment."""

    at: datetime


def append_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Append one line to `path` and flush it to disk; the file is its owner's alone.

    Blocks for one disk flush. Raises: OSError.
    """
    line = {
        "seq": checkpoint.seq,
        "hash": checkpoint.hash,
        "at": checkpoint.at.astimezone(UTC).isoformat(),
    }
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Begin with a line feed: a line that a crash cut short spoils none but itself.
        os.write(file, b"\n" + json.dumps(line).encode())
        os.fsync(file)
    finally:
        os.close(file)


def read_checkpoints(path: Path) -> tuple[Checkpoint, ...]:
    """Return the checkpoints in `path`, oldest first; none where there is no file.

    Lines that a crash cut short are passed over. Raises: OSError.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    return tuple(found for line in lines if (found := _checkpoint(line)) is not None)


def _checkpoint(line: str) -> Checkpoint | None:
    try:
        values = json.loads(line)
        at = datetime.fromisoformat(values["at"])
        return Checkpoint(int(values["seq"]), str(values["hash"]), at)
    except (ValueError, KeyError, TypeError):
        return None
