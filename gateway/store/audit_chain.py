"""The audit log's hash chain: every record seals the one before it.

Pure. Whoever can write the database can also write a new chain, so the newest hash is kept outside
it too (`checkpoints`): against that, a rewritten or shortened log shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from gateway.store.audit_entry import canonical

GENESIS = "0" * 64  # what the first record follows


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A record as it lies in the log: texts, exactly as they were hashed."""

    seq: int
    at: str  # ISO 8601, UTC, microseconds
    actor: str
    role: str
    address: str
    action: str
    target: str
    outcome: str
    code: str
    reason: str
    details: str  # canonical JSON
    prev_hash: str
    hash: str

    @property
    def moment(self) -> datetime | None:
        """`at` as a moment; None where somebody made it unreadable."""
        try:
            return datetime.fromisoformat(self.at)
        except (TypeError, ValueError):
            return None

    @property
    def facts(self) -> Mapping[str, object]:
        """`details` as a mapping; empty where somebody made it unreadable."""
        try:
            facts = json.loads(self.details)
        except (TypeError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}


@dataclass(frozen=True, slots=True)
class Head:
    """A place in the chain: the newest record, at some moment."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint(Head):
    """The head of the log as it was at a moment, kept outside the store."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Intact:
    """Every record is the one that was written; `head` is the hash of the newest."""

    count: int
    head: str


@dataclass(frozen=True, slots=True)
class Broken:
    """`seq` is the first record that was changed, removed, added or moved."""

    seq: int
    why: str


def seal(seq: int, columns: Mapping[str, object], prev_hash: str) -> str:
    """Return a record's hash: SHA-256 over the hash before it and the record's canonical JSON."""
    body = canonical({**columns, "seq": seq})
    return hashlib.sha256(f"{prev_hash}{body}".encode()).hexdigest()


def verify_chain(
    records: Iterable[AuditRecord], head: Head | None = None, checkpoints: Iterable[Head] = ()
) -> Intact | Broken:
    """Check a whole log, oldest record first.

    `head` is where the log must end; `checkpoints`, kept outside the store, lie somewhere in it.
    """
    walk = ChainWalk(checkpoints)
    for record in records:
        broken = walk.step(record)
        if broken is not None:
            return broken
    return walk.finish(head)


class ChainWalk:
    """A verification in progress. Step through every record from the first, then finish."""

    def __init__(self, checkpoints: Iterable[Head] = ()) -> None:
        self._checkpoints = {checkpoint.seq: checkpoint.hash for checkpoint in checkpoints}
        self._seq = 0
        self._hash = GENESIS
        self._proven = 0  # the newest record that a checkpoint vouches for

    def step(self, record: AuditRecord) -> Broken | None:
        """Judge the next record; after a Broken, stop."""
        expected = self._seq + 1
        if record.seq != expected:
            return Broken(expected, f"record {expected} is missing or out of place")
        if record.hash != seal(record.seq, _sealed(record), record.prev_hash):
            return Broken(expected, f"record {expected} was changed")
        if record.prev_hash != self._hash:
            # This record is whole and vouches for another one before it than we saw.
            suspect = max(1, self._seq)
            return Broken(suspect, f"record {suspect} is not the one that was sealed")
        self._seq, self._hash = expected, record.hash
        return self._meet_checkpoint()

    def finish(self, head: Head | None = None) -> Intact | Broken:
        """Judge the end of the log; `head` is where it must end."""
        newest = max([*self._checkpoints, head.seq if head else 0])
        if self._seq < newest:
            missing = self._seq + 1
            return Broken(missing, f"records {missing} to {newest} are missing")
        if head is not None and head.seq < self._seq:
            return Broken(head.seq + 1, f"record {head.seq + 1} was added behind the store's back")
        if head is not None and head.hash != self._hash:
            return self._rewritten()
        return Intact(self._seq, self._hash)

    def _meet_checkpoint(self) -> Broken | None:
        vouched = self._checkpoints.get(self._seq)
        if vouched is None:
            return None
        if vouched != self._hash:
            return self._rewritten()
        self._proven = self._seq
        return None

    def _rewritten(self) -> Broken:
        # The chain fits together but is not ours: it departs somewhere behind the last checkpoint.
        first = self._proven + 1
        return Broken(first, f"records {first} to {self._seq} were rewritten")


SEALED = tuple(
    field.name for field in fields(AuditRecord) if field.name not in {"seq", "prev_hash", "hash"}
)


def _sealed(record: AuditRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in SEALED}
