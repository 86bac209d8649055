"""Runs the child by its file's name: `python -I -S start.py`, with nothing else of the gateway."""

import os
import sys
import types

_GATEWAY = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))  # noqa: PTH100, PTH118, PTH120 - pathlib is slow

# What the real packages import on the way takes longer than all that we do.
for _name in (
    "gateway",
    *("gateway.demo", "gateway.demo.engines", "gateway.demo.engines.child"),
    *("gateway.backends", "gateway.backends.rdp", "gateway.backends.rdp.child"),
):
    _package = types.ModuleType(_name)
    _package.__path__ = [os.path.join(_GATEWAY, *_name.split(".")[1:])]  # noqa: PTH118
    sys.modules[_name] = _package

from gateway.demo.engines.child.keep import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
