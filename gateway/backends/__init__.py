"""I/O: adapters that dial an upstream and hand over an RFB stream."""

from gateway.backends.dialling import Backend, Backends
from gateway.backends.kinds import Kind, backends_of, load_kinds
from gateway.backends.targets import Console, Progress, Step, Target
from gateway.backends.upstream import Upstream

__all__ = [
    "Backend",
    "Backends",
    "Console",
    "Kind",
    "Progress",
    "Step",
    "Target",
    "Upstream",
    "backends_of",
    "load_kinds",
]
