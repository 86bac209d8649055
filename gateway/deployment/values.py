"""Values of the template language: their kinds, what they cost, when two are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.deployment.expressions import ExpressionError

MAX_WORK: Final = 200_000
MAX_STRING: Final = 256 * 1024
MAX_DEPTH: Final = 96
CHARACTERS_PER_UNIT: Final = 32

_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "Boolean"),  # before int: True is one
    (int, "Integer"),
    (float, "Float"),
    (str, "String"),
    (list, "Array"),
    (dict, "Object"),
    (type(None), "Null"),
)
_MISSING: Final = object()


class Work:
    """What one template may cost, in units of about one value each.

    INVARIANT: whatever is built or compared is paid for first or right after, so that no template
    costs more than `MAX_WORK` units and one value.
    """

    def __init__(self, units: int = MAX_WORK) -> None:
        self._left = units

    def spend(self, units: int) -> None:
        """Raises: ExpressionError when there is nothing left."""
        self._left -= units
        if self._left < 0:
            raise ExpressionError("the template asks for more work than is done for one")

    def spend_on(self, value: Any) -> None:
        """Pay for a value, member by member, and at most with what is left.

        Raises: ExpressionError, also where it is nested too deep to be written as JSON.
        """
        level, depth = [value], 0
        while level:
            if MAX_DEPTH < depth:
                raise ExpressionError(f"a value would be nested deeper than {MAX_DEPTH}")
            level = [member for each in level for member in self._paid(each)]
            depth += 1

    def _paid(self, value: Any) -> Iterable[Any]:
        """The members of `value`, itself paid for."""
        if isinstance(value, str):
            self.spend(1 + len(value) // CHARACTERS_PER_UNIT)
            return ()
        if isinstance(value, dict):
            self.spend(1 + len(value) + sum(map(len, value)) // CHARACTERS_PER_UNIT)
            return value.values()
        if isinstance(value, list):
            self.spend(1 + len(value))
            return value
        self.spend(1)
        return ()


def kind_of(value: Any) -> str:
    """What Azure calls the type of a value."""
    return next(word for kind, word in _KINDS if isinstance(value, kind))


def member(mapping: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """The member called `name`; names are the same in whatever case they are written."""
    found = mapping.get(name, _MISSING)
    if found is not _MISSING:
        return found
    wanted = name.casefold()
    return next((value for key, value in mapping.items() if key.casefold() == wanted), default)


def has_member(mapping: Mapping[str, Any], name: str) -> bool:
    return member(mapping, name, _MISSING) is not _MISSING


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: texts in the same case, and 1 is not true."""
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if isinstance(left, bool) is not isinstance(right, bool):
            return False
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            waiting.extend((value, right[key]) for key, value in left.items())
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            waiting.extend(zip(left, right, strict=True))
        elif left != right:
            return False
    return True
