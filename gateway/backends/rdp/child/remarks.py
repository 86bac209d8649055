"""What FreeRDP says while it works: only words that are known are kept, and never a line of it."""

from __future__ import annotations

import re

_LONGEST_LINE = 4096
_MOST = 64

# Names of FreeRDP's own errors, and the states that its log tells (libfreerdp/core/connection.c).
_ERROR = re.compile(rb"\b(?:ERRCONNECT|ERRINFO|LOGON)_[A-Z0-9_]{3,60}")
_STATE = re.compile(rb"CONNECTION_STATE_([A-Z_]{2,40}) --> CONNECTION_STATE_([A-Z_]{2,40})")
# What X.224 asks for; a Hyper-V host hears it after the login, others before.
_ASKED = b"RequestedProtocols"
# Words that it writes beside its errors, and the ones that we give them.
_PHRASES = {
    b"certificate not trusted": "CERTIFICATE",
    b"Protocol Security Negotiation Failure": "NEGOTIATION",
    b"failed to open display": "DISPLAY",
}


class Remarks:
    """Reads FreeRDP's output as it comes."""

    def __init__(self) -> None:
        self.errors: list[str] = []  # each once, in their order
        self.states: list[str] = []
        self.over = False  # the connection that it made has ended
        self._line = b""

    def read(self, data: bytes) -> bool:
        """Take in some more of it; whether there was any."""
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            self._note(line)
        self._line = rest[-_LONGEST_LINE:]
        return bool(data)

    def _note(self, line: bytes) -> None:
        line = line[:_LONGEST_LINE]
        for name in _ERROR.findall(line):
            self._keep(self.errors, name.decode())
        for phrase, word in _PHRASES.items():
            if phrase in line:
                self._keep(self.errors, word)
        if _ASKED in line and not self.over:
            self._keep(self.states, "X224")
        for before, after in _STATE.findall(line):
            # It would connect again by itself, or to where the server redirects it: neither is its
            # to decide. A wrong password tried twice is two steps towards a locked account.
            self.over |= after == b"INITIAL" != before
            if not self.over:
                self._keep(self.states, after.decode())

    def _keep(self, kept: list[str], word: str) -> None:
        if len(kept) < _MOST and (not kept or kept[-1] != word):
            kept.append(word)
