"""The server's role, towards a viewer: bytes in, messages out, no I/O (RFC 6143 §7.1–§7.5)."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from typing import Final

from gateway.errors import RfbError
from gateway.rfb.messages import EncodingsChanged, FormatChanged, Initialised, Message
from gateway.rfb.viewer_messages import parse_message
from gateway.rfb.vnc_auth import CHALLENGE_SIZE, respond
from gateway.rfb.wire import MAX_NAME, RGBX, Encoding, PixelFormat, Security

__all__ = ["ServerConnection"]

_VERSION: Final = b"RFB 003.008\n"
_SERVER_INIT: Final = struct.Struct(">HH16sI")  # width, height, pixel format, length of name
_U32: Final = struct.Struct(">I")
_OK: Final = _U32.pack(0)
_FAILED: Final = _U32.pack(1)

# Each step of the handshake waits for a number of bytes and takes them.
_Step = tuple[int, Callable[[bytes], list[Message]]]


class ServerConnection:
    """One viewer's connection, from its version to its last message.

    INVARIANT: whatever splits the stream, the same bytes give the same messages.
    """

    def __init__(
        self,
        width: int,
        height: int,
        name: str,
        *,
        password: str | None = None,
        challenge: bytes = b"",
    ) -> None:
        """`password` asks for VNC authentication with `challenge`, 16 random bytes."""
        if password is not None and len(challenge) != CHALLENGE_SIZE:
            raise ValueError("VNC authentication needs 16 random bytes as its challenge")
        # What ServerInit will say; the owner updates them if the screen changes size before.
        self.width = width
        self.height = height
        self.name = name
        self.pixel_format: PixelFormat = RGBX
        self.encodings: frozenset[int] = frozenset()
        self.running = False
        self.broken: RfbError | None = None  # how the viewer broke the protocol
        self._password = password
        self._challenge = challenge
        self._minor = 8
        self._ever_offered: frozenset[int] = frozenset()
        self._buffer = bytearray()
        self._outgoing = bytearray(_VERSION)
        self._step: _Step = (len(_VERSION), self._version_said)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """The messages that `data` completes.

        Raises: RfbError where the viewer broke the protocol or a bound; `data_to_send` may then
        hold a last word for it. What it said before is returned first: then the error waits in
        `broken` and is raised by the next call.
        """
        if self.broken is not None:
            raise self.broken
        self._buffer += data
        messages: list[Message] = []
        start = 0
        try:
            while (end := self._take(start, messages)) is not None:
                start = end
        except RfbError as error:
            self.broken = error
            self._buffer.clear()
            if not messages:
                raise
            return messages
        del self._buffer[:start]
        return messages

    def data_to_send(self) -> bytes:
        """The handshake's bytes that must be written now."""
        outgoing = bytes(self._outgoing)
        self._outgoing.clear()
        return outgoing

    def supports(self, encoding: int) -> bool:
        """Whether the viewer offered `encoding`; Raw needs no offer."""
        return encoding == Encoding.RAW or encoding in self.encodings

    @property
    def quality(self) -> int | None:
        """The JPEG quality level that the viewer offered, 0 … 9; None asks for no loss."""
        levels = [e for e in self.encodings if Encoding.QUALITY_0 <= e <= Encoding.QUALITY_9]
        return max(levels) - Encoding.QUALITY_0 if levels else None

    def _take(self, start: int, messages: list[Message]) -> int | None:
        """Take the step or message at `start`; where it ends, or None if it is not whole yet."""
        if self.running:
            parsed = parse_message(self._buffer, start)
            if parsed is None:
                return None
            end, message = parsed
            messages.append(self._noted(message))
            return end
        size, step = self._step
        end = start + size
        if len(self._buffer) < end:
            return None
        messages.extend(step(bytes(self._buffer[start:end])))
        return end

    def _noted(self, message: Message) -> Message:
        match message:
            case FormatChanged():
                self.pixel_format = message.pixel_format
            case EncodingsChanged():
                self.encodings = frozenset(message.encodings)
                new = self.encodings - self._ever_offered
                self._ever_offered |= new
                return EncodingsChanged(message.encodings, new)
            case _:
                pass
        return message

    def _version_said(self, said: bytes) -> list[Message]:
        # RFC 6143 §7.1.1: "RFB xxx.yyy\n"; any version we do not know speaks 3.3,
        # and whoever is newer than 3.8 knows 3.8.
        if said[:4] != b"RFB " or said[7:8] != b"." or said[11:] != b"\n":
            raise RfbError("the viewer does not speak RFB")
        if not (said[4:7].isdigit() and said[8:11].isdigit()):
            raise RfbError("the viewer's RFB version is no number")
        version = (int(said[4:7]), int(said[8:11]))
        self._minor = 8 if (3, 8) <= version else 7 if version == (3, 7) else 3
        kind = Security.NONE if self._password is None else Security.VNC
        if self._minor == 3:
            # RFC 6143 appendix A.1: version 3.3 is told its security type.
            self._outgoing += _U32.pack(kind)
            self._begin(kind)
        else:
            # RFC 6143 §7.1.2: the number of security types, then each in a byte.
            self._outgoing += bytes([1, kind])
            self._step = (1, self._security_chosen)
        return []

    def _security_chosen(self, said: bytes) -> list[Message]:
        kind = Security.NONE if self._password is None else Security.VNC
        if said[0] != kind:
            self._fail("this security type was not offered")
        self._begin(kind)
        return []

    def _begin(self, kind: Security) -> None:
        if kind == Security.VNC:
            # RFC 6143 §7.2.2: 16 bytes to encrypt with the password.
            self._outgoing += self._challenge
            self._step = (CHALLENGE_SIZE, self._challenge_answered)
        else:
            # RFC 6143 appendix A: before 3.8, None has no SecurityResult.
            if 8 <= self._minor:
                self._outgoing += _OK
            self._step = (1, self._client_init_said)

    def _challenge_answered(self, said: bytes) -> list[Message]:
        assert self._password is not None
        if not hmac.compare_digest(said, respond(self._challenge, self._password)):
            self._fail("the password is wrong")
        self._outgoing += _OK
        self._step = (1, self._client_init_said)
        return []

    def _fail(self, reason: str) -> None:
        # RFC 6143 §7.1.3: only 3.8 carries a reason behind a failed SecurityResult.
        self._outgoing += _FAILED
        if 8 <= self._minor:
            encoded = reason.encode()
            self._outgoing += _U32.pack(len(encoded)) + encoded
        raise RfbError(reason)

    def _client_init_said(self, said: bytes) -> list[Message]:
        # RFC 6143 §7.3.2
        name = self.name.encode(errors="replace")[:MAX_NAME]
        self._outgoing += _SERVER_INIT.pack(self.width, self.height, RGBX.pack(), len(name))
        self._outgoing += name
        self.running = True
        return [Initialised(shared=said[0] != 0)]
