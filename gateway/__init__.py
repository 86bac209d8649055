"""An emergency console for virtual machines: consented, live, watched and revocable."""

__version__ = "0.1.0"
