"""Runs the child by its file's name: `python -I start.py`, with nothing else of the gateway."""

import os
import sys
import types

_folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is slow
_BACKENDS = os.path.dirname(os.path.dirname(_folder))  # noqa: PTH120

# What the real packages import on the way takes longer than all that we do.
for _name, _place in (
    ("gateway", os.path.dirname(_BACKENDS)),  # noqa: PTH120
    ("gateway.backends", _BACKENDS),
    ("gateway.backends.libvirt", os.path.dirname(_folder)),  # noqa: PTH120
    ("gateway.backends.libvirt.child", _folder),
    ("gateway.backends.rdp", os.path.join(_BACKENDS, "rdp")),  # noqa: PTH118
    ("gateway.backends.rdp.child", os.path.join(_BACKENDS, "rdp", "child")),  # noqa: PTH118
):
    _package = types.ModuleType(_name)
    _package.__path__ = [_place]
    sys.modules[_name] = _package

from gateway.backends.libvirt.child.answer import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
