"""Committed facts, published in process.

The bus is for speed, never for safety: a subscriber that misses a fact is put right by its own
deadline and by re-reading the store. Handlers are plain functions: they note the fact and return.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from gateway.policy.facts import Consent, EndCode, Grant, ShareLink

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that has been committed."""


@dataclass(frozen=True, slots=True)
class ConsentGiven(Fact):
    consent: Consent


@dataclass(frozen=True, slots=True)
class ConsentEnded(Fact):
    """`consent` bears its end: when, why and by whom."""

    consent: Consent


@dataclass(frozen=True, slots=True)
class GrantEnded(Fact):
    grant: Grant
    code: EndCode
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class LinkRevoked(Fact):
    link: ShareLink
    by: str


@dataclass(frozen=True, slots=True)
class SignInEnded(Fact):
    sign_in_id: str
    by: str


@dataclass(frozen=True, slots=True)
class SafelistChanged(Fact):
    node: str


@dataclass(frozen=True, slots=True)
class SubscriptionChanged(Fact):
    subscription_id: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class RecoveryChanged(Fact):
    """A recovery action was asked for, moved on by a step, or is over."""

    action_id: str
    vm_key: str
    consent_id: str | None


@dataclass(frozen=True, slots=True)
class DeploymentChanged(Fact):
    """A template deployment was begun or cancelled: there is something to do for it."""

    deployment_id: str


F = TypeVar("F", bound=Fact)


class Bus:
    """Hands each published fact to the handlers that asked for its type."""

    def __init__(self) -> None:
        self._handlers: dict[type[Fact], list[Callable[[Fact], None]]] = defaultdict(list)

    def subscribe(self, kind: type[F], handler: Callable[[F], None]) -> Callable[[], None]:
        """Call `handler` for each fact of `kind`; the result unsubscribes it."""
        handlers = self._handlers[kind]
        handlers.append(handler)  # type: ignore[arg-type]
        return lambda: handlers.remove(handler)  # type: ignore[arg-type]

    def publish(self, fact: Fact) -> None:
        """Hand over `fact`. One handler's failure is logged and keeps no other from hearing."""
        for handler in tuple(self._handlers[type(fact)]):
            try:
                handler(fact)
            except Exception:
                log.exception("bus.handler_failed", fact=type(fact).__name__)
