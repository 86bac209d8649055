"""A deployment's request, whole: what it asks for, checked, in the order of its dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.deployment.evaluation import Definition, Evaluator
from gateway.deployment.expressions import ExpressionError
from gateway.deployment.jsonc import Object, count_from_its_start
from gateway.deployment.order import dependencies, in_order
from gateway.deployment.parameters import (
    Parameter,
    check_parameters,
    declared_parameters,
    section,
)
from gateway.deployment.refusals import (
    invalid,
    named,
    unprocessable,
    unreadable,
    unsupported,
)
from gateway.deployment.resource_ids import Scope
from gateway.deployment.resources import Declared, Resources
from gateway.deployment.values import has_member, member

MAX_VARIABLES: Final = 256  # as in Azure
MAX_OUTPUTS: Final = 64

_SCHEMA: Final = "/deploymenttemplate.json"
_OUTPUT_TYPES: Final = {
    "string": "String",
    "securestring": "SecureString",
    "int": "Int",
    "bool": "Bool",
    "object": "Object",
    "secureobject": "SecureObject",
    "array": "Array",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource to deploy."""

    type: str
    name: str  # full: `vm/extension`
    id: str
    api_version: str
    body: dict[str, Any] = field(repr=False)  # evaluated; holds secrets in protectedSettings
    needs: tuple[int, ...]  # places in `Deployment.resources` of what must be done before

    @property
    def key(self) -> str:
        return self.id.lower()


@dataclass(frozen=True, slots=True)
class Request:
    """A deployment's request, evaluated. INVARIANT: `parameters` and `outputs` hold no secret."""

    mode: str
    resources: tuple[Resource, ...]  # each after what it needs
    parameters: dict[str, Any]  # name to {"type", "value"?}, as they may be shown
    outputs: dict[str, Any]  # name to {"type", "value"?}


def read_request(body: Mapping[str, Any], scope: Scope) -> Request:
    """What the body of a deployment's PUT or validate asks for. Raises: DeploymentRefused."""
    properties = _properties(body)
    template = _template(properties)
    parameters = declared_parameters(template, _arguments(properties))
    variables = section(template, "variables")
    if MAX_VARIABLES < len(variables):
        raise invalid(f"The template has more than {MAX_VARIABLES} variables")
    if has_member(variables, "copy"):
        raise unsupported("copy loops are not supported, in variables neither", variables)
    evaluator = Evaluator(
        scope,
        {parameter.key: parameter.definition for parameter in parameters},
        {name.casefold(): Definition(name, value) for name, value in variables.items()},
    )
    check_parameters(parameters, evaluator)
    secure = frozenset(parameter.key for parameter in parameters if parameter.secure)
    reader = Resources(scope, evaluator, secure)
    resources = _resources(reader, template)
    hidden = secure | reader.confided
    return Request(
        mode="Incremental",
        resources=resources,
        parameters=_shown(parameters, evaluator, hidden),
        outputs=_outputs(template, evaluator, hidden),
    )


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = member(body, "properties")
    if not isinstance(properties, dict):
        raise unreadable("Required property 'properties' not found in JSON. Path ''")
    mode = member(properties, "mode")
    if not isinstance(mode, str) or mode.casefold() not in ("incremental", "complete"):
        raise unreadable("Required property 'mode' must be Incremental. Path 'properties.mode'")
    if mode.casefold() == "complete":
        raise unsupported(
            "The mode 'Complete' would delete what the template does not name; "
            "this gateway deploys in the mode 'Incremental' only"
        )
    for link in ("templateLink", "parametersLink"):
        if member(properties, link) is not None:
            raise unsupported(f"This gateway follows no {link}; send what it refers to")
    if member(properties, "onErrorDeployment") is not None:
        raise unsupported("onErrorDeployment is not supported")
    return properties


def _template(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    template = member(properties, "template")
    if not isinstance(template, dict):
        raise unreadable("Required property 'template' not found in JSON. Path 'properties'")
    for name in ("$schema", "contentVersion"):
        if not isinstance(member(template, name), str):
            raise unreadable(
                f"Required property '{name}' not found in JSON. Path 'properties.template'"
            )
    if not has_member(template, "resources"):
        raise unreadable(
            "Required property 'resources' not found in JSON. Path 'properties.template'"
        )
    if isinstance(template, Object):
        count_from_its_start(template)
    schema = member(template, "$schema").casefold().rstrip("#")
    if not schema.endswith(_SCHEMA):
        raise invalid(
            "The template's $schema is not that of a deployment to a resource group: "
            "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
        )
    if str(member(template, "languageVersion", "1.0")).partition(".")[0] != "1":
        raise unsupported("Only the template language version 1 is supported", template)
    if member(template, "functions"):
        raise unsupported("Functions that a template defines itself are not supported", template)
    return template


def _arguments(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    given = member(properties, "parameters")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise unreadable("'parameters' is not an object. Path 'properties.parameters'")
    # A whole parameter file may stand here, its `parameters` inside.
    if has_member(given, "$schema") and isinstance(member(given, "parameters"), dict):
        given = member(given, "parameters")
    return section({"parameters": given}, "parameters")


def _resources(reader: Resources, template: Mapping[str, Any]) -> tuple[Resource, ...]:
    declared = reader.declared(template)
    needs = dependencies(declared)
    in_order(declared, needs)  # what a condition leaves out may not hide a cycle
    # Nobody waits for what a condition leaves out.
    there = frozenset(index for index, each in enumerate(declared) if each.deployed)
    needs = [each & there for each in needs]
    deployed = [index for index in in_order(declared, needs) if index in there]
    place = {index: at for at, index in enumerate(deployed)}
    return tuple(
        _resource(declared[index], reader, sorted(place[need] for need in needs[index]))
        for index in deployed
    )


def _resource(declared: Declared, reader: Resources, needs: list[int]) -> Resource:
    return Resource(
        type=declared.type,
        name=declared.name,
        id=declared.id,
        api_version=declared.api_version,
        body=reader.body(declared),
        needs=tuple(needs),
    )


def _shown(
    parameters: list[Parameter], evaluator: Evaluator, hidden: frozenset[str]
) -> dict[str, Any]:
    """The parameters as a deployment is shown with them: secrets by their type alone."""
    shown: dict[str, Any] = {}
    for parameter in parameters:
        found = evaluator.parameter(parameter.name)
        shown[parameter.name] = {"type": parameter.type}
        if not found.read & hidden:
            shown[parameter.name]["value"] = found.value
    return shown


def _outputs(
    template: Mapping[str, Any], evaluator: Evaluator, hidden: frozenset[str]
) -> dict[str, Any]:
    written = section(template, "outputs")
    if MAX_OUTPUTS < len(written):
        raise invalid(f"The template has more than {MAX_OUTPUTS} outputs")
    found: dict[str, Any] = {}
    for name, output in written.items():
        try:
            shown = _output(name, output, evaluator, hidden)
        except ExpressionError as error:
            raise unprocessable(error, f"output '{named(name)}'", output) from None
        if shown is not None:
            found[name] = shown
    return found


def _output(
    name: str, output: Any, evaluator: Evaluator, hidden: frozenset[str]
) -> dict[str, Any] | None:
    """One output, or `None` where its condition says so. Raises: ExpressionError."""
    word = member(output, "type") if isinstance(output, dict) else None
    if not isinstance(word, str) or word.casefold() not in _OUTPUT_TYPES:
        raise invalid(f"The template output '{named(name)}' has no type that is known", output)
    if has_member(output, "copy"):
        raise unsupported("copy loops are not supported, in outputs neither", output)
    if evaluator.value(member(output, "condition", True)).value is False:
        return None
    if not has_member(output, "value"):
        raise invalid(f"The template output '{named(name)}' has no value", output)
    shown = {"type": _OUTPUT_TYPES[word.casefold()]}
    value = evaluator.value(member(output, "value"))
    if not shown["type"].startswith("Secure") and not value.read & hidden:
        shown["value"] = value.value
    return shown
