"""Rows that somebody looks at all the time, read again only once anything was committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.store import Store, Unit
from gateway.store.databases import Version

T = TypeVar("T")


class Kept(Generic[T]):
    """What `read` makes of the store as it is now.

    INVARIANT: it is as new as a reading that begins at this moment; the time is not among it.
    """

    def __init__(self, store: Store, read: Callable[[Unit], Awaitable[T]]) -> None:
        self._store = store
        self._read = read
        self._kept: tuple[Version, T] | None = None

    async def get(self) -> T:
        """Raises: StoreUnavailable."""
        # Before the rows: a commit in between makes the next look read again, never miss it.
        version = await self._store.version()
        if version is not None and self._kept is not None and self._kept[0] == version:
            return self._kept[1]
        async with self._store.reading() as unit:
            found = await self._read(unit)
        self._kept = None if version is None else (version, found)
        return found
