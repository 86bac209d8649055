"""A program brings a client credential (RFC 6749 §4.4): it signs in by itself, as an account."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.actions.tokens import (
    Issued,
    Program,
    begin_sign_in,
    issue,
    refuse_grant,
    require_bearer,
)
from gateway.identity.secrets import digest_of, same_digest
from gateway.policy.tokens import ACCESS_LIFETIME
from gateway.store import Account, ClientCredential, Unit

# MSIS9622 is AD FS's name for it, which people look for.
WRONG = (
    "MSIS9622: client authentication failed: the client id or secret is not right, or the "
    "credential has run out or was revoked"
)


async def grant_by_credential(
    s: Services, program: Program, *, secret: str, now: datetime
) -> Issued:
    """An access token for the credential's account; no refresh token (RFC 6749 §4.4.3).

    Raises: Refused (an error of RFC 6749 §5.2), Throttled.
    """
    party = program.party
    async with deciding(s, party, Act.ISSUE_TOKEN, target=program.audience, now=now) as d:
        d.note(grant="client_credentials", client_id=program.client_id)
        s.misses.check(program.address, now)
        async with d.unit() as unit:
            credential, account = await _proven(s, d, unit, program, secret)
            require_bearer(s, d, account, program.audience)
            lasts = min(ACCESS_LIFETIME, credential.expires_at - now)
            begun = await begin_sign_in(s, d, unit, account, program, lasts=lasts)
            return await issue(s, d, unit, account, begun, program, refreshable=False)


async def _proven(
    s: Services, d: Decision, unit: Unit, program: Program, secret: str
) -> tuple[ClientCredential, Account]:
    """The credential, and as whom its program acts. Raises: Refused, and counts the miss."""
    credential = await unit.credentials.get(program.client_id)
    kept = await unit.credentials.digest_of(program.client_id)
    account = await unit.accounts.by_id(credential.account_id) if credential else None
    right = same_digest(kept or "", digest_of(secret))
    if not right or credential is None or account is None or _is_over(credential, account, d.now):
        s.misses.missed(program.address, d.now)
        refuse_grant(d, "invalid_client", WRONG)
    return credential, account


def _is_over(credential: ClientCredential, account: Account, now: datetime) -> bool:
    return account.disabled or credential.revoked_at is not None or credential.expires_at <= now
