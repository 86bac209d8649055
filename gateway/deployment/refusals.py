"""How a template is refused: Azure Resource Manager's words, and the place in the template."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import DeploymentRefused

INVALID_TEMPLATE: Final = "InvalidTemplate"
MAX_NAMED: Final = 200  # characters of a name from the template that a message repeats


def named(text: Any) -> str:
    """A name from the template, short enough to repeat."""
    return str(text)[:MAX_NAMED]


def place_of(thing: Any) -> tuple[int, int]:
    """Line and column of a template's object; 0, 0 where it has none."""
    return getattr(thing, "line", 0), getattr(thing, "column", 0)


def invalid(reason: str, near: Any = None) -> DeploymentRefused:
    """`reason`, a sentence without its full stop, at the template's object `near`."""
    line, column = place_of(near)
    return DeploymentRefused(
        INVALID_TEMPLATE,
        f"Deployment template validation failed: '{reason}.'.",
        line=line,
        column=column,
    )


def unprocessable(reason: object, what: str, near: Any = None) -> DeploymentRefused:
    """An expression of `what` that has no value."""
    line, column = place_of(near)
    return DeploymentRefused(
        INVALID_TEMPLATE,
        f"Unable to process template language expressions for {what} at line '{line}' and "
        f"column '{column}'. '{reason}. Please see https://aka.ms/arm-syntax for usage details.'",
        line=line,
        column=column,
    )


def unreadable(reason: str) -> DeploymentRefused:
    """A request whose shape is not a deployment's."""
    return DeploymentRefused(
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{reason}.'.",
    )


def unsupported(reason: str, near: Any = None) -> DeploymentRefused:
    """Something that Azure does and that this gateway does not."""
    line, column = place_of(near)
    return DeploymentRefused("NotSupported", reason, line=line, column=column)
