"""The seed's way to a real guest: `az vm extension set`, and the new password at the console."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.az.conftest import Az
from tests.doubles.tokens import credential
from tests.hypervisor.conftest import guest, new_folder, recovered  # noqa: F401 - fixtures
from tests.hypervisor.guest import USER
from tests.hypervisor.qemu import Qemu
from tests.hypervisor.test_recovery import tenant_of
from tests.hypervisor.typed import log_in, shows

NEW_PASSWORD = "from-the-shell-7"


@pytest.mark.timeout(240)
async def test_a_password_set_by_az_logs_in_at_the_console(
    recovered: Qemu,  # noqa: F811
    tmp_path: Path,
) -> None:
    async with tenant_of(tmp_path, recovered) as (visit, _):
        standing = visit.standing
        az = Az(tmp_path / "az", standing.ca_file)
        known = await credential(standing, "contoso")

        def set_it() -> None:
            az.meet(standing.base)
            az.ok(
                "login", "--service-principal", "-u", known.named.credential.id,
                "-p", known.secret, "--tenant", "adfs",
            )  # fmt: skip
            az.ok(
                "vm", "extension", "set", "--name", "VMAccessForLinux", "--version", "1.5",
                "--publisher", "Microsoft.OSTCExtensions", "-g", "real", "--vm-name", "real01",
                "--settings", "{}", "--protected-settings",
                f'{{"username":"{USER}","password":"{NEW_PASSWORD}"}}',
            )  # fmt: skip

        await asyncio.to_thread(set_it)
        async with visit.operator() as operator:
            await shows(operator, recovered, "guest login:")
            await log_in(operator, recovered, USER, NEW_PASSWORD)
            await operator.type("pwd\n")
            await shows(operator, recovered, "/home")
