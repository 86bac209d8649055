"""A client of an X server, by python-xlib."""

from __future__ import annotations

from typing import Any
from unittest import mock

from Xlib import display
from Xlib.protocol import event


class _Connection(display._BaseDisplay):  # type: ignore[misc]
    """python-xlib has one table of extensions' events for all servers, whose codes differ."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.event_classes = event.event_class.copy()
        super().__init__(*arguments, **options)


def open_display(name: str) -> display.Display:
    """Connect to that display, whatever other servers this process has talked to."""
    with mock.patch.object(display, "_BaseDisplay", _Connection):
        return display.Display(name)
