"""Everything that lies sealed in the store, whichever aggregate it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Column, Text, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import metadata

# The schema marks them, so that a new one cannot be forgotten here.
COLUMNS: Final[tuple[Column[Text], ...]] = tuple(
    column
    for table in metadata.sorted_tables
    for column in table.columns
    if column.info.get("sealed")
)


class Sealed:
    """The sealed values of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def reseal(self, anew: Callable[[str], str]) -> Mapping[str, int]:
        """Put `anew(value)` in the place of each; how many there were, by `table.column`.

        What `anew` raises goes up, and nothing is written then.
        """
        counts = {}
        for column in COLUMNS:
            (key,) = column.table.primary_key.columns
            found = select(key, column).where(column.is_not(None))
            rows = (await self._connection.execute(found)).all()
            for row_key, value in rows:
                row = update(column.table).where(key == row_key)
                await self._connection.execute(row.values({column: anew(value)}))
            counts[f"{column.table.name}.{column.name}"] = len(rows)
        return counts
