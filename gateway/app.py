"""The composition root: builds every object, wires facts to subscribers, owns clean-up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from aiohttp import web

from gateway import api, viewing
from gateway import web as pages
from gateway.actions.carry_out import settle_after_restart
from gateway.actions.deployment_queue import DeploymentQueue
from gateway.actions.recovery_queue import RecoveryQueue
from gateway.actions.rereading import Rereading
from gateway.actions.services import Services
from gateway.actions.sweep import end_sessions_of_missing_vms, sweep, unended
from gateway.api import adfs, arm
from gateway.backends import Backend, Backends, Kind, backends_of, load_kinds
from gateway.bus import (
    Bus,
    ConsentEnded,
    GrantEnded,
    LinkRevoked,
    SafelistChanged,
    SignInEnded,
)
from gateway.consoles.participants import End
from gateway.consoles.registry import Registry
from gateway.edge import ARM_ENDPOINT, MAX_BODY, SERVICES, TRUSTED_PROXIES, ArmEndpoint
from gateway.errors import GatewayError, StoreUnavailable
from gateway.guests import GuestKind, Guests, qemu_kinds
from gateway.identity import Identity
from gateway.identity.secrets import load_key, load_or_make_key
from gateway.identity.throttle import Misses
from gateway.inventory import Inventory, Machine
from gateway.operations.metrics import Look, Metrics
from gateway.policy.facts import EndCode
from gateway.settings import Settings
from gateway.store import Store
from gateway.store.checkpoints import Checkpoints

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

SWEEP_SECONDS: Final = 5.0
CHECKPOINT_SECONDS: Final = 60.0


def utc_now() -> datetime:
    """The gateway's clock."""
    return datetime.now(UTC)


@dataclass
class Gateway:
    """One node with all its parts, open for use inside `open_gateway`."""

    settings: Settings
    services: Services
    registry: Registry
    inventory: Inventory
    checkpoints: Checkpoints
    recoveries: RecoveryQueue
    metrics: Metrics
    kinds: Mapping[str, Kind]
    deployments: DeploymentQueue = field(default_factory=DeploymentQueue)
    draining: bool = False

    def __post_init__(self) -> None:
        self.unended = unended(self.services)
        self.metrics.follow(self._look_at_sessions)

    def _look_at_sessions(self) -> list[Look]:
        return [
            Look(each.state.name, len(each.participants()), each.behind)
            for each in self.registry.sessions()
        ]

    async def readiness(self) -> str | None:
        """Why this node should get no new visitors, or None."""
        if self.draining:
            return "draining"
        try:
            async with self.services.store.reading() as unit:
                await unit.subscriptions.list()
        except StoreUnavailable as error:
            return str(error)
        return None

    async def reload_inventory(self) -> None:
        """Read the inventory's file again; what it no longer holds ends. Raises: SettingsError."""
        if self.settings.inventory_file is None:
            return
        fresh = Inventory.load(self.settings.inventory_file, self.kinds)
        self.inventory.replace(fresh.machines())
        await end_sessions_of_missing_vms(self.services, self.services.clock())

    async def drain(self) -> None:
        """Take nobody new, and tell every viewer that the gateway restarts."""
        self.draining = True
        await self.registry.stop()


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    inventory: Inventory,
    kinds: Mapping[str, Kind] | None = None,
    backends: Mapping[str, Backend] | None = None,
    guests: Mapping[str, GuestKind] | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator[Gateway]:
    """Build a node and keep its upkeep running until the block ends.

    `kinds` are those of consoles, by scheme: everything installed by default. `backends` stand
    instead of what these would dial with, `guests` add to the kinds of guests by the scheme of a
    guest agent's or a power state's.
    Raises: SettingsError, StoreUnavailable.
    """
    async with AsyncExitStack() as stack:
        known = load_kinds() if kinds is None else kinds
        dialler = Backends({**backends_of(known), **(backends or {})})
        stack.push_async_callback(dialler.close)
        gateway = await _build(settings, inventory, known, dialler, guests or {}, clock, stack)
        _wire(gateway.services.bus, gateway.registry, clock)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(gateway.registry.run(), name="consoles")
        await gateway.registry.running()
        # Before anybody comes in: a VM that is gone may come back as another one.
        await end_sessions_of_missing_vms(gateway.services, clock())
        # Before anything new is sent: what was on its way when this node stopped is unknown now.
        await settle_after_restart(gateway.services, clock())
        tasks.create_task(gateway.recoveries.run(gateway.services), name="recoveries")
        tasks.create_task(gateway.deployments.run(gateway.services), name="deployments")
        upkeep = [
            tasks.create_task(_every(SWEEP_SECONDS, gateway, _sweep), name="sweep"),
            tasks.create_task(_every(CHECKPOINT_SECONDS, gateway, _checkpoint), name="checkpoint"),
        ]
        try:
            yield gateway
        finally:
            for task in upkeep:
                task.cancel()
            gateway.deployments.stop()
            gateway.recoveries.stop()
            await gateway.drain()
            await _checkpoint(gateway)


async def _build(  # noqa: PLR0917
    settings: Settings,
    inventory: Inventory,
    kinds: Mapping[str, Kind],
    dialler: Backends,
    guests: Mapping[str, GuestKind],
    clock: Clock,
    stack: AsyncExitStack,
) -> Gateway:
    settings.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = await Store.open(settings.database_url)
    stack.push_async_callback(store.close)
    metrics = Metrics()
    registry = Registry(
        dialler.dial,
        clock,
        operator_linger=settings.operator_linger_seconds,
        meters=metrics.meters,
        review=Rereading(store, clock),
    )
    checkpoints = Checkpoints(settings.checkpoint_path)
    recoveries = RecoveryQueue()
    services = Services(
        store=store,
        bus=Bus(),
        identity=_identity(settings, clock),
        inventory=inventory,
        registry=registry,
        misses=Misses(),
        node=settings.node,
        public_base=settings.public_base,
        admin_public_base=settings.admin_public_base,
        clock=clock,
        checkpoints=checkpoints.all,
        guests=Guests[Machine](
            {**qemu_kinds(), **guests}, settings.guest_agent_wait_seconds, dialler.power
        ),
        recoveries=recoveries,
        recovery_timeout=timedelta(seconds=settings.recovery_timeout_seconds),
    )
    return Gateway(settings, services, registry, inventory, checkpoints, recoveries, metrics, kinds)


def _identity(settings: Settings, clock: Clock) -> Identity:
    """With the keys, former ones included. Raises: SettingsError."""
    retired = [load_key(path) for path in settings.retired_secret_key_files]
    return Identity(load_or_make_key(settings.secret_key_path), retired_keys=retired, clock=clock)


def _wire(bus: Bus, registry: Registry, now: Clock) -> None:
    """Let what was committed reach the live sessions at once; their own checks are the net."""

    def end_console(fact: ConsentEnded) -> None:
        consent = fact.consent
        code = consent.end_code or EndCode.REVOKED
        by = consent.ended_by or "gateway"
        registry.end(consent.id, End(code, by, consent.end_reason or "", now()))

    def end_grant(fact: GrantEnded) -> None:
        end = End(fact.code, fact.by, fact.reason, now())
        registry.cut_viewers(lambda viewer: viewer.grant_id == fact.grant.id, end)

    def end_link(fact: LinkRevoked) -> None:
        end = End(EndCode.LINK_REVOKED, fact.by, "", now())
        registry.cut_viewers(lambda viewer: viewer.link_id == fact.link.id, end)

    def end_sign_in(fact: SignInEnded) -> None:
        end = End(EndCode.SIGN_IN_ENDED, fact.by, "", now())
        registry.cut_viewers(lambda viewer: viewer.sign_in_id == fact.sign_in_id, end)

    def check_workstations(_fact: SafelistChanged) -> None:
        registry.check_now()

    bus.subscribe(ConsentEnded, end_console)
    bus.subscribe(GrantEnded, end_grant)
    bus.subscribe(LinkRevoked, end_link)
    bus.subscribe(SignInEnded, end_sign_in)
    bus.subscribe(SafelistChanged, check_workstations)


async def _every(seconds: float, gateway: Gateway, duty: Callable[[Gateway], object]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await duty(gateway)  # type: ignore[misc]
        except GatewayError as error:
            log.warning("upkeep.failed", duty=duty.__name__, error=str(error))


async def _sweep(gateway: Gateway) -> None:
    services, rows = gateway.services, gateway.unended
    await sweep(services, services.clock(), rows)
    # Also what the inventory lost while no gateway ran, or while the store was out of reach.
    await end_sessions_of_missing_vms(services, services.clock(), rows)


async def _checkpoint(gateway: Gateway) -> None:
    """Note the audit chain's head outside the store, so that a cut-off tail shows."""
    try:
        async with gateway.services.store.reading() as unit:
            head = await unit.audit.head()
        if head is not None:
            await asyncio.to_thread(gateway.checkpoints.append, head, gateway.services.clock())
    except (StoreUnavailable, OSError) as error:
        log.warning("audit.checkpoint_failed", error=str(error))


def create_app(gateway: Gateway) -> web.Application:
    """The pages, the API, the consoles and the tenants' Resource Manager of `gateway`."""
    settings = gateway.settings
    app = web.Application(
        client_max_size=MAX_BODY,
        middlewares=[gateway.metrics.middleware(), *api.middlewares(), *pages.middlewares()],
    )
    app[SERVICES] = gateway.services
    app[TRUSTED_PROXIES] = settings.trusted_proxies
    app[ARM_ENDPOINT] = ArmEndpoint("tenant", settings.public_base, settings.location)
    app.add_routes([*viewing.routes(), *api.routes(), *pages.routes(), *adfs.routes()])
    app.add_routes([arm.entry()])
    pages.set_up(app)
    return app


def create_admin_app(gateway: Gateway) -> web.Application:
    """The administrators' Resource Manager, which has a listener and an audience of its own.

    Only where the settings name it.
    """
    settings = gateway.settings
    assert settings.admin_public_base is not None, "this gateway has no such endpoint"
    app = web.Application(
        client_max_size=MAX_BODY, middlewares=[gateway.metrics.middleware(), *pages.middlewares()]
    )
    app[SERVICES] = gateway.services
    app[TRUSTED_PROXIES] = settings.trusted_proxies
    app[ARM_ENDPOINT] = ArmEndpoint("admin", settings.admin_public_base, settings.location)
    # In this order: the entrance takes whatever comes.
    app.add_routes([*pages.authority_routes(), *adfs.routes(), arm.entry(alone=True)])
    pages.set_up(app)
    return app
