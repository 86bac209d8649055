"""Where a deployment goes, and the resource ids of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.deployment.expressions import ExpressionError

MAX_ID: Final = 1024


@dataclass(frozen=True, slots=True)
class Scope:
    """The resource group that a template is deployed to, as its caller spells it."""

    subscription_id: str
    group: str
    location: str
    deployment: str  # the deployment's name
    tenant_id: str = ""

    @property
    def subscription(self) -> str:
        return f"/subscriptions/{self.subscription_id}"

    @property
    def group_id(self) -> str:
        return f"{self.subscription}/resourceGroups/{self.group}"

    def group_object(self) -> dict[str, Any]:
        """What `resourceGroup()` gives."""
        return {
            "id": self.group_id,
            "name": self.group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self.location,
            "properties": {"provisioningState": "Succeeded"},
        }

    def subscription_object(self) -> dict[str, Any]:
        """What `subscription()` gives."""
        return {
            "id": self.subscription,
            "subscriptionId": self.subscription_id,
            "tenantId": self.tenant_id,
        }

    def id_of(self, full_type: str, name: str) -> str:
        """The id of the resource of that full type and name, in this group."""
        return f"{self.group_id}/providers/{interleaved(full_type, name)}"


def interleaved(full_type: str, name: str) -> str:
    """`A.B/c/d` and `x/y` as `A.B/c/x/d/y`. The type has one segment more than the name."""
    provider, *types = full_type.split("/")
    pairs = zip(types, name.split("/"), strict=True)
    return "/".join([provider, *(part for pair in pairs for part in pair)])


def resource_id(scope: Scope, arguments: Sequence[Any]) -> str:
    """`resourceId([subscription], [group], type, name, …)`. Raises: ExpressionError."""
    texts = [argument for argument in arguments if isinstance(argument, str)]
    if len(texts) < len(arguments):
        raise ExpressionError("resourceId: every argument must be a string")
    at = next((i for i, text in enumerate(texts) if "/" in text), None)
    if at is None or 2 < at:
        raise ExpressionError("resourceId: no argument is a resource type such as 'A.B/c'")
    full_type, names = texts[at], texts[at + 1 :]
    if full_type.count("/") != len(names) or not all(names):
        raise ExpressionError(
            f"resourceId: the type '{full_type[:200]}' requires {full_type.count('/')} "
            "resource name argument(s)"
        )
    if any("/" in name for name in names):
        raise ExpressionError("resourceId: a resource name holds a '/'")
    if MAX_ID < sum(map(len, texts)):
        raise ExpressionError(f"resourceId: the id would be longer than {MAX_ID} characters")
    subscription = texts[0] if at == 2 else scope.subscription_id
    group = texts[at - 1] if 0 < at else scope.group
    tail = interleaved(full_type, "/".join(names))
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{tail}"
