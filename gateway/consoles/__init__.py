"""LIVE: console sessions, their viewers and their input."""
