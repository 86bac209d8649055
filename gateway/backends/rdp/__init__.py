"""RDP servers and Hyper-V consoles: FreeRDP in a child process, read as VNC."""

from gateway.backends.rdp.backend import RdpBackend, RdpKind

__all__ = ["RdpBackend", "RdpKind"]
