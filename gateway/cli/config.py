"""config …: look at the configuration of a gateway before it runs.

What the commands need is loaded when they run: it takes seconds that no other command should wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.command import reported
from gateway.cli.failures import Failure
from gateway.cli.output import AsJson, print_json, say

app = typer.Typer(
    help="The gateway's configuration: check it, show it. Runs without a gateway.",
    no_args_is_help=True,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The TOML file. EVA_… variables count over it.",
    ),
]


@app.command()
@reported
def check(*, config: ConfigOption = None) -> None:
    """Check settings, database address, certificate and inventory; start nothing.

    Exits with 1 and names every problem that it finds.

    Example: eva-gateway config check --config /etc/eva/gateway.toml
    """
    from gateway.cli import configuration  # noqa: PLC0415 - see above

    settings = configuration.load(config)
    problems = configuration.problems(settings)
    if problems:
        raise Failure("; ".join(problems))
    say(f"The configuration of node {settings.node} can be used.")


@app.command()
@reported
def show(*, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show the settings that would count, secrets hidden.

    Example: EVA_NODE=AzS-ERCS02 eva-gateway config show --config /etc/eva/gateway.toml
    """
    from gateway.cli import configuration  # noqa: PLC0415 - see above

    values = configuration.shown(configuration.load(config))
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        say(f"{name} = {'(default)' if value is None else value}")
