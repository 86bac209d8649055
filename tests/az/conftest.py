"""The real `az` against a serving gateway. `make test-az` installs it and names it in EVA_AZ."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.actions.credentials import NewCredential, add_credential
from gateway.demo import LOOPBACK
from gateway.identity.directory import tenant_id
from gateway.policy.facts import Actor, Role
from tests.doubles.site import Site

AZ = os.environ.get("EVA_AZ")
collect_ignore_glob = [] if AZ else ["test_*.py"]


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Az:
    """`az` with a configuration folder of its own, as on a machine where it was never used."""

    def __init__(self, folder: Path, ca_file: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "AZURE_CONFIG_DIR": str(folder),
            "REQUESTS_CA_BUNDLE": str(ca_file),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_NO_COLOR": "1",
            "AZURE_CORE_LOGIN_EXPERIENCE_V2": "0",
        }

    def __call__(self, *arguments: str) -> Ran:
        done = subprocess.run(
            [str(AZ), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> Ran:
        """A command that succeeds."""
        ran = self(*arguments)
        assert ran.code == 0, ran.err
        return ran

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that waits for somebody."""
        return subprocess.Popen(
            [str(AZ), *arguments], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def meet(self, endpoint: str) -> None:
        """Register the endpoint as a cloud, and use it."""
        self.ok("cloud", "register", "-n", "EVA", "--endpoint-resource-manager", endpoint)
        self.ok("cloud", "set", "-n", "EVA")


class Gate(Site):
    """A serving gateway; desk01 is the only instance of a scale set there."""

    def inventory(self) -> str:
        instance = "virtualMachineScaleSets/my-vmss/virtualMachines/0"
        return super().inventory().replace("virtualMachines/desk01", instance)

    def credential(self, name: str) -> NewCredential:
        services = self.standing.gateway.services
        accounts = self.standing.accounts
        admin = Actor(accounts["admin"].id, "admin", Role.ADMIN, frozenset(), LOOPBACK, "tests")
        return self.run(
            add_credential(
                services,
                admin,
                account_id=accounts[name].id,
                label="az",
                days=1,
                now=services.clock(),
            )
        )

    @property
    def tenant_id(self) -> str:
        return tenant_id(self.base)

    def az(self, folder: Path, name: str, endpoint: str | None = None) -> Az:
        """`az`, signed in as the program that acts for `name`."""
        az = Az(folder, self.standing.ca_file)
        az.meet(endpoint or self.base)
        credential = self.credential(name)
        az.ok(
            "login", "--service-principal", "-u", credential.named.credential.id,
            "-p", credential.secret, "--tenant", self.tenant_id,
        )  # fmt: skip
        return az


@pytest.fixture(scope="session")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    made = Gate(tmp_path_factory.mktemp("gate"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def tenant(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """contoso's program at the tenants' endpoint."""
    return gate.az(tmp_path_factory.mktemp("tenant"), "contoso")


@pytest.fixture(scope="session")
def admin(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """The admin's program at the administrators' endpoint."""
    return gate.az(tmp_path_factory.mktemp("admin"), "admin", gate.standing.admin_base)
