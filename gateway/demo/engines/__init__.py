"""VMs of other kinds than the demo's own, shown by programs that happen to be installed."""

from gateway.demo.engines.engines import ENGINES, Engines

__all__ = ["ENGINES", "Engines"]
