"""A scene for one request: Contoso's console, open under olga, and one of eight who knock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from uuid import uuid4

from gateway.actions.accounts import create_account, enable_account, issue_setup_link
from gateway.actions.asking import bare_action
from gateway.actions.authenticate import actor_of
from gateway.actions.open_console import new_grant
from gateway.actions.sign_in import Kind, new_sign_in
from gateway.consoles.participants import End
from gateway.demo import CONTOSO, FABRIKAM
from gateway.edge import SIGN_IN_COOKIE, VISIT_COOKIE
from gateway.identity import digest_of
from gateway.identity.user_codes import new_user_code
from gateway.policy.consents import new_consent
from gateway.policy.facts import (
    CONSENT_LIFETIME,
    Consent,
    EndCode,
    Grant,
    Role,
    ShareLink,
    Visit,
    Workstation,
)
from gateway.policy.tokens import DEVICE_CODE_LIFETIME
from gateway.recovery.handlers import GuestOs, handler_for
from gateway.recovery.kinds import ActionKind
from gateway.store import (
    Account,
    ClientCredential,
    DeviceCode,
    RecoveryAction,
    SignIn,
    Unit,
    new_id,
)
from gateway.web.csrf import PURPOSE
from tests.doubles.standing import NODE
from tests.doubles.tokens import AZURE_CLI
from tests.doubles.visitors import Person, Site

NETWORK = "198.51.100.7/32"

# Each column of the table: who it is, and the account behind it.
PRINCIPALS = {
    "anonymous": None,
    "own-tenant": "contoso",
    "other-tenant": "fabrikam",
    "idle-operator": "omar",  # has not stepped up; the console is open under olga
    "operator": "olga",  # has stepped up and has it open
    "too-late": "olga",  # the same, but the consent has run out
    "guest": None,  # came by a share link
    "admin": "admin",
}


@dataclass
class Scene:
    """Who knocks, and the ids and secrets that a request may need."""

    site: Site
    who: str
    person: Person
    names: dict[str, str]
    link_secret: str
    ticket: str
    handoff: str
    secrets: dict[str, str] = field(default_factory=dict)
    sign_in_id: str | None = None
    setup_secret: str = ""
    user_code: str = ""  # of a program that waits

    @property
    def form_token(self) -> str:
        """What a page would bear in its head for this person."""
        submitter = "nobody"
        if self.sign_in_id:
            submitter = f"sign-in {self.sign_in_id}"
        elif visit := self.person.cookies.get(VISIT_COOKIE):
            submitter = f"visit {digest_of(visit)}"
        return str(self.site.services.identity.signer(PURPOSE).dumps(submitter))

    @property
    def proof(self) -> dict[str, str]:
        """The person's own password and code; anybody else's for who has no account."""
        return self.site.person(PRINCIPALS[self.who] or "contoso").proof()


async def scene(site: Site, who: str, *, kind: Kind, address: str) -> Scene:
    """Everything as if it had just been done; `kind` is how the principal is signed in."""
    now = site.clock()
    accounts = await _accounts(site)
    secrets = {name: site.services.identity.new_secret() for name in SECRETS}
    async with site.services.store.unit() as unit:
        await _end_consents(unit, site)
        consent = _consent(site, accounts["contoso"], too_late=who == "too-late")
        await unit.consents.add(consent)
        olga = _sign_in(site, accounts["olga"], kind, address)
        await unit.sign_ins.add(olga, secrets["olga"][1])
        grant = _grant(accounts["olga"], olga, consent, site)
        await unit.grants.add(grant)
        link = _link(consent, site)
        await unit.links.add(link, secrets["link"][1])
        await unit.visits.add(_visit(link, address, site), secrets["visit"][1])
        other = _sign_in(site, accounts["contoso"], "browser", "127.0.0.99")
        await unit.sign_ins.add(other, secrets["other"][1])
        soon = now + timedelta(minutes=1)
        await unit.tickets.add(secrets["ticket"][1], "ticket", grant.id, address, soon)
        await unit.tickets.add(secrets["handoff"][1], "handoff", grant.id, address, soon)
        await unit.safelist.add(Workstation(NODE, ip_network(NETWORK), "admin", now))
        waiting = _waiting(site, address)
        await unit.device_codes.add(waiting, now)
        credential = _credential(site, accounts["contoso"])
        await unit.credentials.add(credential, site.services.identity.new_secret()[1])
        proposal = _proposal(site, accounts["olga"], olga, consent)
        await unit.recovery_actions.add(proposal)
        name, own = PRINCIPALS[who], olga
        if name is not None and name != "olga":
            own = _sign_in(site, accounts[name], kind, address)
            await unit.sign_ins.add(own, secrets["own"][1])
    own_secret = secrets["olga" if name == "olga" else "own"][0]
    person = site.person(name or who, address)
    if who == "guest":
        person.cookies[VISIT_COOKIE] = secrets["visit"][0]
    elif name is not None and kind == "browser":
        person.cookies[SIGN_IN_COOKIE] = own_secret
    elif name is not None:
        person.token = own_secret
    names = {
        "action_id": proposal.id,
        "consent_id": consent.id,
        "link_id": link.id,
        "sign_in_id": other.id,
        "account_id": accounts["spare"].id,
        "subscription_id": FABRIKAM,
        "node": NODE,
        "credential_id": credential.id,
        "tenant": "adfs",
    }
    return Scene(
        site,
        who,
        person,
        names,
        link_secret=secrets["link"][0],
        ticket=secrets["ticket"][0],
        handoff=secrets["handoff"][0],
        secrets={known: secret for known, (secret, _) in secrets.items()},
        sign_in_id=own.id if name is not None else None,
        user_code=waiting.user_code,
    )


SECRETS = ("olga", "own", "other", "link", "visit", "ticket", "handoff")


@asynccontextmanager
async def with_a_viewer(scene: Scene) -> AsyncIterator[None]:
    """Olga's tab is connected, where her consent still holds."""
    if scene.who == "too-late":
        yield
        return
    olga = scene.site.person("olga", scene.person.address)
    async with olga.stream(scene.names["consent_id"], f"ticket.{scene.ticket}") as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        scene.ticket = await _another_ticket(scene)
        yield


async def _another_ticket(scene: Scene) -> str:
    services = scene.site.services
    secret, digest = services.identity.new_secret()
    async with services.store.unit() as unit:
        (grant,) = await unit.grants.for_consent(scene.names["consent_id"])
        soon = scene.site.clock() + timedelta(minutes=1)
        await unit.tickets.add(digest, "ticket", grant.id, grant.address, soon)
    return secret


async def invite_spare(scene: Scene) -> None:
    """A set-up link for the account that nobody uses."""
    services, now = scene.site.services, scene.site.clock()
    invited = await issue_setup_link(services, scene.site.admin, scene.names["account_id"], now=now)
    scene.setup_secret = invited.secret


async def _accounts(site: Site) -> dict[str, Account]:
    async with site.services.store.reading() as unit:
        accounts = {account.name: account for account in await unit.accounts.list()}
    if "spare" not in accounts:
        made = await create_account(
            site.services, site.admin, name="spare", role=Role.TENANT, now=site.clock()
        )
        accounts["spare"] = made.account
    if accounts["spare"].disabled:
        spare = accounts["spare"].id
        await enable_account(site.services, site.admin, spare, now=site.clock())
    return accounts


async def _end_consents(unit: Unit, site: Site) -> None:
    now = site.clock()
    for old in await unit.consents.active(now):
        end = End(EndCode.REVOKED, "admin", "", now)
        site.standing.gateway.registry.end(old.id, end)
        await unit.consents.update(replace(old, ended_at=now, end_code=EndCode.REVOKED))


def _consent(site: Site, tenant: Account, *, too_late: bool) -> Consent:
    now = site.clock()
    vm = site.services.vm(site.vm("web01"))
    assert vm is not None
    assert vm.subscription_id == CONTOSO
    given = now - CONSENT_LIFETIME - timedelta(seconds=1) if too_late else now
    actor = actor_of(tenant, new_id(), "127.0.0.99")
    return new_consent(consent_id=new_id(), actor=actor, vm=vm, reason="locked out", now=given)


def _sign_in(site: Site, account: Account, kind: Kind, address: str) -> SignIn:
    return new_sign_in(account, kind=kind, address=address, user_agent="pytest", now=site.clock())


def _waiting(site: Site, address: str) -> DeviceCode:
    return DeviceCode(
        digest=site.services.identity.new_secret()[1],
        user_code=new_user_code(),
        client_id=AZURE_CLI,
        audience=site.services.public_base,
        address=address,
        user_agent="AZURECLI",
        expires_at=site.clock() + DEVICE_CODE_LIFETIME,
    )


def _credential(site: Site, account: Account) -> ClientCredential:
    now = site.clock()
    return ClientCredential(
        id=str(uuid4()),
        account_id=account.id,
        label="nightly checks",
        created_by="admin",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )


def _grant(operator: Account, sign_in: SignIn, consent: Consent, site: Site) -> Grant:
    actor = actor_of(operator, sign_in.id, sign_in.address)
    now = site.clock()
    return replace(new_grant(consent, actor, now), opened_at=now, last_seen_at=now)


def _link(consent: Consent, site: Site) -> ShareLink:
    return ShareLink(
        id=new_id(),
        consent_id=consent.id,
        created_by="olga",
        created_at=site.clock(),
        expires_at=consent.expires_at,
        capacity=5,
        label="colleague",
    )


def _proposal(site: Site, account: Account, sign_in: SignIn, consent: Consent) -> RecoveryAction:
    """What olga proposes to have done in the VM."""
    actor = actor_of(account, sign_in.id, sign_in.address)
    vm = site.services.vm(consent.resource_id)
    assert vm is not None
    return bare_action(
        actor,
        vm,
        handler_for(GuestOs.LINUX),
        ActionKind.RESET_SSH,
        "proposal",
        site.clock(),
        consent_id=consent.id,
    )


def _visit(link: ShareLink, address: str, site: Site) -> Visit:
    return Visit(
        id=new_id(),
        link_id=link.id,
        consent_id=link.consent_id,
        name="Gustav",
        address=address,
        created_at=site.clock(),
        expires_at=link.expires_at,
    )
