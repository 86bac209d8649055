"""Consoles and power of libvirt's VMs: on this machine by its socket, on others by TLS."""

from gateway.backends.libvirt.backend import LibvirtBackend, LibvirtKind

__all__ = ["LibvirtBackend", "LibvirtKind"]
