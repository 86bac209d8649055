"""The demo: a gateway with a built-in hypervisor, fresh accounts and passwords at every start."""

from gateway.demo.cast import CONTOSO, FABRIKAM, LOOPBACK, DemoAccount, DemoProgram
from gateway.demo.furnishing import furnish, furnish_programs
from gateway.demo.running import run_demo

__all__ = [
    "CONTOSO",
    "FABRIKAM",
    "LOOPBACK",
    "DemoAccount",
    "DemoProgram",
    "furnish",
    "furnish_programs",
    "run_demo",
]
