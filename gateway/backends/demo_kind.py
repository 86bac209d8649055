"""`demo:web01`: the consoles of the built-in hypervisor, which runs in the demo alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

from gateway.backends.tables import NoOptions, no_user, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.upstream import Upstream
from gateway.errors import UpstreamRefused
from gateway.policy.places import ConsolePlace, check_plain, demo_name


class DemoKind:
    """Understands the addresses everywhere, and dials them nowhere: the demo brings what does."""

    schemes = ("demo",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        check_plain(url)
        return ConsolePlace(name=demo_name(url))

    def read(self, table: Mapping[str, Any], console: Console) -> None:
        """Raises: ValueError where anything is given."""
        read_table(NoOptions, table, console.scheme)
        no_user(console)

    def backend(self) -> NoHypervisor:
        """Refuses; `gateway.demo` puts a `DemoBackend` in its place."""
        return NoHypervisor()


class NoHypervisor:
    """Stands where the demo's hypervisor does not run."""

    async def dial(self, target: Target, progress: Progress) -> Upstream:  # noqa: ARG002
        """Raises: UpstreamRefused."""
        raise UpstreamRefused("demo consoles are there in the demo alone")
