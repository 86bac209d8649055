"""EDGE: the eva-gateway command."""
