"""The agent's log files of a VM, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import many, values_of
from gateway.store.schema import agent_logs

KEPT_LINES: Final = 5_000
"""How many lines of a VM's files are kept, the newest."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of one file. Its text came from a guest: hostile, bounded, without secrets."""

    vm_key: str
    handler: str
    version: str
    file: str  # such as "CommandExecution.log"
    at: datetime
    line: str


LINE = select(*(column for column in agent_logs.c if column.name != "id"))


class AgentLogs:
    """The agent's log lines of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, lines: Sequence[LogLine]) -> None:
        """Append lines; beyond `KEPT_LINES` the VM's oldest go."""
        if not lines:
            return
        await self._connection.execute(insert(agent_logs), [values_of(line) for line in lines])
        for vm_key in {line.vm_key for line in lines}:
            await self._trim(vm_key)

    async def list(
        self, vm_key: str, file: str | None = None, limit: int = KEPT_LINES
    ) -> tuple[LogLine, ...]:
        """Return the newest `limit` lines of a VM, the oldest of these first."""
        mine = [agent_logs.c.vm_key == vm_key.lower()]
        if file is not None:
            mine.append(agent_logs.c.file == file)
        newest = LINE.where(*mine).order_by(agent_logs.c.id.desc()).limit(limit)
        return tuple(reversed(await many(self._connection, newest, LogLine)))

    async def _trim(self, vm_key: str) -> None:
        mine = agent_logs.c.vm_key == vm_key
        newest = select(agent_logs.c.id).where(mine).order_by(agent_logs.c.id.desc())
        kept = newest.offset(KEPT_LINES).limit(1)
        oldest = (await self._connection.execute(kept)).scalar_one_or_none()
        if oldest is not None:
            await self._connection.execute(
                delete(agent_logs).where(mine, agent_logs.c.id <= oldest)
            )
