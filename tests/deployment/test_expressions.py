"""Expressions of the template language, as trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deployment.expressions import (
    MAX_EXPRESSION,
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

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TREES: st.SearchStrategy[Expression] = st.recursive(
    st.builds(Literal, st.text(max_size=8) | st.integers(-(10**17), 10**17)),
    lambda inner: (
        st.builds(Call, NAMES, st.lists(inner, max_size=3).map(tuple), st.just(0))
        | st.builds(Property, inner, NAMES, st.just(0))
        | st.builds(Index, inner, inner, st.just(0))
    ),
    max_leaves=8,
)


def written(tree: Expression, blank: str = "") -> str:
    match tree:
        case Literal(value=str() as text):
            return "'" + text.replace("'", "''") + "'"
        case Literal(value=number):
            return str(number)
        case Call(name=name, arguments=arguments):
            return f"{name}{blank}({f'{blank},{blank}'.join(written(a, blank) for a in arguments)})"
        case Property(of=of, name=name):
            return f"{written(of, blank)}{blank}.{blank}{name}"
        case Index(of=of, key=key):
            return f"{written(of, blank)}[{blank}{written(key, blank)}]"


def bare(tree: Expression) -> Expression:
    """`tree` without its positions."""
    match tree:
        case Call(name=name, arguments=arguments):
            return Call(name, tuple(map(bare, arguments)), 0)
        case Property(of=of, name=name):
            return Property(bare(of), name, 0)
        case Index(of=of, key=key):
            return Index(bare(of), bare(key), 0)
    return tree


@given(TREES, st.sampled_from(["", " ", "\n  "]))
def test_a_tree_is_read_as_it_was_written(tree: Expression, blank: str) -> None:
    assert bare(parse_expression(f"[{written(tree, blank)}]")) == tree


@given(st.text(alphabet=st.sampled_from("'()[],. af0-_\n\\")) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_expression(f"[{text}]")
    except ExpressionError as error:
        assert text not in str(error) or len(text) < 20


def test_positions_count_from_the_opening_bracket() -> None:
    tree = parse_expression("[a(b())[0].c]")
    assert tree == Property(
        Index(Call("a", (Call("b", (), 4),), 2), Literal(0), 8), "c", position=12
    )


@pytest.mark.parametrize(
    ("text", "expression", "literal"),
    [
        ("plain", False, "plain"),
        ("", False, ""),
        ("[x()]", True, None),
        ("[[x()]", False, "[x()]"),
        ("[not closed", False, "[not closed"),
        ("[[not closed", False, "[[not closed"),
        ("closed only]", False, "closed only]"),
        ("[]", True, None),
    ],
)
def test_what_is_an_expression(text: str, expression: bool, literal: str | None) -> None:
    assert is_expression(text) is expression
    if literal is not None:
        assert literal_text(text) == literal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "a value is expected at position 2"),
        ("[x]", "'(' is expected after 'x' at position 3"),
        ("[x(]", "a value is expected at position 4"),
        ("[x('a']", "',' is expected at position 7"),
        ("[x(1,)]", "a value is expected at position 6"),
        ("[x() y()]", "the end of the expression is expected at position 6"),
        ("[x().'a']", "a property's name is expected at position 6"),
        ("[x('a)]", "the character at position 4 is not expected"),
        ("[x( $)]", "the character at position 5 is not expected"),
        ("[12345678901234567890]", "the character at position 2 is not expected"),
        ("[" + "a(" * 40 + ")" * 40 + "]", "nested deeper than 32"),
        ("[a()" + ".b" * 40 + "]", "nested deeper than 32"),
        ("[" + " " * MAX_EXPRESSION + "]", "longer than 24576"),
    ],
    ids=lambda text: text[:16],
)
def test_refusals_name_the_place(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words.replace("(", r"\(")):
        parse_expression(text)
