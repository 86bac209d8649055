"""What expressions come to, function by function, and that no template can ask for too much."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deployment.evaluation import Definition, Evaluator
from gateway.deployment.expressions import Expression, ExpressionError
from gateway.deployment.functions import FUNCTIONS
from gateway.deployment.resource_ids import Scope
from tests.deployment.test_expressions import TREES, written

SUBSCRIPTION = "5f2a9c1e-0d4b-4c3a-9e8f-1a2b3c4d5e6f"
SCOPE = Scope(SUBSCRIPTION, "Prod", "local", "mend", tenant_id="t")
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Prod"


def evaluator(
    given: dict[str, Any] | None = None,
    variables: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
) -> Evaluator:
    parameters = [
        *(Definition(name, value, given=True) for name, value in (given or {}).items()),
        *(Definition(name, value) for name, value in (defaults or {}).items()),
    ]
    return Evaluator(
        SCOPE,
        {each.name.casefold(): each for each in parameters},
        {name.casefold(): Definition(name, value) for name, value in (variables or {}).items()},
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it's"),
        ("-7", -7),
        ("concat('a', 1, true())", "a1True"),
        ("concat(createArray(1), createArray(2, 3))", [1, 2, 3]),
        ("CONCAT('a')", "a"),
        ("format('{0}-{1}-{0}{{}}', 'a', 2)", "a-2-a{}"),
        ("toLower('ABC')", "abc"),
        ("toUpper('abc')", "ABC"),
        ("string(createObject('a', 1))", '{"a":1}'),
        ("string(false())", "False"),
        ("string(7)", "7"),
        ("int('42')", 42),
        ("int(7)", 7),
        ("bool('TRUE')", True),
        ("bool(0)", False),
        ("not(false())", True),
        ("and(true(), true(), false())", False),
        ("or(false(), false(), true())", True),
        ("if(true(), 'yes', int('no'))", "yes"),
        ("if(false(), int('no'), 'yes')", "yes"),
        ("and(false(), bool('neither'))", False),
        ("or(true(), bool('neither'))", True),
        ("equals('a', 'A')", False),
        ("equals('a', 'a')", True),
        ("equals(1, true())", False),
        ("equals(createArray(1, 'a'), createArray(1, 'a'))", True),
        ("equals(createObject('a', 1), json('{\"a\": 1}'))", True),
        ("equals(createObject('a', 1), json('{\"a\": 2}'))", False),
        ("equals(createArray(1), createArray(1, 2))", False),
        ("empty('')", True),
        ("empty(null())", True),
        ("empty(createArray(0))", False),
        ("length('abc')", 3),
        ("length(createObject('a', 1))", 1),
        ("json('null')", None),
        ("json('{\"a\": [1, 2]}').A[1]", 2),
        ("json('{\"a\": 1}')['a']", 1),
        ("coalesce(null(), 'b')", "b"),
        ("coalesce(null())", None),
        ("contains('abc', 'b')", True),
        ("contains(createArray(1, 2), 2)", True),
        ("contains(createObject('a', 1), 'A')", True),
        ("first('abc')", "a"),
        ("last(createArray(1, 2))", 2),
        ("first('')", ""),
        ("split('a,b', ',')", ["a", "b"]),
        ("join(createArray('a', 1), '-')", "a-1"),
        ("replace('aXa', 'a', 'bb')", "bbXbb"),
        ("trim('  a ')", "a"),
        ("startsWith('abc', 'AB')", True),
        ("endsWith('abc', 'BC')", True),
        ("resourceGroup().location", "local"),
        ("resourceGroup().name", "Prod"),
        ("resourceGroup().id", GROUP),
        ("subscription().subscriptionId", SUBSCRIPTION),
        ("subscription().tenantId", "t"),
        ("deployment().name", "mend"),
        (
            "resourceId('Microsoft.Compute/virtualMachines', 'web01')",
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01",
        ),
        (
            "resourceId('Microsoft.Compute/virtualMachines/extensions', 'web01', 'x')",
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01/extensions/x",
        ),
        (
            "resourceId('Other', 'A.B/c', 'd')",
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other/providers/A.B/c/d",
        ),
        (
            "resourceId('s', 'g', 'A.B/c', 'd')",
            "/subscriptions/s/resourceGroups/g/providers/A.B/c/d",
        ),
        ("parameters('NAME')", "web01"),
        ("variables('Tail')", "web01/x"),
        ("parameters('settings').list[0]", "a"),
    ],
)
def test_what_an_expression_comes_to(expression: str, value: Any) -> None:
    found = evaluator(
        given={"name": "web01", "settings": {"list": ["a"]}},
        variables={"tail": "[concat(parameters('name'), '/x')]"},
    ).value(f"[{expression}]")
    assert found.value == value
    assert type(found.value) is type(value) or isinstance(value, dict)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("nothing()", "the template function 'nothing' at position 2 is not valid"),
        ("concat(reference('x'))", "the template function 'reference' at position 9 is not valid"),
        ("uniqueString('x')", "'uniqueString' at position 2 is not valid"),
        ("toLower()", r"takes 1 argument\(s\), not 0"),
        ("if(1)", r"takes 3 argument\(s\), not 1"),
        ("parameters('x', 'y')", r"takes 1 argument\(s\), not 2"),
        ("parameters('absent')", "the template parameter 'absent' is not found"),
        ("parameters(1)", "the template parameter is not found"),
        ("variables('absent')", "the template variable 'absent' is not found"),
        ("if('yes', 1, 2)", "true or false is expected, not String"),
        ("not(1)", "true or false is expected, not Integer"),
        ("concat('a', createArray())", "not Array"),
        ("int('secret')", "int: the argument is not a whole number"),
        ("int(true())", "int: the argument is not a whole number"),
        ("bool('secret')", "neither true nor false"),
        ("json('{secret')", "json: the argument is not JSON"),
        ("format('{0:N2}', 1)", "only holes such as"),
        ("format('{1}', 1)", "there is no argument for {1}"),
        ("resourceGroup().secret", "the language expression property 'secret' at position 18"),
        ("createArray(1)[1]", "the index is out of bounds at position 16"),
        ("createArray(1)[true()]", "no index of the kind Boolean"),
        ("'a'.b", "String has no property 'b' at position 6"),
        ("createObject('a')", "a value is missing"),
        ("length(1)", "Integer has no length"),
        ("resourceId('A.B/c/d', 'e')", r"requires 2 resource name argument\(s\)"),
        ("resourceId('a', 'b')", "no argument is a resource type"),
        ("resourceId('A.B/c', 1)", "every argument must be a string"),
        ("resourceId('A.B/c/d', 'x/y', 'z')", "a resource name holds a '/'"),
        ("replace('a', '', 'b')", "the text to replace is empty"),
    ],
)
def test_what_has_no_value_is_refused(expression: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words) as refusal:
        evaluator().value(f"[{expression}]")
    # Never a value: it may be a secret. (A function's or a property's name is not one.)
    assert "'secret" not in str(refusal.value).replace("property 'secret'", "")


def test_strings_inside_objects_and_arrays_are_evaluated() -> None:
    found = evaluator(given={"a": 1}).value({"x": ["[parameters('a')]", "[[literal]", "plain"]})
    assert found.value == {"x": [1, "[literal]", "plain"]}


def test_what_a_caller_gives_is_no_expression() -> None:
    found = evaluator(given={"a": "[concat('x')]"}).value("[parameters('a')]")
    assert found.value == "[concat('x')]"


def test_a_default_may_use_other_parameters() -> None:
    made = evaluator(given={"a": "x"}, defaults={"b": "[concat(parameters('a'), '!')]"})
    assert made.parameter("b").value == "x!"


def test_definitions_that_need_themselves_are_refused() -> None:
    made = evaluator(variables={"a": "[variables('b')]", "b": ["[variables('a')]"]})
    with pytest.raises(ExpressionError, match="the template variable 'a' needs itself"):
        made.value("[variables('a')]")


def test_what_a_value_was_made_from_is_known() -> None:
    made = evaluator(
        given={"Secret": "s", "open": "o"},
        variables={"v": "[concat(parameters('secret'), 'x')]", "w": "[variables('v')]"},
        defaults={"d": "[parameters('secret')]"},
    )
    assert made.value("[variables('w')]").read == {"secret"}
    assert made.value("[variables('w')]").read == {"secret"}, "also when it is known already"
    assert made.value("[parameters('d')]").read == {"d", "secret"}
    assert made.value("[parameters('open')]").read == {"open"}
    assert made.value("[if(equals(parameters('secret'), ''), 1, 2)]").read == {"secret"}
    assert made.value({"a": "[parameters('open')]", "b": "x"}).read == {"open"}


def doubling(template: str, times: int) -> dict[str, Any]:
    """Variables that each hold the one before twice."""
    before = (f"variables('v{i}')" for i in range(times))
    return {"v0": "x" * 64} | {
        f"v{i}": "[" + template.replace("_", each) + "]" for i, each in enumerate(before, 1)
    }


@pytest.mark.parametrize(
    "template",
    [
        "concat(_, _)",
        "createArray(_, _)",
        "createObject('a', _, 'b', _)",
        "format('{0}{0}', _)",
        "replace(_, 'x', 'xx')",
        "join(createArray(_, _), 'y')",
        "if(equals(_, _), createArray(_, _), 0)",
        "string(createArray(_, _))",
        "json(string(createArray(_, _)))",
    ],
)
def test_a_template_cannot_grow_without_end(template: str) -> None:
    with pytest.raises(ExpressionError):
        evaluator(variables=doubling(template, 60)).value("[variables('v60')]")


def test_definitions_cannot_hang_on_each_other_without_end() -> None:
    chain = {f"v{i}": [f"[variables('v{i + 1}')]"] for i in range(200)} | {"v200": 1}
    with pytest.raises(ExpressionError, match="hang on each other"):
        evaluator(variables=chain).value("[variables('v0')]")


def test_a_value_cannot_be_nested_without_end() -> None:
    made = evaluator(
        variables={f"v{i + 1}": [f"[variables('v{i}')]"] for i in range(120)} | {"v0": 1}
    )
    with pytest.raises(ExpressionError, match="nested deeper"):
        for i in range(121):
            json.dumps(made.value(f"[variables('v{i}')]").value)


@given(TREES)
def test_any_expression_has_a_value_or_is_refused(tree: Expression) -> None:
    with suppress(ExpressionError):
        json.dumps(evaluator().value(f"[{written(tree)}]").value)


LEAVES = st.sampled_from(["'a'", "''", "1", "-1", "true()", "null()", "createArray()", "'{0}'",
                          "createObject('a', 'b')", "parameters('p')", "'A.B/c'"])  # fmt: skip
NAMES = st.sampled_from([*FUNCTIONS, "if", "and", "or", "coalesce", "resourceId", "variables"])
CALLS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda name, arguments: f"{name}({', '.join(arguments)})",
        NAMES,
        st.lists(inner, max_size=3),
    ),
    max_leaves=12,
)


@given(CALLS)
def test_any_call_has_a_value_or_is_refused(expression: str) -> None:
    made = evaluator(given={"p": {"a": ["x", 1, None]}})
    try:
        json.dumps(made.value(f"[{expression}]").value)
    except ExpressionError as refusal:
        assert str(refusal)
