"""serve and demo: run a gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.command import reported
from gateway.cli.config import ConfigOption


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(serve)
    app.command("demo")(run_demo)


@reported
def serve(
    *,
    config: ConfigOption = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Where pages, API and consoles listen."),
    ] = None,
    public_base: Annotated[
        str | None,
        typer.Option("--public-base", metavar="URL", help="The address that browsers use."),
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NAME", help="This node's (ERCS) name.")
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option("--inventory", metavar="FILE", help="The TOML file that lists the VMs."),
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", metavar="DIR", help="Where database and keys lie."),
    ] = None,
) -> None:
    """Run a gateway until it is told to stop. The first start prints a one-time set-up link.

    Every setting can come from the file, from EVA_… variables, and some from flags; the last one
    counts. See config show.

    Example: eva-gateway serve --config /etc/eva/gateway.toml
    """
    from gateway import serving  # noqa: PLC0415 - it takes seconds to load
    from gateway.settings import Settings  # noqa: PLC0415

    settings = Settings.load(
        config,
        listen=listen,
        public_base=public_base,
        node=node,
        inventory_file=inventory,
        state_directory=state_dir,
    )
    serving.run(serving.serve(settings))


@reported
def run_demo(
    *,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=1024, max=65534, help="The port on loopback; the next is taken too."
        ),
    ] = 8443,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            "--ready-file",
            metavar="PATH",
            help="Once it serves, write here as JSON, for you alone: address, CA file, accounts "
            "with their secrets, VMs.",
        ),
    ] = None,
    state_dir: Annotated[
        Path, typer.Option("--state-dir", metavar="DIR", help="Where its state lies meanwhile.")
    ] = Path("var/demo"),
    engines: Annotated[
        bool,
        typer.Option(
            "--engines/--no-engines",
            help="Add a VM for QEMU's VNC, VNC in a WebSocket and RDP each, where their programs "
            "are installed.",
        ),
    ] = True,
) -> None:
    """Run a gateway with a built-in hypervisor, fresh accounts and random passwords.

    Everything is made anew at each start and forgotten at the end.

    Example: eva-gateway demo --port 8443
    """
    from gateway import demo, serving  # noqa: PLC0415 - as above

    serving.run(
        demo.run_demo(port=port, state_directory=state_dir, ready_file=ready_file, engines=engines)
    )
