"""Who plays in the demo, and what opens the door to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.policy.facts import Role

NODE: Final = "AzS-ERCS01"
LOOPBACK: Final = "127.0.0.1"
CONTOSO: Final = "c0115050-0000-4000-8000-000000000001"
FABRIKAM: Final = "fab21ca0-0000-4000-8000-000000000002"

# Who is who: name, role, the subscriptions that they own.
CAST: Final[tuple[tuple[str, Role, tuple[str, ...]], ...]] = (
    ("olga", Role.CLOUDADMIN, ()),
    ("omar", Role.CLOUDADMIN, ()),
    ("contoso", Role.TENANT, (CONTOSO,)),
    ("fabrikam", Role.TENANT, (FABRIKAM,)),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account and, because this is a demo, what opens it."""

    id: str
    name: str
    role: Role
    subscriptions: tuple[str, ...]
    password: str = field(repr=False)
    code_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoProgram:
    """A client credential: what `az login --service-principal` takes."""

    account: str
    client_id: str
    secret: str = field(repr=False)
