"""Does a backend keep its promises? `pytest --pyargs gateway.conformance --inventory FILE`.

docs/backends.md, "Prove it", says what an author gives and gets. This module is the pytest plugin
that the package offers: it loads the suite's own where the suite is asked for, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """A conftest beside the checks would be read too late: `--pyargs` names no folder."""
    if any("gateway.conformance" in arg.replace("/", ".") for arg in args):
        early_config.pluginmanager.import_plugin("gateway.conformance.plugin")
