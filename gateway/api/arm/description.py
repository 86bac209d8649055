"""Resource Manager's routes, as the API's description shows them.

Bodies are those of the vendor's own descriptions; here stands which paths are answered, at which
endpoint, and by what right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from gateway.api.arm.routing import Route

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_WRITES: Final = frozenset({"PUT", "PATCH"})
_ENDPOINTS: Final = {
    "tenant": "The tenants' endpoint.",
    "admin": "The administrators' endpoint.",
    "both": "Both endpoints.",
    "open": "Both endpoints; needs no token.",
}
_API_VERSION: Final = {
    "name": "api-version",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "pattern": r"^(\d{4}-\d{2}-\d{2}(-preview)?|1\.0)$"},
}
_ANSWER: Final = {"description": "As its clients know it.", "content": {"application/json": {}}}

# The envelope of every refusal (Azure/azure-resource-manager-rpc, common API details).
ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "target": {"type": "string"},
                "details": {"type": "array"},
                "innererror": {"type": "object"},
            },
        }
    },
}
ERROR_NAME: Final = "ResourceManagerError"


def described_paths(routes: Iterable[Route]) -> dict[str, dict[str, Any]]:
    """The path items of `routes`, for an OpenAPI document that has the schema `ERROR_NAME`."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    words = "_".join(re.findall(r"\w+", route.template))
    said: dict[str, Any] = {
        "operationId": f"arm.{route.method.lower()}.{words}",
        "tags": ["Resource Manager"],
        "summary": route.action,
        "description": _ENDPOINTS[route.audience],
        "parameters": [*_in_path(route.template), _API_VERSION],
        "responses": {"2XX": _ANSWER, "default": _refusal()},
    }
    if route.method in _WRITES:
        content = {"application/json": {"schema": {"type": "object"}}}
        said["requestBody"] = {"required": True, "content": content}
    if route.audience == "open":
        said["security"] = []
    return said


def _in_path(template: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(template)
    ]


def _refusal() -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ERROR_NAME}"}
    return {
        "description": "Refused, in Resource Manager's envelope.",
        "content": {"application/json": {"schema": schema}},
    }
