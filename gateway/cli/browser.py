"""Opens a page whose address holds a secret in the user's browser."""

from __future__ import annotations

import asyncio
import html
import os
import tempfile
import webbrowser
from pathlib import Path
from typing import Final

from gateway.cli.failures import Failure
from gateway.cli.output import note

# How long a browser may take to start and read the file. The address itself works for a minute.
READING_SECONDS: Final = 10.0

PAGE: Final = """<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}"><title>Opening the console</title>
<a href="{address}">Open the console</a>
"""


async def show(address: str) -> None:
    """Open `address`. Raises: Failure where there is no browser.

    Every user of a machine may read the arguments of its processes, so the browser is given the
    name of a file that only this user may read, and the file leads on.
    """
    descriptor, name = tempfile.mkstemp(prefix="eva-console-", suffix=".html")  # mode 0600
    file = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(PAGE.format(address=html.escape(address)))
        if not await asyncio.to_thread(webbrowser.open, file.as_uri()):
            raise Failure(
                "there is no browser here: use --listen PORT with a VNC viewer, or --json"
            )
        note("No page? Run it again with --json, which prints the address.")
        await asyncio.sleep(READING_SECONDS)
    finally:
        file.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call
