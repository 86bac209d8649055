"""Runs the child by its file's name: `python -I -S start.py`, with nothing else of the gateway."""

import os
import sys
import types

_CHILD = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is slow

# What the real packages import on the way (numpy, asyncio) takes longer than all that we do.
_folder = _CHILD
for _name in ("gateway.backends.rdp.child", "gateway.backends.rdp", "gateway.backends", "gateway"):
    _package = types.ModuleType(_name)
    _package.__path__ = [_folder]
    sys.modules[_name] = _package
    _folder = os.path.dirname(_folder)  # noqa: PTH120

from gateway.backends.rdp.child.supervise import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
