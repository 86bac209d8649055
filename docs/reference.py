"""Writes what is made from the code: the configuration reference, the API's description."""

from __future__ import annotations

import json
from pathlib import Path

from gateway import __version__, api
from gateway.api.openapi import document
from gateway.settings import ENV_PREFIX, Settings

HEAD = """# Configuration

This page is made from the settings class by `make docs`; a test fails when the two differ.

A setting is looked for in three places, the first one wins: a flag of `eva-gateway serve`, an
environment variable, the TOML file given by `--config`. `eva-gateway config check` reads them all
and says what is wrong; `eva-gateway config show` prints what is in force, secrets left out.

| setting | environment | default | meaning |
|---|---|---|---|
"""

TAIL = """
Lists are JSON in the environment: `EVA_TRUSTED_PROXIES='["10.0.0.0/8"]'`.

The inventory is a TOML file of its own; see [operating](operating.md#the-inventory). Nothing that
it holds can be set from elsewhere: an address is dialled only if the inventory names it.
"""


def reference() -> str:
    """The page, in Markdown."""
    return HEAD + "".join(_rows()) + TAIL


def _rows() -> list[str]:
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default in (None, ()) else f"`{default}`"
        meaning = " ".join((field.description or "").split())
        rows.append(f"| `{name}` | `{ENV_PREFIX}{name.upper()}` | {shown} | {meaning} |\n")
    return rows


def openapi() -> str:
    """The API's description, in JSON."""
    return json.dumps(document(api.routes(), version=__version__), indent=1) + "\n"


if __name__ == "__main__":
    here = Path(__file__).parent
    (here / "configuration.md").write_text(reference(), encoding="utf-8")
    (here / "openapi.json").write_text(openapi(), encoding="utf-8")
