"""EDGE: the viewer's WebSocket."""
