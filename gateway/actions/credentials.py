"""Client credentials: an admin lets a program sign in as a tenant or an admin, for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from gateway.actions import inputs
from gateway.actions.endings import end_sign_in_row
from gateway.actions.finding import account_of
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.errors import InvalidInput
from gateway.identity.secrets import digest_of
from gateway.policy.administration import may_administer
from gateway.policy.consents import subscription_id as guid
from gateway.policy.facts import Actor, EndCode, Role
from gateway.policy.tokens import CREDENTIAL_LIFETIME
from gateway.policy.verdict import Deny
from gateway.store import ClientCredential, NamedCredential

NO_SUCH_CREDENTIAL = Deny("NoSuchCredential", "there is no such credential", hidden=True)

# So that scanners for leaked secrets know one, and no shell takes a leading "-" for an option.
SECRET_PREFIX = "eva_"  # noqa: S105 - not the secret part


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential, as whom its program acts, and its secret, said once."""

    named: NamedCredential
    secret: str = field(repr=False)


async def add_credential(
    s: Services, actor: Actor, *, account_id: str, label: str, days: int, now: datetime
) -> NewCredential:
    """A client id and its secret, which act for that account until the days are over.

    Raises: Refused, NotFound, InvalidInput.
    """
    async with (
        deciding(s, actor, Act.ADD_CREDENTIAL, target=account_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        account = await account_of(d, unit, account_id)
        if account.role is Role.CLOUDADMIN:
            raise InvalidInput("account", "an operator works in person, never by a program")
        credential = ClientCredential(
            id=str(uuid4()),
            account_id=account.id,
            label=inputs.line("label", label, inputs.MAX_LABEL),
            created_by=actor.name,
            created_at=now,
            expires_at=now + _lifetime(days),
        )
        secret = SECRET_PREFIX + s.identity.new_secret()[0]
        await unit.credentials.add(credential, digest_of(secret))
        d.note(credential=credential.id, label=credential.label, days=days)
        return NewCredential(NamedCredential(credential, account.name, account.role), secret)


def _lifetime(days: int) -> timedelta:
    if not 1 <= days <= CREDENTIAL_LIFETIME.days:
        raise InvalidInput("days", f"1 to {CREDENTIAL_LIFETIME.days}")
    return timedelta(days=days)


async def list_credentials(
    s: Services, actor: Actor, *, now: datetime
) -> Sequence[NamedCredential]:
    """Every credential, also those that are over. Raises: Refused."""
    async with deciding(s, actor, Act.READ, target="credentials", now=now) as d:
        d.require(may_administer(actor))
        d.drop()
        async with s.store.reading() as unit:
            return await unit.credentials.list()


async def revoke_credential(s: Services, actor: Actor, credential_id: str, *, now: datetime) -> int:
    """End a credential and what its program is signed in with; how many sign-ins that were.

    Raises: Refused, NotFound.
    """
    async with (
        deciding(s, actor, Act.REVOKE_CREDENTIAL, target=credential_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        known = guid(credential_id)
        found = await unit.credentials.get(known) if known else None
        credential = d.found(found, NO_SUCH_CREDENTIAL)
        await unit.credentials.revoke(credential.id, now)
        end = End(EndCode.SIGN_IN_ENDED, actor.name, "the credential was revoked", now)
        sign_ins = await unit.tokens.sign_ins_of(credential.id)
        for sign_in_id in sign_ins:
            await end_sign_in_row(d, unit, sign_in_id, end)
        d.note(label=credential.label, sign_ins_ended=len(sign_ins))
        return len(sign_ins)
