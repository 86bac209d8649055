"""Frozen values to rows and back: a value's fields are its table's columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def values_of(value: DataclassInstance) -> dict[str, Any]:
    """Return the fields of `value` by name, as they are."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


async def one(
    connection: AsyncConnection, statement: Executable, make: Callable[..., T]
) -> T | None:
    """Return the only row of `statement` as a value, or None where there is none."""
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else make(**row)


async def many(
    connection: AsyncConnection, statement: Executable, make: Callable[..., T]
) -> tuple[T, ...]:
    """Return every row of `statement` as a value."""
    return tuple(make(**row) for row in (await connection.execute(statement)).mappings())
