"""A template's parameters: what it declares, what a caller gives, and whether the two agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.deployment.evaluation import Definition, Evaluator
from gateway.deployment.expressions import ExpressionError
from gateway.deployment.refusals import invalid, named, unprocessable, unsupported
from gateway.deployment.values import has_member, kind_of, member, same

MAX_PARAMETERS: Final = 256  # as in Azure

# The declared type, as Azure shows it, and the kind of value that it takes.
_TYPES: Final = {
    "string": ("String", "String"),
    "securestring": ("SecureString", "String"),
    "int": ("Int", "Integer"),
    "bool": ("Bool", "Boolean"),
    "object": ("Object", "Object"),
    "secureobject": ("SecureObject", "Object"),
    "array": ("Array", "Array"),
}
_ADVICE: Final = "Please see https://aka.ms/arm-pass-parameter-values for usage details"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the template declares it, with the value given for it, if any."""

    name: str
    declared: Mapping[str, Any] = field(repr=False)
    type: str  # as Azure shows it
    kind: str
    given: bool
    written: Any = field(repr=False)

    @property
    def key(self) -> str:
        return self.name.casefold()

    @property
    def secure(self) -> bool:
        return self.type.startswith("Secure")

    @property
    def definition(self) -> Definition:
        return Definition(self.name, self.written, self.given)


def declared_parameters(template: Mapping[str, Any], given: Mapping[str, Any]) -> list[Parameter]:
    """The template's parameters with what is given for them. Raises: DeploymentRefused."""
    declarations = section(template, "parameters")
    if MAX_PARAMETERS < len(declarations):
        raise invalid(f"The template has more than {MAX_PARAMETERS} parameters")
    _known_only(declarations, given)
    return [_parameter(name, declared, given) for name, declared in declarations.items()]


def check_parameters(parameters: list[Parameter], evaluator: Evaluator) -> None:
    """Check each value against its declaration. Raises: DeploymentRefused, without any value."""
    for parameter in parameters:
        try:
            value = evaluator.parameter(parameter.name).value
        except ExpressionError as error:
            what = f"template parameter '{named(parameter.name)}'"
            raise unprocessable(error, what, parameter.declared) from None
        _check(parameter, value)


def section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object of the template, its names each there once. Raises: DeploymentRefused."""
    found = member(template, name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid(f"The template's '{name}' are not an object", template)
    seen: set[str] = set()
    for each in found:
        if each.casefold() in seen:
            raise invalid(f"'{named(each)}' is defined twice in the template's {name}", found)
        seen.add(each.casefold())
    return found


def _known_only(declarations: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    known = {name.casefold() for name in declarations}
    strange = [named(name) for name in given if name.casefold() not in known]
    if strange:
        raise invalid(
            f"The template parameters '{', '.join(strange[:20])}' in the parameters file are not "
            "valid; they are not present in the original template and can therefore not be "
            "provided at deployment time. The only supported parameters for this template are "
            f"'{', '.join([named(name) for name in declarations][:50])}'. {_ADVICE}"
        )


def _parameter(name: str, declared: Any, given: Mapping[str, Any]) -> Parameter:
    word = member(declared, "type") if isinstance(declared, dict) else None
    if not isinstance(word, str) or word.casefold() not in _TYPES:
        raise invalid(
            f"The template parameter '{named(name)}' has no type that is known: "
            f"{', '.join(_TYPES)}",
            declared,
        )
    shown, kind = _TYPES[word.casefold()]
    value = _given(name, member(given, name))
    if value is not None:
        return Parameter(name, declared, shown, kind, given=True, written=value)
    if not has_member(declared, "defaultValue"):
        raise invalid(
            f"The value for the template parameter '{named(name)}' at line "
            f"'{declared.line}' and column '{declared.column}' is not provided. {_ADVICE}",
            declared,
        )
    default = member(declared, "defaultValue")
    return Parameter(name, declared, shown, kind, given=False, written=default)


def _given(name: str, argument: Any) -> Any:
    """The value given for a parameter; `None` where there is none."""
    if argument is None:
        return None
    if not isinstance(argument, dict):
        raise invalid(f"The value of the parameter '{named(name)}' is not an object with a 'value'")
    if has_member(argument, "reference"):
        raise unsupported(
            f"The parameter '{named(name)}' refers to a key vault, and this gateway reaches none; "
            "give its value"
        )
    return member(argument, "value")


def _check(parameter: Parameter, value: Any) -> None:
    if kind_of(value) != parameter.kind:
        raise invalid(
            f"Template parameter JToken type is not valid. Expected '{parameter.kind}'. Actual "
            f"'{kind_of(value)}' for the template parameter '{named(parameter.name)}'. {_ADVICE}",
            parameter.declared,
        )
    _check_allowed(parameter, value)
    if parameter.kind == "Integer":
        _check_bounds(parameter, value, "Value", "minValue", "maxValue")
    elif parameter.kind in ("String", "Array"):
        _check_bounds(parameter, len(value), "Length of the value", "minLength", "maxLength")


def _check_allowed(parameter: Parameter, value: Any) -> None:
    allowed = member(parameter.declared, "allowedValues")
    if allowed is None:
        return
    if not isinstance(allowed, list):
        raise invalid(
            f"The allowedValues of the template parameter '{named(parameter.name)}' are no array",
            parameter.declared,
        )
    # Of an array, each member must be allowed.
    values = value if parameter.kind == "Array" else [value]
    if not all(any(same(each, one) for one in allowed) for each in values):
        raise _unsuitable(parameter, "The parameter value is not part of the allowed value(s)")


def _check_bounds(parameter: Parameter, size: int, what: str, least: str, most: str) -> None:
    lowest, highest = (_bound(parameter, name) for name in (least, most))
    if lowest is not None and size < lowest:
        raise _unsuitable(parameter, f"{what} should be greater than or equal to '{lowest}'")
    if highest is not None and highest < size:
        raise _unsuitable(parameter, f"{what} should be less than or equal to '{highest}'")


def _bound(parameter: Parameter, name: str) -> int | None:
    found = member(parameter.declared, name)
    if found is not None and kind_of(found) != "Integer":
        raise invalid(
            f"The {name} of the template parameter '{named(parameter.name)}' is no whole number",
            parameter.declared,
        )
    return found if isinstance(found, int) else None


def _unsuitable(parameter: Parameter, why: str) -> Exception:
    line, column = getattr(parameter.declared, "line", 0), getattr(parameter.declared, "column", 0)
    return invalid(
        f"The provided value for the template parameter '{named(parameter.name)}' at line "
        f"'{line}' and column '{column}' is not valid. {why}. {_ADVICE}",
        parameter.declared,
    )
