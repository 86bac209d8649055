"""A hypervisor of our own, in process: four VMs whose screens are real RFB."""

from gateway.backends.demo.hypervisor import DemoBackend, DemoHypervisor

__all__ = ["DemoBackend", "DemoHypervisor"]
