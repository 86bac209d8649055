"""An upstream whose screen comes from a child."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.backends.rdp.desktop import Desktop
from gateway.backends.upstream import Upstream
from gateway.backends.wire import Ended, Heard, Wire
from gateway.errors import UpstreamError

_VERDICT_PATIENCE: Final = 0.5  # seconds in which the child says why its screen went away


class RdpUpstream(Upstream):
    """Ends with its child, for the child's reason."""

    def __init__(self, screen: Upstream, wire: Wire, desktop: Desktop) -> None:
        super().__init__(screen.connection, wire, screen.early)
        self._desktop = desktop
        self._heard: Heard | None = None
        self._tell_end: Ended | None = None

    def listen(self, heard: Heard, ended: Ended) -> None:
        """Hand over what has come and what comes; `ended` is told the child's reason."""
        self._heard, self._tell_end = heard, ended
        self._desktop.ended = self._tell
        super().listen(self._hand_over, self._screen_ended)
        if self._desktop.error is not None:
            self._tell()

    async def close(self) -> None:
        """Close the stream, and end the child and all of it, within a second."""
        self._tell_end = self._desktop.ended = None
        try:
            await super().close()
        finally:
            await self._desktop.close()

    def _hand_over(self, data: bytes) -> None:
        """Nothing behind the end, though the X server may still paint when the child tells it."""
        if self._heard is not None:
            self._heard(data)

    def _screen_ended(self, error: Exception | None) -> None:
        """The screen goes first where the child ends it; why is on its way."""
        if self._desktop.error is None:
            asyncio.get_running_loop().call_later(_VERDICT_PATIENCE, self._tell, error)
        else:
            self._tell()

    def _tell(self, error: Exception | None = None) -> None:
        if self._tell_end is None:
            return
        tell, self._heard, self._tell_end = self._tell_end, None, None
        fallback = error or UpstreamError("the screen of the RDP client went away")
        tell(self._desktop.error or fallback)
