"""Hears every log record of the process, whoever writes it, at every level."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Heard:
    """The records, as they were made."""

    def __init__(self) -> None:
        self.records: list[logging.LogRecord] = []

    def holding(self, secret: str) -> list[str]:
        """The loggers that wrote it."""
        return sorted({each.name for each in self.records if secret in _whole(each)})


@contextmanager
def all_ears() -> Iterator[Heard]:
    """While the block lasts, every logger is at DEBUG."""
    heard, make = Heard(), logging.getLogRecordFactory()

    def listen(*args: Any, **more: Any) -> logging.LogRecord:
        record = make(*args, **more)
        heard.records.append(record)  # looked at later: what is `extra` is added to it
        return record

    loggers = [logging.root, *(each for each in _known() if isinstance(each, logging.Logger))]
    before = [(each, each.level, each.disabled) for each in loggers]
    logging.setLogRecordFactory(listen)
    try:
        for each in loggers:
            each.setLevel(logging.DEBUG)
            each.disabled = False
        yield heard
    finally:
        logging.setLogRecordFactory(make)
        for each, level, disabled in before:
            each.setLevel(level)
            each.disabled = disabled


def _known() -> list[object]:
    return list(logging.root.manager.loggerDict.values())


def _whole(record: logging.LogRecord) -> str:
    """All that any handler could write of it."""
    try:
        said = record.getMessage()
    except (TypeError, ValueError) as error:
        said = str(error)
    trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
    return f"{said} {record.__dict__!r} {trace}"
