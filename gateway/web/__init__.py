"""EDGE: one file per page."""
