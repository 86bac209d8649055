"""Programs that ask to act for somebody: what the pages about them say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.actions.services import Services
from gateway.actions.tokens import endpoint_of
from gateway.policy.tokens import Endpoint
from gateway.web.shown import Moment

# The client ids that Microsoft's programs have on every cloud. Anybody can claim one.
KNOWN: Final = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Azure PowerShell",
    "aebc6443-996d-45c2-90f0-388ff96faa56": "Visual Studio Code",
    "872cd9fa-d31f-45e0-9eab-6e460a02d1f1": "Visual Studio",
}

MAY: Final = {
    Endpoint.TENANT: (
        "read your subscriptions, machines and extensions",
        "allow emergency console access, and withdraw it",
        "reset passwords and remote access inside your machines",
    ),
    Endpoint.ADMIN: ("switch emergency access on and off for subscriptions",),
}

WRONG: Final = (
    "That name, password and code do not belong together, or the code was used before. "
    "Nothing was approved. Check all three and try again."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A program on the page that asks about it. Every text but `may` is the program's own claim."""

    name: str
    client_id: str
    known: bool
    may: tuple[str, ...]
    where: str
    since: Moment | None = None
    user_agent: str = ""
    user_code: str = ""
    elsewhere: str | None = None  # the browser's address, where the program's is another


def program_name(client_id: str) -> str:
    """What people call the program of that id, or the id."""
    return KNOWN.get(client_id.lower(), client_id)


def permissions(services: Services, audience: str) -> tuple[str, ...]:
    """What a program may do that is approved at that endpoint, in words."""
    return MAY[endpoint_of(services, audience)]
