"""A bounded reader for the JSON that deployments come in, comments and all.

`az deployment group create` sends no JSON: it cuts a JSON object short and appends
`, template:<the file's own text>}}`. So names may lack their quotes, and comments, a comma before
a closing bracket and line breaks within strings are as welcome as they are to Azure. Everything
else is RFC 8259's.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, NoReturn

from gateway.errors import DeploymentRefused

MAX_TEXT: Final = (
    1024 * 1024
)  # characters; Azure takes 4 MB, for templates that create a data centre
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 100_000
MAX_DIGITS: Final = 400

# Blank space and comments. The repetitions are possessive: nothing is ever read twice.
_BLANK: Final = re.compile(r"(?:[ \t\r\n]++|//[^\n]*+|/\*(?s:.*?)\*/)*+")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]*")
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_ESCAPES: Final = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip


class Object(dict[str, Any]):
    """A JSON object that knows where it begins: the line and column of its `{`, from 1."""

    __slots__ = ("column", "line")

    def __init__(self, line: int = 0, column: int = 0) -> None:
        super().__init__()
        self.line = line
        self.column = column


def read_jsonc(text: str) -> Any:
    """The value that `text` says; objects are `Object`s, integers `int`, other numbers `float`.

    Work and depth are bounded. Raises: DeploymentRefused (InvalidRequestContent), with the place.
    """
    return _Reader(text).whole()


def count_from_its_start(whole: Object) -> None:
    """Let places within `whole` count from its own first line, as its author's editor does."""
    lines, columns, first = whole.line - 1, whole.column - 1, whole.line
    waiting: list[Any] = [whole]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Object):
            each.column -= columns if each.line == first else 0
            each.line -= lines
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._line_start = 1, 0
        self._counted_to = 0
        self._values = 0

    def whole(self) -> Any:
        if MAX_TEXT < len(self._text):
            self._fail(f"it is longer than {MAX_TEXT} characters")
        if self._text.startswith("\ufeff"):
            self._at = 1
        self._skip()
        value = self._value(0)
        self._skip()
        if self._at < len(self._text):
            self._fail("something follows the end of the value")
        return value

    def _value(self, depth: int) -> Any:
        self._values += 1
        if MAX_VALUES < self._values:
            self._fail(f"it holds more than {MAX_VALUES} values")
        if MAX_DEPTH < depth:
            self._fail(f"it is nested deeper than {MAX_DEPTH}")
        match self._peek():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                return self._string()
            case _:
                return self._scalar()

    def _object(self, depth: int) -> Object:
        found = Object(*self._place())
        self._at += 1
        while not self._closed("}", first=not found):
            name = self._name()
            if name in found:
                self._fail(f"the property '{name[:80]}' is given twice")
            self._skip()
            self._expect(":")
            self._skip()
            found[name] = self._value(depth + 1)
        return found

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while not self._closed("]", first=not found):
            found.append(self._value(depth + 1))
        return found

    def _closed(self, bracket: str, *, first: bool) -> bool:
        """Step over the comma before the next member, or over the closing bracket."""
        self._skip()
        if not first and self._peek() != bracket:
            self._expect(",")
            self._skip()
        if self._peek() != bracket:
            return False
        self._at += 1
        return True

    def _name(self) -> str:
        if self._peek() == '"':
            return self._string()
        word = _WORD.match(self._text, self._at)
        if word is None:
            self._fail("a property's name is expected")
        self._at = word.end()
        return word[0]

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            self._fail("a string does not end")
        text = found[1]
        if "\\" in text:
            text = _ESCAPE.sub(self._unescaped, text)
        if any("\ud800" <= c <= "\udfff" for c in text):
            text = self._paired(text)
        self._at = found.end()
        return text

    def _unescaped(self, escape: re.Match[str]) -> str:
        word = escape[1]
        if len(word) == 5:
            return chr(int(word[1:], 16))
        if word not in _ESCAPES:
            self._fail("a string holds an escape that JSON does not know")
        return _ESCAPES[word]

    def _paired(self, text: str) -> str:
        # RFC 8259 §7: what lies beyond the basic plane is written as a pair of surrogates.
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self._fail("a string holds half a surrogate pair")

    def _scalar(self) -> Any:
        if word := _WORD.match(self._text, self._at):
            if word[0] not in _WORDS:
                self._fail("a value is expected")
            self._at = word.end()
            return _WORDS[word[0]]
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            self._fail("a value is expected")
        self._at = number.end()
        return self._number(number)

    def _number(self, number: re.Match[str]) -> int | float:
        if MAX_DIGITS < len(number[0]):
            self._fail("a number is too long")
        if number[1] is None and number[2] is None:
            return int(number[0])
        value = float(number[0])
        if math.isinf(value):
            self._fail("a number is too large")
        return value

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        assert blank is not None  # the pattern matches the empty text too
        self._at = blank.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            self._fail(f"'{sign}' is expected")
        self._at += 1

    def _place(self) -> tuple[int, int]:
        """Line and column of the next character. Each line break is counted once."""
        breaks = self._text.count("\n", self._counted_to, self._at)
        if breaks:
            self._line += breaks
            self._line_start = self._text.rfind("\n", self._counted_to, self._at) + 1
        self._counted_to = max(self._counted_to, self._at)
        return self._line, self._at - self._line_start + 1

    def _fail(self, reason: str) -> NoReturn:
        line, column = self._place()
        raise DeploymentRefused(
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: "
            f"'{reason}, line {line}, position {column}.'.",
            line=line,
            column=column,
        )
