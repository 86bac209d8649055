"""A coroutine that is begun at once; a task goes on with it only where it must wait.

What a viewer is sent hardly ever waits, so that it goes out in the callback that brings the frame.
(Python 3.12's eager tasks do the same; this needs no task at all.)
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any


class Begun:
    """A coroutine that has run as far as it could. INVARIANT: unless `done`, it must be awaited."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.done = False
        self._coroutine = coroutine
        self._error: Exception | None = None
        self._waits_for: Any = None
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration:
            self.done = True
        except Exception as error:  # noqa: BLE001 - it is raised where this is awaited
            self._error = error

    def __await__(self) -> Generator[Any, Any, None]:
        if self._error is not None:
            raise self._error
        while not self.done:
            try:
                try:
                    answer = yield self._waits_for
                except BaseException as error:  # noqa: BLE001 - cancelled, say; it is handed on
                    self._waits_for = self._coroutine.throw(error)
                else:
                    self._waits_for = self._coroutine.send(answer)
            except StopIteration:
                self.done = True

    def close(self) -> None:
        """Go on with it never."""
        self._coroutine.close()
