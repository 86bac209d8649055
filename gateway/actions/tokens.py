"""Tokens of Resource Manager clients: who is behind one, and how they are issued.

Each belongs to a sign-in of the kind "arm", a row like any other: when that ends, by whatever
hand, its tokens are worth nothing from the same commit on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from gateway.actions.authenticate import Session, account_behind, actor_of
from gateway.actions.inputs import storable
from gateway.actions.recording import Decision, Party, stranger
from gateway.actions.services import Services
from gateway.actions.sign_in import new_sign_in
from gateway.errors import NotSignedIn, Refused
from gateway.identity.secrets import digest_of
from gateway.identity.sign_ins import worth_touching
from gateway.policy.tokens import Endpoint, access_ends, may_bear_token
from gateway.policy.verdict import Deny
from gateway.store import Account, SignIn, Token, Unit

# What is asked for beside the endpoint (OpenID Connect Core §3.1.2.1, §11).
ABOUT_THE_PERSON = frozenset({"openid", "profile", "email", "offline_access"})
OF_THE_ENDPOINT = ("/.default", "/user_impersonation")


@dataclass(frozen=True, slots=True)
class Program:
    """What asks for tokens; `inputs.client_id` has checked its id, the rest is hostile text."""

    client_id: str  # what it calls itself, unless it brings a credential
    audience: str  # the public base of the endpoint that it came to
    address: str
    user_agent: str

    @property
    def party(self) -> Party:
        """Who asks, as far as the audit log knows before anything is proven."""
        return stranger(self.address)


@dataclass(frozen=True, slots=True)
class Issued:
    """Fresh tokens, said once."""

    access: str = field(repr=False)
    access_ends: datetime
    refresh: str | None = field(repr=False)
    client_id: str
    audience: str
    account: Account
    sign_in: SignIn
    nonce: str = ""  # of the authorization request, for the id token


async def authenticate_token(
    s: Services, secret: str, *, audience: str, address: str, now: datetime
) -> Session:
    """The session that an access token proves, at the endpoint whose public base is `audience`.

    Writes no audit record. Raises: NotSignedIn.
    """
    async with s.store.reading() as unit:
        token = await unit.tokens.by_digest(digest_of(secret))
        if token is None or token.kind != "access" or token.audience != audience:
            raise NotSignedIn("sign in first")
        if token.expires_at <= now:
            raise NotSignedIn("the access token has run out")
        sign_in, account = await sign_in_behind(s, unit, token, now)
    if worth_touching(sign_in, now):
        async with s.store.unit() as unit:
            await unit.sign_ins.touch(sign_in.id, now)
    return Session(actor_of(account, sign_in.id, address), sign_in, account)


async def sign_in_behind(
    s: Services, unit: Unit, token: Token, now: datetime
) -> tuple[SignIn, Account]:
    """The sign-in that a token was drawn from, and whose it is. Raises: NotSignedIn."""
    sign_in = await unit.sign_ins.get(token.sign_in_id)
    if sign_in is None:
        raise NotSignedIn("sign in first")
    account = await account_behind(unit, sign_in, now)
    if isinstance(may_bear_token(account.role, endpoint_of(s, token.audience)), Deny):
        raise NotSignedIn("sign in first")
    return sign_in, account


async def still_as_proven(d: Decision, unit: Unit, proven: Account) -> Account:
    """The account, once more: it may have been locked while its password was checked.

    Raises: NotSignedIn.
    """
    account = await unit.accounts.by_id(proven.id)
    if account is None or account != proven:
        raise NotSignedIn("the account has changed meanwhile, try again")
    d.party = Party(account.name, account.role.value, d.party.address)
    return account


def endpoint_of(s: Services, audience: str) -> Endpoint:
    """Which endpoint has that public base."""
    if audience == s.public_base:
        return Endpoint.TENANT
    assert audience == s.admin_public_base, "tokens are for an endpoint of ours"
    return Endpoint.ADMIN


def require_audience(wanted: Iterable[str], base: str) -> None:
    """Raises: Refused unless what is asked for is this endpoint, however that is written.

    `wanted`: scopes and resources, as OAuth's and AD FS's clients name them.
    """
    for scope in wanted:
        if scope not in ABOUT_THE_PERSON and _resource(scope) != base.lower():
            why = f"the tokens of this authority are for {base}: ask for the scope {base}/.default"
            raise Refused("invalid_scope", why)


def _resource(scope: str) -> str:
    """`https://host/.default`, `https://host//.default` and `https://host/` are one."""
    for suffix in OF_THE_ENDPOINT:
        scope = scope.removesuffix(suffix)
    return scope.rstrip("/").lower()


def refuse_grant(d: Decision, error: str, denial: Deny | str) -> NoReturn:
    """Say no in OAuth's words. `error`: of RFC 6749 §5.2. Raises: Refused."""
    if isinstance(denial, Deny):
        d.note(denied=denial.code)
        denial = denial.reason
    raise Refused(error, denial)


def require_bearer(s: Services, d: Decision, account: Account, audience: str) -> None:
    """Raises: Refused unless the account's role has tokens at that endpoint."""
    verdict = may_bear_token(account.role, endpoint_of(s, audience))
    if isinstance(verdict, Deny):
        refuse_grant(d, "unauthorized_client", verdict)


async def begin_sign_in(
    s: Services,
    d: Decision,
    unit: Unit,
    account: Account,
    program: Program,
    *,
    lasts: timedelta | None = None,
) -> SignIn:
    """A sign-in of the kind "arm" for `account`; nobody holds its secret.

    `lasts`: how long, idle or not, where it is a program's own and no person's.
    """
    begun = new_sign_in(
        account,
        kind="arm",
        address=program.address,
        user_agent=storable(program.user_agent),
        now=d.now,
    )
    if lasts is not None:
        begun = replace(begun, expires_at=d.now + lasts, idle=lasts)
    _, digest = s.identity.new_secret()
    await unit.sign_ins.add(begun, digest)
    return begun


async def issue(  # noqa: PLR0917
    s: Services,
    d: Decision,
    unit: Unit,
    account: Account,
    sign_in: SignIn,
    program: Program,
    *,
    refreshable: bool,
) -> Issued:
    """An access token, and a refresh token where the sign-in may be prolonged by one."""
    d.party = actor_of(account, sign_in.id, program.address)
    d.target = program.audience
    d.note(client_id=program.client_id, sign_in=sign_in.id)
    await unit.tokens.drop_expired(d.now)
    ends = access_ends(d.now, sign_in_ends=sign_in.expires_at, idle=sign_in.idle)
    drawn = Token("access", sign_in.id, program.client_id, program.audience, ends)
    access = await _add(s, unit, drawn)
    refresh = None
    if refreshable:
        ends_with_it = replace(drawn, kind="refresh", expires_at=sign_in.expires_at)
        refresh = await _add(s, unit, ends_with_it)
    return Issued(access, ends, refresh, program.client_id, program.audience, account, sign_in)


async def _add(s: Services, unit: Unit, token: Token) -> str:
    secret, digest = s.identity.new_secret()
    await unit.tokens.add(token, digest)
    return secret
