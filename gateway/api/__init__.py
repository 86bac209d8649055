"""EDGE: the HTTP API."""
