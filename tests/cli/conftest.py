"""Commands as a shell runs them, towards a gateway that serves over TLS in a thread of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.cli.client import Client
from gateway.cli.target import Target
from tests.doubles.site import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.start()
    yield made
    made.stop()


class Shell:
    """One person's shell: their own configuration folder, the site's address in the environment."""

    def __init__(self, site: Site, home: Path, name: str) -> None:
        self.site, self.name = site, name
        self.environment: dict[str, str | None] = {
            "XDG_CONFIG_HOME": str(home),
            "EVA_GATEWAY": site.base,
            "EVA_CA_FILE": str(site.standing.ca_file),
            "EVA_TOKEN": None,
            "COLUMNS": "200",
        }

    def __call__(self, *arguments: str, typed: str | None = None, **environment: Any) -> Result:
        return CliRunner().invoke(
            app, arguments, input=typed, env=self.environment | environment, catch_exceptions=False
        )

    def ok(self, *arguments: str, typed: str | None = None) -> str:
        """The standard output of a command that succeeds."""
        result = self(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str, typed: str | None = None) -> Any:
        return json.loads(self.ok(*arguments, "--json", typed=typed))

    def api(self, path: str) -> Any:
        """What the API says to this person, where no command asks it."""
        file = Path(str(self.environment["XDG_CONFIG_HOME"])) / "eva-gateway" / "credentials.json"
        stored = json.loads(file.read_text())

        async def ask() -> Any:
            target = Target(stored["gateway"], stored["ca_file"], stored["token"])
            async with Client(target) as client:
                return await client.get(path)

        return asyncio.run(ask())

    def proof(self) -> list[str]:
        """The flags that prove, with the password on standard input, who this is."""
        code = self.site.code(self.name)
        return ["--user", self.name, "--password-stdin", *(["--code", code] if code else [])]

    @property
    def password(self) -> str:
        return self.site.password(self.name) + "\n"

    def login(self) -> None:
        self.ok("login", *self.proof(), typed=self.password)


class People:
    """Shells by the name of who sits there."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._site, self._folder = site, folder

    def __call__(self, name: str, *, signed_in: bool = True) -> Shell:
        shell = Shell(self._site, self._folder / name, name)
        if signed_in:
            shell.login()
        return shell


@pytest.fixture
def shell(site: Site, tmp_path: Path) -> People:
    return People(site, tmp_path)
