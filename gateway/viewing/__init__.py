"""EDGE: the viewer's WebSocket."""

from gateway.viewing.stream import routes

__all__ = ["routes"]
