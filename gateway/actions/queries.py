"""What people may look at. Reading changes nothing; what may not be seen is left out.

An admin's lists refuse everybody else, and that refusal is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Consent, Grant, ShareLink, Subscription, Visit, Workstation

if TYPE_CHECKING:
    from gateway.inventory import Machine
    from gateway.store.accounts import Account
    from gateway.store.sign_ins import SignIn


@dataclass(frozen=True, slots=True)
class TenantVm:
    """A VM that a tenant may consent for, whether they can now, and the consent there is."""

    machine: Machine
    enabled: bool
    consent: Consent | None


@dataclass(frozen=True, slots=True)
class SignInView:
    """A sign-in and whose it is."""

    sign_in: SignIn
    name: str
    role: str


async def see_consent(s: Services, actor: Actor, consent_id: str, *, now: datetime) -> Consent:
    """Active or ended. Raises: NotFound."""
    raise NotImplementedError


async def see_visit(s: Services, secret: str, *, now: datetime) -> tuple[Visit, Consent]:
    """What a guest's cookie is good for. Raises: NotFound."""
    raise NotImplementedError


async def find_consent(s: Services, actor: Actor, resource_id: str, *, now: datetime) -> Consent:
    """The active consent for a VM. Raises: NotFound."""
    raise NotImplementedError


async def list_consents(s: Services, actor: Actor, *, now: datetime) -> Sequence[Consent]:
    """The active ones that the actor may see: a tenant's, this node's for an operator, all."""
    raise NotImplementedError


async def list_history(s: Services, actor: Actor, *, limit: int = 100) -> Sequence[Consent]:
    """Ended and active, newest first, that the actor may see."""
    raise NotImplementedError


async def list_grants(s: Services, actor: Actor, consent_id: str) -> Sequence[Grant]:
    """Who opened that console, and when. Raises: NotFound."""
    raise NotImplementedError


async def own_grant(s: Services, actor: Actor, consent_id: str, *, now: datetime) -> Grant | None:
    """The grant with which this sign-in may connect now, without another step-up."""
    raise NotImplementedError


async def list_links(
    s: Services, actor: Actor, consent_id: str, *, now: datetime
) -> Sequence[tuple[ShareLink, int]]:
    """The share links that work, each with how many have joined. Raises: NotFound."""
    raise NotImplementedError


async def list_vms(s: Services, actor: Actor, *, now: datetime) -> Sequence[TenantVm]:
    """A tenant's VMs."""
    raise NotImplementedError


async def list_subscriptions(s: Services, actor: Actor) -> Sequence[Subscription]:
    """Every subscription of the inventory or once enabled. Admin only. Raises: Refused."""
    raise NotImplementedError


async def list_workstations(
    s: Services, actor: Actor, node: str | None = None
) -> Sequence[Workstation]:
    """The safelist, of one node or all. Admin only. Raises: Refused."""
    raise NotImplementedError


async def list_accounts(s: Services, actor: Actor) -> Sequence[Account]:
    """Admin only. Raises: Refused."""
    raise NotImplementedError


async def list_sign_ins(s: Services, actor: Actor, *, now: datetime) -> Sequence[SignInView]:
    """Everybody's for an admin, else one's own."""
    raise NotImplementedError


async def audit_page(
    s: Services,
    actor: Actor,
    *,
    before: int | None = None,
    limit: int = 100,
    filters: dict[str, Any] | None = None,
) -> Sequence[Any]:
    """Audit records, newest first. Admin only. Raises: Refused."""
    raise NotImplementedError
