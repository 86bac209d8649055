"""Log lines: an event name plus fields, one JSON object a line, ours and the libraries'."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

# A value from outside may be long; the line that bears it must not be.
MAX_VALUE = 1024


def configure_logs(
    *, level: str = "info", form: Literal["json", "text"] = "json", to: TextIO | None = None
) -> None:
    """Send everything to `to` (standard error) in one form, from `level` up."""
    stream = to or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _cap_values,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(FloodGate())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Access lines would bear addresses and paths of every page; the audit log is the record.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)


def _cap_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and MAX_VALUE < len(value) and key != "exception":
            event[key] = value[:MAX_VALUE] + "…"
    return event


class FloodGate(logging.Filter):
    """Lets each message of a library through at most ten times a minute.

    asyncio logs "out of system resource" in a loop while the process has no file descriptors left.
    """

    PER_MINUTE = 10

    def __init__(self) -> None:
        super().__init__()
        self._window = 0.0
        self._seen: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written."""
        if record.name.startswith("gateway"):
            return True
        now = time.monotonic()
        if self._window + 60 <= now:
            self._window = now
            self._seen.clear()
        key = (record.name, str(record.msg))
        self._seen[key] = self._seen.get(key, 0) + 1
        return self._seen[key] <= self.PER_MINUTE
