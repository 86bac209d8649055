"""Linux: what VMAccessForLinux does."""

from __future__ import annotations

from gateway.recovery.catalogue import Failure
from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.handlers import Handler
from gateway.recovery.steps import Plan


def linux_plan(request: ExtensionRequest, handler: Handler) -> Plan | Failure:
    """The plan of a VMAccessForLinux request."""
    raise NotImplementedError
