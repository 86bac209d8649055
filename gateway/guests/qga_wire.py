"""The QEMU guest agent's wire: one JSON text a line, and the way back into step.

Source: QEMU's interop/qemu-ga-ref. The agent knows no connections: it answers what an earlier one
asked and did not wait for, so every conversation begins with `guest-sync-delimited`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import GuestError

MAX_REPLY: Final = 4 * 1024 * 1024
MAX_SKIPPED: Final = 8 * MAX_REPLY  # stale replies; who sends more has nothing to say
_MAX_SYNC_REPLY: Final = 256
_MARK: Final = b"\xff"  # occurs in no UTF-8 text


@dataclass(frozen=True, slots=True)
class Returned:
    """The command was done; its value is any JSON."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent's error, in whatever words it chose."""

    error_class: str
    description: str


Reply = Returned | Failed


def request(command: str, arguments: dict[str, Any]) -> bytes:
    """One command, in ASCII."""
    return json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"


def sync_request(token: int) -> bytes:
    """Ask for `token` back. The mark ends what somebody else left unfinished in the parser."""
    return _MARK + request("guest-sync-delimited", {"id": token})


class Replies:
    """Bytes in, replies out. INVARIANT: holds no more than MAX_REPLY bytes and one feed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # bytes known to hold no line's end
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def take_sync(self, token: int) -> bool:
        """Whether the answer to `sync_request(token)` came; what came before it is dropped.

        Raises: GuestError.
        """
        while True:
            start = self._buffer.find(_MARK)
            self._skip(len(self._buffer) if start < 0 else start)
            if start < 0:
                return False
            end = self._buffer.find(b"\n", 0, _MAX_SYNC_REPLY)
            if 0 <= end and _echoes(bytes(self._buffer[1:end]), token):
                # Nothing else was asked: whatever follows answers nothing of ours.
                self._buffer.clear()
                self._searched = self._skipped = 0
                return True
            if end < 0 and len(self._buffer) < _MAX_SYNC_REPLY:
                return False
            self._skip(1)

    def take(self) -> Reply | None:
        """The next reply, or None until there is more of it. Raises: GuestError."""
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if MAX_REPLY < (len(self._buffer) if end < 0 else end):
                raise GuestError("the guest agent's reply is too large")
            if end < 0:
                self._searched = len(self._buffer)
                return None
            text = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            if text.strip():
                return _reply(text)

    def _skip(self, count: int) -> None:
        self._skipped += count
        if MAX_SKIPPED < self._skipped:
            raise GuestError("the guest agent sends nothing but noise")
        del self._buffer[:count]


def _echoes(text: bytes, token: int) -> bool:
    try:
        return _reply(text) == Returned(token)
    except GuestError:
        return False


def _reply(text: bytes) -> Reply:
    try:
        said = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise GuestError("the guest agent's reply is not JSON") from None
    match said:
        case {"error": {"class": str(error_class), "desc": str(description)}}:
            return Failed(error_class, description)
        case {"return": value}:
            return Returned(value)
    raise GuestError("the guest agent's reply is none")
