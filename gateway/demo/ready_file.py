"""The ready file: what this start of the demo made up, for scripts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.demo.cast import CONTOSO, FABRIKAM, DemoProgram
from gateway.demo.site import Site
from gateway.identity.directory import provider_subscription, tenant_id


def write_ready_file(path: Path, site: Site, programs: tuple[DemoProgram, DemoProgram]) -> None:
    """For scripts: everything that this demo's start made up, readable by its user alone."""
    ready = _ready(site) | _ready_for_arm(site.gateway, *programs)
    content = json.dumps(ready, indent=2)
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    unfinished.replace(path)


def _ready(site: Site) -> dict[str, Any]:
    settings = site.gateway.settings
    return {
        "base_address": settings.public_base,
        "operations_address": f"http://{settings.operations_listen}",
        "ca_file": str(Path("certs/ca.pem").resolve()),
        "node": settings.node,
        "accounts": [
            {
                "name": account.name,
                "role": account.role.value,
                "password": account.password,
                "code_secret": account.code_secret,
                "subscription_ids": list(account.subscriptions),
            }
            for account in site.accounts
        ],
        "subscription_ids": [CONTOSO, FABRIKAM],
        "enabled_subscription_ids": [CONTOSO],
        "vms": [
            {
                "name": vm.name,
                "resource_id": vm.resource_id,
                "state": vm.state,
                "users": vm.users,
                "console": vm.way,
            }
            for vm in site.vms()
        ],
    }


def _ready_for_arm(gateway: Gateway, tenant: DemoProgram, admin: DemoProgram) -> dict[str, Any]:
    """What `az cloud register` and `az login --service-principal` are told."""
    settings = gateway.settings
    directory = tenant_id(settings.public_base)

    def principal(program: DemoProgram) -> dict[str, str]:
        return {
            "client_id": program.client_id,
            "client_secret": program.secret,
            "tenant_id": directory,
            "account": program.account,
        }

    return {
        "arm_endpoint": settings.public_base,
        "arm_admin_endpoint": settings.admin_public_base,
        "arm_location": settings.location,
        "tenant_id": directory,
        "service_principal": principal(tenant),
        "admin_service_principal": principal(admin),
        "admin_subscription_id": provider_subscription(settings.public_base),
    }
