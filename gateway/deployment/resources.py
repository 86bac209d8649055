"""A template's resources: their full types and names, children taken out of their parents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.deployment.evaluation import Evaluated, Evaluator
from gateway.deployment.expressions import ExpressionError
from gateway.deployment.refusals import invalid, named, place_of, unprocessable, unsupported
from gateway.deployment.resource_ids import Scope
from gateway.deployment.values import has_member, member
from gateway.errors import DeploymentRefused

VM: Final = "Microsoft.Compute/virtualMachines"
VM_EXTENSION: Final = f"{VM}/extensions"
SCALE_SET: Final = "Microsoft.Compute/virtualMachineScaleSets"
SCALE_SET_EXTENSION: Final = f"{SCALE_SET}/extensions"
TYPES: Final = {
    known.casefold(): known for known in (VM, VM_EXTENSION, SCALE_SET, SCALE_SET_EXTENSION)
}
MAX_RESOURCES: Final = 800  # as in Azure
MAX_NAME: Final = 256

_API_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-[A-Za-z]{1,32})?")
_NAME: Final = re.compile(r"(?!\.\.?(/|\Z))[\w.()-]+(/(?!\.\.?(/|\Z))[\w.()-]+)*")
# What a resource may ask for that is not done here; none of it may be passed over in silence.
_REFUSED: Final = {
    "copy": "copy loops are",
    "existing": "'existing' resources are",
    "resourceGroup": "deploying to other resource groups is",
    "scope": "a scope of its own is",
    "subscriptionId": "deploying to other subscriptions is",
}
_SEGMENTS: Final = (
    "has incorrect segment lengths. A nested resource type must have identical number of segments "
    "as its resource name. A root resource type must have segment length one greater than its "
    "resource name. Please see https://aka.ms/arm-syntax-resources for usage details"
)
# Only the place that a guest's secrets belong to may hold what a secure parameter gives.
_PROTECTED: Final = "protectedsettings"
_PARTS: Final = frozenset({"dependson", "resources", "condition", "name", "type", "apiversion"})


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource as its template declares it, under its full type and name."""

    type: str
    name: str
    id: str
    api_version: str
    depends_on: tuple[str, ...]  # as evaluated: names, types with names, ids
    parent: Declared | None
    deployed: bool  # what `condition` says
    written: Mapping[str, Any] = field(repr=False)

    @property
    def key(self) -> str:
        return self.id.casefold()


class Resources:
    """Reads the resources of one template."""

    def __init__(self, scope: Scope, evaluator: Evaluator, secure: frozenset[str]) -> None:
        """`secure`: the casefolded names of the parameters that must not be shown."""
        self._scope = scope
        self._evaluator = evaluator
        self._secure = secure
        self.confided: set[str] = set()  # parameters that had a say in a protected setting

    def declared(self, template: Mapping[str, Any]) -> list[Declared]:
        """Every resource, children after their parents. Raises: DeploymentRefused."""
        found: dict[str, Declared] = {}
        for resource in self._within(template, None):
            if MAX_RESOURCES <= len(found):
                raise invalid(f"The template has more than {MAX_RESOURCES} resources")
            if resource.key in found:
                raise invalid(
                    f"The resource '{_of(resource.type, resource.name)}' at "
                    f"{_place(resource.written)} is defined multiple times in a template",
                    resource.written,
                )
            found[resource.key] = resource
        return list(found.values())

    def body(self, resource: Declared) -> dict[str, Any]:
        """What is to be written of a resource, evaluated: `location`, `properties` and so on.

        Of a virtual machine nothing is: one here is not made, so what it should be like (and
        refers to) is left unread. Raises: DeploymentRefused.
        """
        if resource.type == VM:
            return {}
        what = f"resource '{named(resource.id)}'"
        try:
            return {
                name: self._value(value, secret=False, what=what, near=resource.written)
                for name, value in resource.written.items()
                if name.casefold() not in _PARTS
            }
        except ExpressionError as error:
            raise unprocessable(error, what, resource.written) from None

    def _within(self, owner: Mapping[str, Any], parent: Declared | None) -> Iterator[Declared]:
        written = member(owner, "resources")
        if written is None and parent is not None:
            return
        if isinstance(written, dict):
            raise unsupported("Templates with symbolic resource names are not supported", written)
        if not isinstance(written, list):
            raise invalid("The resources of a template must be an array", owner)
        for each in written:
            if not isinstance(each, dict):
                raise invalid("A resource of the template is not an object", owner)
            resource = self._one(each, parent)
            yield resource
            yield from self._within(each, resource)

    def _one(self, written: Mapping[str, Any], parent: Declared | None) -> Declared:
        type_, name = self._word(written, "type"), self._word(written, "name")
        for asked, what in _REFUSED.items():
            if has_member(written, asked):
                raise unsupported(
                    f"The template resource '{named(name)}' at {_place(written)} cannot be "
                    f"deployed: {what} not supported",
                    written,
                )
        full_type, full_name = _full(type_, name, parent, written)
        known = _known(full_type, full_name, written)
        return Declared(
            type=known,
            name=full_name,
            id=self._scope.id_of(known, full_name),
            api_version=self._api_version(written, full_name),
            depends_on=self._depends_on(written, full_name),
            parent=parent,
            deployed=self._condition(written, full_name),
            written=written,
        )

    def _word(self, written: Mapping[str, Any], what: str) -> str:
        """A resource's type, name or version."""
        if not isinstance(member(written, what), str):
            raise invalid(
                f"The template resource at {_place(written)} is missing a required property: "
                f"its '{what}', a string",
                written,
            )
        found = self._shown(member(written, what), f"the {what} of a template resource", written)
        if not isinstance(found, str) or MAX_NAME < len(found) or not _NAME.fullmatch(found):
            raise invalid(
                f"The {what} of the template resource at {_place(written)} is not valid", written
            )
        return found

    def _api_version(self, written: Mapping[str, Any], name: str) -> str:
        version = self._word(written, "apiVersion")
        if not _API_VERSION.fullmatch(version):
            raise invalid(
                f"The apiVersion of the template resource '{named(name)}' at {_place(written)} "
                "is not valid",
                written,
            )
        return version

    def _depends_on(self, written: Mapping[str, Any], name: str) -> tuple[str, ...]:
        what = f"resource '{named(name)}'"
        found = self._shown(member(written, "dependsOn") or [], what, written)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise invalid(
                f"The dependsOn of the template resource '{named(name)}' at {_place(written)} "
                "must be an array of strings",
                written,
            )
        return tuple(found)

    def _condition(self, written: Mapping[str, Any], name: str) -> bool:
        if not has_member(written, "condition"):
            return True
        found = self._evaluated(member(written, "condition"), f"resource '{named(name)}'", written)
        if not isinstance(found.value, bool):
            raise invalid(
                f"The condition of the template resource '{named(name)}' at {_place(written)} is "
                "neither true nor false",
                written,
            )
        return found.value

    def _value(self, written: Any, *, secret: bool, what: str, near: Any) -> Any:
        """What a part of a body comes to; secrets in their place alone."""
        if isinstance(written, dict):
            # The reader's bound on depth bounds this recursion.
            return {
                name: self._value(
                    value, secret=secret or name.casefold() == _PROTECTED, what=what, near=written
                )
                for name, value in written.items()
            }
        if isinstance(written, list):
            return [self._value(each, secret=secret, what=what, near=near) for each in written]
        if not secret:
            return self._shown(written, what, near)
        found = self._evaluated(written, what, near)
        self.confided |= found.read
        return found.value

    def _shown(self, written: Any, what: str, near: Any) -> Any:
        """What comes to be stored in clear and shown: no secure parameter may have a say in it."""
        found = self._evaluated(written, what, near)
        leaked = sorted(found.read & self._secure)
        if leaked:
            raise invalid(
                f"The secure parameter '{named(leaked[0])}' is used by {what} at {_place(near)} "
                "outside protectedSettings, where it would be shown",
                near,
            )
        return found.value

    def _evaluated(self, written: Any, what: str, near: Any) -> Evaluated:
        try:
            return self._evaluator.value(written)
        except ExpressionError as error:
            raise unprocessable(error, what, near) from None


def _full(
    type_: str, name: str, parent: Declared | None, written: Mapping[str, Any]
) -> tuple[str, str]:
    """The full type and name of a resource inside `parent`, which either may be relative to."""
    types, names = type_.count("/"), name.count("/") + 1
    if parent is None:
        if types != names:
            raise _wrong_segments(type_, name, written)
        return type_, name
    inside = type_.casefold().startswith(f"{parent.type.casefold()}/")
    if not inside:
        # A relative type, `extensions`: the name is relative too, and as long.
        if types + 1 != names or "." in type_.partition("/")[0]:
            raise _wrong_segments(type_, name, written)
        return f"{parent.type}/{type_}", f"{parent.name}/{name}"
    if names == types - parent.type.count("/"):
        return type_, f"{parent.name}/{name}"
    if names != types or not name.casefold().startswith(f"{parent.name.casefold()}/"):
        raise _wrong_segments(type_, name, written)
    return type_, name


def _wrong_segments(type_: str, name: str, written: Mapping[str, Any]) -> DeploymentRefused:
    return invalid(
        f"The template resource '{named(name)}' for type '{named(type_)}' at {_place(written)} "
        f"{_SEGMENTS}",
        written,
    )


def _known(full_type: str, name: str, written: Mapping[str, Any]) -> str:
    """The type as Azure spells it, where it is one that can be deployed here."""
    known = TYPES.get(full_type.casefold())
    if known is None:
        line, column = place_of(written)
        raise DeploymentRefused(
            "InvalidResourceType",
            f"The resource type '{named(full_type)}' of the template resource '{named(name)}' at "
            f"{_place(written)} is not found. This gateway deploys extensions of virtual machines "
            f"that are there, and scale sets: {', '.join(TYPES.values())}.",
            line=line,
            column=column,
        )
    return known


def _of(type_: str, name: str) -> str:
    return f"{type_}/{named(name)}"


def _place(written: Any) -> str:
    line, column = place_of(written)
    return f"line '{line}' and column '{column}'"
