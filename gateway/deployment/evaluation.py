"""What a template's values come to: parameters, variables, and the place it is deployed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from gateway.deployment.expressions import (
    Call,
    Expression,
    ExpressionError,
    Index,
    Literal,
    Property,
    is_expression,
    literal_text,
    parse_expression,
)
from gateway.deployment.functions import FUNCTIONS, MANY, truth
from gateway.deployment.resource_ids import Scope, resource_id
from gateway.deployment.values import Work, has_member, kind_of, member

MAX_DEPTH: Final = 128  # of values and expressions within each other, through all definitions


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A value, and the names (casefolded) of the parameters that had a say in it."""

    value: Any
    read: frozenset[str]


@dataclass(frozen=True, slots=True)
class Definition:
    """A parameter or a variable: a value that is given, or one that is yet to be evaluated."""

    name: str  # as the template spells it
    written: Any
    given: bool = False  # what a caller gives holds no expressions


class Evaluator:
    """Evaluates one template's values, each parameter and variable once. Work is bounded."""

    def __init__(
        self,
        scope: Scope,
        parameters: Mapping[str, Definition],
        variables: Mapping[str, Definition],
    ) -> None:
        """`parameters` and `variables` by casefolded name."""
        self._scope = scope
        self._parameters = parameters
        self._variables = variables
        self._work = Work()
        self._known: dict[tuple[str, str], Evaluated] = {}
        self._under_way: list[tuple[str, str]] = []
        self._depth = 0
        self._read: set[str] = set()
        self._lazy: dict[str, tuple[Callable[[Sequence[Expression]], Any], int, int]] = {
            "and": (self._and, 2, MANY),
            "coalesce": (self._coalesce, 1, MANY),
            "if": (self._if, 3, 3),
            "or": (self._or, 2, MANY),
        }
        self._about: dict[str, tuple[Callable[[Sequence[Any]], Any], int, int]] = {
            "deployment": (lambda _: {"name": scope.deployment}, 0, 0),
            "parameters": (lambda a: self._definition("parameter", a[0]), 1, 1),
            "resourcegroup": (lambda _: scope.group_object(), 0, 0),
            "resourceid": (lambda a: resource_id(scope, a), 2, MANY),
            "subscription": (lambda _: scope.subscription_object(), 0, 0),
            "variables": (lambda a: self._definition("variable", a[0]), 1, 1),
        }

    def value(self, written: Any) -> Evaluated:
        """What a template's value comes to, its strings evaluated. Raises: ExpressionError."""
        with self._noting() as read:
            value = self._whole(written)
        return Evaluated(value, frozenset(read))

    def parameter(self, name: str) -> Evaluated:
        """The value of a parameter. Raises: ExpressionError."""
        with self._noting() as read:
            value = self._definition("parameter", name)
        return Evaluated(value, frozenset(read))

    def _whole(self, written: Any) -> Any:
        if isinstance(written, str):
            return self._text(written)
        with self._deeper():
            if isinstance(written, list):
                return [self._whole(item) for item in written]
            if isinstance(written, dict):
                return {name: self._whole(item) for name, item in written.items()}
        return written

    def _text(self, written: str) -> Any:
        if not is_expression(written):
            return literal_text(written)
        found = self._expression(parse_expression(written))
        self._work.spend_on(found)
        return found

    def _expression(self, tree: Expression) -> Any:
        with self._deeper():
            match tree:
                case Literal():
                    return tree.value
                case Call():
                    return self._call(tree)
                case Property():
                    return self._property(self._expression(tree.of), tree.name, tree.position)
                case Index():
                    return self._index(tree)

    def _call(self, call: Call) -> Any:
        self._work.spend(1)
        name = call.name.casefold()
        if lazy := self._lazy.get(name):
            run, least, most = lazy
            self._count(call, least, most)
            return run(call.arguments)
        about, known = self._about.get(name), FUNCTIONS.get(name)
        if about is None and known is None:
            raise ExpressionError(
                f"the template function '{call.name[:80]}' at position {call.position} is not valid"
            )
        if about is not None:
            self._count(call, about[1], about[2])
            return about[0](self._all(call.arguments))
        assert known is not None
        self._count(call, known.least, known.most)
        return known.run(self._all(call.arguments), self._work)

    def _count(self, call: Call, least: int, most: int) -> None:
        if not least <= len(call.arguments) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise ExpressionError(
                f"the template function '{call.name}' at position {call.position} takes "
                f"{wanted} argument(s), not {len(call.arguments)}"
            )

    def _all(self, arguments: Sequence[Expression]) -> list[Any]:
        found = [self._expression(argument) for argument in arguments]
        self._work.spend_on([value for value in found if isinstance(value, str)])
        return found

    def _property(self, of: Any, name: str, position: int) -> Any:
        if not isinstance(of, dict):
            raise ExpressionError(
                f"{kind_of(of)} has no property '{name[:80]}' at position {position}"
            )
        if not has_member(of, name):
            raise ExpressionError(
                f"the language expression property '{name[:80]}' at position {position} "
                "doesn't exist"
            )
        return member(of, name)

    def _index(self, tree: Index) -> Any:
        of, key = self._expression(tree.of), self._expression(tree.key)
        if isinstance(of, dict) and isinstance(key, str):
            if not has_member(of, key):
                raise ExpressionError(f"there is no such property at position {tree.position}")
            return member(of, key)
        if not isinstance(of, list) or not isinstance(key, int) or isinstance(key, bool):
            raise ExpressionError(
                f"{kind_of(of)} has no index of the kind {kind_of(key)} at position {tree.position}"
            )
        if not 0 <= key < len(of):
            raise ExpressionError(f"the index is out of bounds at position {tree.position}")
        return of[key]

    def _if(self, arguments: Sequence[Expression]) -> Any:
        chosen = 1 if truth("if", self._expression(arguments[0])) else 2
        return self._expression(arguments[chosen])

    def _and(self, arguments: Sequence[Expression]) -> bool:
        return all(truth("and", self._expression(argument)) for argument in arguments)

    def _or(self, arguments: Sequence[Expression]) -> bool:
        return any(truth("or", self._expression(argument)) for argument in arguments)

    def _coalesce(self, arguments: Sequence[Expression]) -> Any:
        found = (self._expression(argument) for argument in arguments)
        return next((value for value in found if value is not None), None)

    def _definition(self, what: str, name: Any) -> Any:
        definitions = self._parameters if what == "parameter" else self._variables
        found = definitions.get(name.casefold()) if isinstance(name, str) else None
        if found is None:
            asked = f" '{name[:80]}'" if isinstance(name, str) else ""
            raise ExpressionError(f"the template {what}{asked} is not found")
        key = what, found.name.casefold()
        if key not in self._known:
            self._known[key] = self._settled(key, found)
        self._read |= self._known[key].read
        return self._known[key].value

    def _settled(self, key: tuple[str, str], definition: Definition) -> Evaluated:
        if key in self._under_way:
            raise ExpressionError(f"the template {key[0]} '{definition.name[:80]}' needs itself")
        self._under_way.append(key)
        try:
            with self._noting() as read:
                value = definition.written if definition.given else self._whole(definition.written)
        finally:
            self._under_way.pop()
        self._work.spend_on(value)
        own = {key[1]} if key[0] == "parameter" else set()
        return Evaluated(value, frozenset(read | own))

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """One step further in. A template must not reach the end of the interpreter's stack."""
        if MAX_DEPTH <= self._depth:
            raise ExpressionError(f"expressions hang on each other deeper than {MAX_DEPTH}")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def _noting(self) -> Iterator[set[str]]:
        """Collect which parameters are read inside; whoever asked around it read them too."""
        outside, self._read = self._read, set()
        try:
            yield self._read
        finally:
            outside |= self._read
            self._read = outside
