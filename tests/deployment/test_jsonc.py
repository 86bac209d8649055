"""JSON as people write templates, and as `az` splices it into a request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deployment import jsonc
from gateway.deployment.jsonc import MAX_DEPTH, MAX_TEXT, MAX_VALUES, Object, read_jsonc
from gateway.errors import DeploymentRefused

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

BLANKS = st.sampled_from(["", " ", "\r\n", "\t", '// a note, with "quotes"\n', "/* { */", "/**/"])


@given(VALUES, st.sampled_from([None, 2]))
def test_reads_what_json_writes(value: Any, indent: int | None) -> None:
    assert read_jsonc(json.dumps(value, indent=indent)) == value
    assert read_jsonc(json.dumps(value, ensure_ascii=False)) == value


@given(st.data())
def test_comments_change_nothing(data: st.DataObject) -> None:
    value = data.draw(VALUES)
    written = _commented(value, lambda: data.draw(BLANKS))
    assert read_jsonc(written) == value


def _commented(value: Any, blank: Any) -> str:
    """`value` in JSON with something skippable wherever that may stand, and trailing commas."""
    if isinstance(value, dict):
        inside = "".join(
            f"{blank()}{json.dumps(k)}{blank()}:{_commented(v, blank)}," for k, v in value.items()
        )
        return f"{blank()}{{{inside}{blank()}}}{blank()}"
    if isinstance(value, list):
        return f"{blank()}[{''.join(_commented(v, blank) + ',' for v in value)}{blank()}]"
    return f"{blank()}{json.dumps(value)}{blank()}"


@given(st.text(alphabet=st.sampled_from('{}[]:,"\\/*\n u0e-1.atrue')) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_jsonc(text)
    except DeploymentRefused as refusal:
        assert refusal.code == "InvalidRequestContent"
        assert 1 <= refusal.line <= text.count("\n") + 1


def test_what_az_sends() -> None:
    # The client cuts `}}` off its JSON and appends the template's own text, under a bare name.
    spliced = '{"properties": {"mode": "Incremental", template:{\r\n  // mine\r\n  "a": "b"\r\n}}}'
    assert read_jsonc(spliced) == {"properties": {"mode": "Incremental", "template": {"a": "b"}}}


def test_a_string_may_go_over_lines() -> None:
    assert read_jsonc('"one\ntwo"') == "one\ntwo"


def test_objects_know_where_they_begin() -> None:
    value = read_jsonc('{\n  "a": [1, /* \n */ {\n}, "x\ny", {}]}')
    assert (value.line, value.column) == (1, 1)
    first, second = value["a"][1], value["a"][3]
    assert isinstance(first, Object)
    assert (first.line, first.column) == (3, 5)
    assert (second.line, second.column) == (5, 5)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ('{"a": 1} x', 1, 10),
        ('{\n"a" 1}', 2, 5),
        ('{"a": 1,\n "a": 2}', 2, 5),
        ("[1 2]", 1, 4),
        ("{,}", 1, 2),
        ("[,]", 1, 2),
        ("[1,,]", 1, 4),
        ("truely", 1, 1),
        ("NaN", 1, 1),
        ("01", 1, 2),
        ("1e999", 1, 6),
        ('"\\x"', 1, 1),
        ('"\\ud800"', 1, 1),
        ('"no end', 1, 1),
        ("/* no end", 1, 1),
        ("'single'", 1, 1),
    ],
)
def test_what_is_refused_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(DeploymentRefused) as refusal:
        read_jsonc(text)
    assert (refusal.value.line, refusal.value.column) == (line, column)
    assert f"line {line}, position {column}" in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
        "[" * 500_000,
        '{"a":' * 100_000,
        "[" + "1," * (MAX_VALUES + 1) + "]",
        " " * (MAX_TEXT + 1),
        "9" * (jsonc.MAX_DIGITS + 1),
        "/*" * 400_000,
        '"' + "\\\\" * 400_000,
    ],
    ids=lambda text: text[:6],
)
def test_work_is_bounded(text: str) -> None:
    with pytest.raises(DeploymentRefused):
        read_jsonc(text)


def test_depth_up_to_the_bound_is_read() -> None:
    assert read_jsonc("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) is not None
