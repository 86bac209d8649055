"""The template language's expressions: `[concat(parameters('vm'), '/x')]` into a tree.

Literals are strings in single quotes (`''` is one quote) and whole numbers; everything else is a
call, a property or an index. A tree is data: `evaluation` gives it a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

MAX_EXPRESSION: Final = 24_576  # characters, as in Azure
MAX_DEPTH: Final = 32

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*+')|(?P<number>-?[0-9]{1,18}(?![0-9]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[()\[\],.])|(?P<end>\Z))"
)


class ExpressionError(ValueError):
    """The expression cannot be read or has no value; the message is a sentence's end.

    INVARIANT: it names functions, types and places, never a value: that may be a secret.
    """


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    name: str  # as written; functions go by their name in lower case
    arguments: tuple[Expression, ...]
    position: int  # of the name, from 1, counted from the opening `[`


@dataclass(frozen=True, slots=True)
class Property:
    of: Expression
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    of: Expression
    key: Expression
    position: int


Expression = Literal | Call | Property | Index


def is_expression(text: str) -> bool:
    """Whether a template's string is an expression; `[[…]` is a text that begins with `[`."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def literal_text(text: str) -> str:
    """What a template's string says that is no expression."""
    return text[1:] if text.startswith("[[") and text.endswith("]") else text


def parse_expression(text: str) -> Expression:
    """The tree of `[…]`, its brackets included. Raises: ExpressionError."""
    if MAX_EXPRESSION < len(text):
        raise ExpressionError(f"the expression is longer than {MAX_EXPRESSION} characters")
    return _Parser(text[:-1]).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1  # past the opening bracket
        self._token = self._next()

    def whole(self) -> Expression:
        found = self._expression(0)
        if self._token.kind != "end":
            self._fail("the end of the expression is expected")
        return found

    def _expression(self, depth: int) -> Expression:
        if MAX_DEPTH < depth:
            raise ExpressionError(f"the expression is nested deeper than {MAX_DEPTH}")
        found = self._operand(depth)
        links = 0
        while self._token.text in (".", "["):
            # Each link nests the tree by one, as a call within a call does.
            links += 1
            if MAX_DEPTH < depth + links:
                raise ExpressionError(f"the expression is nested deeper than {MAX_DEPTH}")
            found = self._link(found, depth)
        return found

    def _operand(self, depth: int) -> Expression:
        token = self._take()
        if token.kind == "text":
            return Literal(token.text[1:-1].replace("''", "'"))
        if token.kind == "number":
            return Literal(int(token.text))
        if token.kind != "name":
            self._fail("a value is expected", token)
        if self._token.text != "(":
            self._fail(f"'(' is expected after '{token.text[:80]}'")
        return Call(token.text, self._arguments(depth), token.position)

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        self._expect("(")
        found: list[Expression] = []
        while self._token.text != ")":
            if found:
                self._expect(",")
            found.append(self._expression(depth + 1))
        self._expect(")")
        return tuple(found)

    def _link(self, of: Expression, depth: int) -> Expression:
        sign = self._take()
        if sign.text == ".":
            name = self._take()
            if name.kind != "name":
                self._fail("a property's name is expected", name)
            return Property(of, name.text, name.position)
        key = self._expression(depth + 1)
        self._expect("]")
        return Index(of, key, sign.position)

    def _expect(self, sign: str) -> None:
        if self._token.kind != "sign" or self._token.text != sign:
            self._fail(f"'{sign}' is expected")
        self._take()

    def _take(self) -> _Token:
        token = self._token
        if token.kind != "end":
            self._token = self._next()
        return token

    def _next(self) -> _Token:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            blank = len(self._text[self._at :]) - len(self._text[self._at :].lstrip())
            raise ExpressionError(
                f"the character at position {self._at + blank + 1} is not expected"
            )
        self._at = found.end()
        kind = found.lastgroup
        return _Token(kind, found[kind], found.start(kind) + 1)

    def _fail(self, reason: str, token: _Token | None = None) -> NoReturn:
        raise ExpressionError(f"{reason} at position {(token or self._token).position}")
