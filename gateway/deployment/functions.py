"""The functions of the template language that are known here.

Each takes values and gives one. What looks at the deployment itself (`parameters`, `variables`,
`resourceGroup` …) and what leaves arguments alone (`if`, `and` …) is in `evaluation`. Sources:
Azure's reference "ARM template functions"; where that is silent, the narrower reading is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from gateway.deployment.expressions import ExpressionError
from gateway.deployment.jsonc import read_jsonc
from gateway.deployment.values import MAX_STRING, Work, has_member, kind_of, same
from gateway.errors import DeploymentRefused

Values = Sequence[Any]
MANY: Final = 255

_HOLE: Final = re.compile(r"\{\{|\}\}|\{([0-9]{1,3})\}|[{}]")
_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


@dataclass(frozen=True, slots=True)
class Function:
    run: Callable[[Values, Work], Any]
    least: int
    most: int


def _concat(values: Values, work: Work) -> Any:
    if all(isinstance(value, list) for value in values):
        work.spend(sum(map(len, values)))
        return [item for value in values for item in value]
    return _joined("", [_plain("concat", value) for value in values])


def _format(values: Values, _work: Work) -> str:
    pattern, *rest = _text("format", values[0]), *values[1:]
    made: list[str] = []
    length = end = 0
    for hole in _HOLE.finditer(pattern):
        made += [pattern[end : hole.start()], _filled(hole, rest)]
        length += len(made[-1]) + len(made[-2])
        if MAX_STRING < length:
            break
        end = hole.end()
    made.append(pattern[end:])
    return _within("".join(made))


def _filled(hole: re.Match[str], values: Values) -> str:
    if hole[0] in ("{{", "}}"):
        return hole[0][0]
    if hole[1] is None:
        raise ExpressionError("format: only holes such as {0} are known")
    if len(values) <= int(hole[1]):
        raise ExpressionError(f"format: there is no argument for {hole[0]}")
    return _plain("format", values[int(hole[1])])


def _string(values: Values, work: Work) -> str:
    value = values[0]
    if isinstance(value, (dict, list)):
        work.spend_on(value)
        return _within(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return _plain("string", value)


def _int(values: Values, _work: Work) -> int:
    value = values[0]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise ExpressionError("int: the argument is not a whole number")


def _bool(values: Values, _work: Work) -> bool:
    value = values[0]
    if isinstance(value, (bool, int)):
        return bool(value)
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    raise ExpressionError("bool: the argument is neither true nor false")


def _equals(values: Values, work: Work) -> bool:
    work.spend_on(list(values))
    return same(*values)


def _not(values: Values, _work: Work) -> bool:
    return not truth("not", values[0])


def _empty(values: Values, _work: Work) -> bool:
    return values[0] is None or len(_sized("empty", values[0])) == 0


def _length(values: Values, _work: Work) -> int:
    return len(_sized("length", values[0]))


def _json(values: Values, work: Work) -> Any:
    text = _text("json", values[0])
    work.spend(len(text) // 4)  # reading costs more than holding
    try:
        found = read_jsonc(text)
    except DeploymentRefused:
        # The reader's own words may hold a piece of the text.
        raise ExpressionError("json: the argument is not JSON") from None
    work.spend_on(found)
    return found


def _to_lower(values: Values, _work: Work) -> str:
    return _text("toLower", values[0]).lower()


def _to_upper(values: Values, _work: Work) -> str:
    return _text("toUpper", values[0]).upper()


def _trim(values: Values, _work: Work) -> str:
    return _text("trim", values[0]).strip()


def _starts_with(values: Values, _work: Work) -> bool:
    text, start = (_text("startsWith", value) for value in values)
    return text.casefold().startswith(start.casefold())


def _ends_with(values: Values, _work: Work) -> bool:
    text, end = (_text("endsWith", value) for value in values)
    return text.casefold().endswith(end.casefold())


def _replace(values: Values, _work: Work) -> str:
    text, old, new = (_text("replace", value) for value in values)
    if not old:
        raise ExpressionError("replace: the text to replace is empty")
    if MAX_STRING < len(text) + text.count(old) * len(new):
        _too_long()
    return text.replace(old, new)


def _split(values: Values, work: Work) -> list[str]:
    text, separator = (_text("split", value) for value in values)
    if not separator:
        raise ExpressionError("split: the delimiter is empty")
    work.spend(text.count(separator))
    return text.split(separator)


def _join(values: Values, work: Work) -> str:
    items, separator = values
    if not isinstance(items, list):
        raise ExpressionError("join: the first argument is not an array")
    work.spend(len(items))
    return _joined(_text("join", separator), [_plain("join", item) for item in items])


def _first(values: Values, _work: Work) -> Any:
    return _end("first", values[0], 0)


def _last(values: Values, _work: Work) -> Any:
    return _end("last", values[0], -1)


def _end(name: str, value: Any, index: int) -> Any:
    if isinstance(value, str):
        return value[index] if value else ""
    if isinstance(value, list):
        return value[index] if value else None
    raise ExpressionError(f"{name}: the argument is neither a string nor an array")


def _contains(values: Values, work: Work) -> bool:
    container, wanted = values
    work.spend_on(container)
    if isinstance(container, str):
        return _plain("contains", wanted) in container
    if isinstance(container, dict):
        return has_member(container, _text("contains", wanted))
    if isinstance(container, list):
        return any(same(item, wanted) for item in container)
    raise ExpressionError("contains: the first argument cannot contain anything")


def _create_array(values: Values, work: Work) -> list[Any]:
    work.spend_on(list(values))
    return list(values)


def _create_object(values: Values, work: Work) -> dict[str, Any]:
    if len(values) % 2:
        raise ExpressionError("createObject: a value is missing")
    made = {
        _text("createObject", name): value
        for name, value in zip(values[::2], values[1::2], strict=True)
    }
    work.spend_on(made)
    return made


def truth(name: str, value: Any) -> bool:
    """`value`, where it is true or false. Raises: ExpressionError."""
    if not isinstance(value, bool):
        raise ExpressionError(f"{name}: true or false is expected, not {kind_of(value)}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"{name}: a string is expected, not {kind_of(value)}")
    return value


def _plain(name: str, value: Any) -> str:
    """A string, a number or a truth as text; Azure writes truths with a capital."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, (int, float)):
        return json.dumps(value)
    raise ExpressionError(f"{name}: a string or a number is expected, not {kind_of(value)}")


def _sized(name: str, value: Any) -> Any:
    if isinstance(value, (str, list, dict)):
        return value
    raise ExpressionError(f"{name}: {kind_of(value)} has no length")


def _joined(separator: str, parts: list[str]) -> str:
    if MAX_STRING < sum(map(len, parts)) + len(separator) * len(parts):
        _too_long()
    return separator.join(parts)


def _within(text: str) -> str:
    if MAX_STRING < len(text):
        _too_long()
    return text


def _too_long() -> NoReturn:
    raise ExpressionError(f"a string would be longer than {MAX_STRING} characters")


FUNCTIONS: Final[dict[str, Function]] = {
    "bool": Function(_bool, 1, 1),
    "concat": Function(_concat, 1, MANY),
    "contains": Function(_contains, 2, 2),
    "createarray": Function(_create_array, 0, MANY),
    "createobject": Function(_create_object, 0, MANY),
    "empty": Function(_empty, 1, 1),
    "endswith": Function(_ends_with, 2, 2),
    "equals": Function(_equals, 2, 2),
    "false": Function(lambda _values, _work: False, 0, 0),
    "first": Function(_first, 1, 1),
    "format": Function(_format, 1, MANY),
    "int": Function(_int, 1, 1),
    "join": Function(_join, 2, 2),
    "json": Function(_json, 1, 1),
    "last": Function(_last, 1, 1),
    "length": Function(_length, 1, 1),
    "not": Function(_not, 1, 1),
    "null": Function(lambda _values, _work: None, 0, 0),
    "replace": Function(_replace, 3, 3),
    "split": Function(_split, 2, 2),
    "startswith": Function(_starts_with, 2, 2),
    "string": Function(_string, 1, 1),
    "tolower": Function(_to_lower, 1, 1),
    "toupper": Function(_to_upper, 1, 1),
    "trim": Function(_trim, 1, 1),
    "true": Function(lambda _values, _work: True, 0, 0),
}
