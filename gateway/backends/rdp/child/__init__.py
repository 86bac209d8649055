"""The child process of an RDP console: an X server of its own, and FreeRDP on it.

It runs without site-packages and imports the standard library alone, to be up in a moment.
"""
