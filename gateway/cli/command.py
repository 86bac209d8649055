"""What turns an async function into a command: a gateway to talk to, and errors as sentences."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

import typer

from gateway.cli import target
from gateway.cli.client import Client
from gateway.cli.failures import Failure
from gateway.cli.output import note
from gateway.errors import GatewayError

P = ParamSpec("P")
T = TypeVar("T")

_CONNECTION = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
    for name, annotation in (
        ("gateway", target.GatewayOption),
        ("ca_file", target.CaFileOption),
        ("token_file", target.TokenFileOption),
        ("token", target.TokenOption),
    )
)


def reported(body: Callable[P, T]) -> Callable[P, T]:
    """Let `body` fail in one sentence on standard error and with an exit code."""

    @functools.wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return body(*args, **kwargs)
        except Failure as failure:
            note(f"eva-gateway: {failure.message}")
            raise typer.Exit(failure.code) from None
        except GatewayError as error:
            note(f"eva-gateway: {error}")
            raise typer.Exit(1) from None

    return run


def talks(body: Callable[Concatenate[Client, P], Awaitable[None]]) -> Callable[..., None]:
    """Hand `body` a client of the gateway that flags, environment or `login` name."""

    @reported
    def run(*args: object, **options: object) -> None:
        place = {parameter.name: options.pop(parameter.name) for parameter in _CONNECTION}
        asyncio.run(_converse(target.find(**place), body, *args, **options))  # type: ignore[arg-type]

    return _with_connection_options(run, body)


async def _converse(
    place: target.Target, body: Callable[..., Awaitable[None]], *args: object, **options: object
) -> None:
    async with Client(place) as client:
        await body(client, *args, **options)


def _with_connection_options(
    run: Callable[..., None], body: Callable[..., Awaitable[None]]
) -> Callable[..., None]:
    """Show typer the parameters of `body`, without its client, and the connection's."""
    _, *own = inspect.signature(body, eval_str=True).parameters.values()
    parameters = [*own, *_CONNECTION]
    # Names that are all passed by keyword need no order, but a signature insists on one.
    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    run.__name__ = body.__name__
    run.__doc__ = body.__doc__
    run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in keywords}
    del run.__wrapped__  # type: ignore[attr-defined]  # whose hints typer would take instead
    return run
