"""What the person behind a set-up link does: look at it, then choose a password."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.actions.endings import end_sign_ins_of, spend_setup_links
from gateway.actions.recording import Act, Decision, Party, deciding, stranger
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.errors import InvalidInput
from gateway.identity.secrets import digest_of
from gateway.policy.facts import EndCode, Role
from gateway.policy.verdict import Deny
from gateway.store import Account, SetupLink, Unit

NO_SUCH_SETUP_LINK = Deny("NoSuchSetupLink", "this link does not work any more", hidden=True)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the set-up page shows. Cloudadmins and admins also get a one-time-code secret."""

    name: str
    role: Role
    expires_at: datetime
    code_secret: str | None = field(default=None, repr=False)  # base32, for typing
    code_uri: str | None = field(default=None, repr=False)  # otpauth://…, for a QR code


async def look_up_setup_link(
    s: Services, secret: str, *, address: str, now: datetime
) -> Invitation:
    """Whose link this is. The same code secret each time until it is finished.

    Raises: NotFound (unknown, used, expired: one answer), Throttled.
    """
    async with deciding(s, stranger(address), Act.LOOK_UP_SETUP_LINK, now=now) as d:
        s.misses.check(address, now)
        async with d.unit() as unit:
            link, account = await _usable(s, d, unit, secret)
            if not s.identity.needs_code(account.role):
                return Invitation(account.name, account.role, link.expires_at)
            sealed = link.code_secret or s.identity.new_code_secret()
            await unit.setup_links.update(replace(link, code_secret=sealed))
            return Invitation(
                account.name,
                account.role,
                link.expires_at,
                code_secret=s.identity.unseal(sealed),
                code_uri=s.identity.code_uri(sealed, account.name),
            )


async def finish_setup(
    s: Services, secret: str, *, password: str, code: str | None, address: str, now: datetime
) -> Account:
    """Set the password and the code secret; every other link and sign-in of the account ends.

    The code is not used up: it proves the enrolment, and may sign in next.
    Raises: NotFound, InvalidInput (`password`, `code`), Throttled.
    """
    async with deciding(s, stranger(address), Act.FINISH_SETUP, now=now) as d:
        s.misses.check(address, now)
        async with s.store.reading() as unit:
            link, account = await _usable(s, d, unit, secret)
        s.identity.check_new_password(password, account_name=account.name, role=account.role)
        sealed = _confirmed_code(s, link, account, code, now)
        # No unit is open while the password is hashed: nobody else waits for that.
        password_hash = await s.identity.hash_password(password)
        async with d.unit() as unit:
            _, account = await _usable(s, d, unit, secret)
            account = replace(account, password_hash=password_hash, code_secret=sealed)
            await unit.accounts.update(account)
            await spend_setup_links(d, unit, account.id)
            end = End(EndCode.SIGN_IN_ENDED, account.name, "the password was changed", now)
            d.note(sign_ins_ended=await end_sign_ins_of(d, unit, account.id, end))
            return account


async def _usable(s: Services, d: Decision, unit: Unit, secret: str) -> tuple[SetupLink, Account]:
    """The link and whose it is. Raises: NotFound, and counts the miss."""
    link = await unit.setup_links.by_digest(digest_of(secret))
    account = await unit.accounts.by_id(link.account_id) if link else None
    alive = link is not None and link.used_at is None and d.now < link.expires_at
    if link is None or account is None or account.disabled or not alive:
        s.misses.missed(d.party.address, d.now)
        d.note(setup_link=link.id if link else None)
        d.refuse(NO_SUCH_SETUP_LINK)
    d.party = Party(account.name, account.role.value, d.party.address)
    d.target = account.name
    d.note(setup_link=link.id)
    return link, account


def _confirmed_code(
    s: Services, link: SetupLink, account: Account, code: str | None, now: datetime
) -> str | None:
    """The sealed code secret to keep. Raises: InvalidInput unless `code` shows that it arrived."""
    if not s.identity.needs_code(account.role):
        return None
    if link.code_secret is None:
        raise InvalidInput("code", "open the link first, it shows what the authenticator needs")
    if code is None or s.identity.code_step(link.code_secret, code, now) is None:
        raise InvalidInput("code", "not the code that the authenticator shows now")
    return link.code_secret
