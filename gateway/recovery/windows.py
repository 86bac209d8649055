"""Windows: what VMAccessAgent does. (The scripts were not run on a real Windows guest here.)"""

from __future__ import annotations

from gateway.recovery.catalogue import Failure
from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.handlers import Handler
from gateway.recovery.steps import Plan


def windows_plan(request: ExtensionRequest, handler: Handler) -> Plan | Failure:
    """The plan of a VMAccessAgent request."""
    raise NotImplementedError
