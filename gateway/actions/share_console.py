"""Share links: making, revoking and redeeming a view-only way into a running console session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.actions.services import Services
from gateway.policy.facts import Actor, ShareLink, Visit


@dataclass(frozen=True, slots=True)
class Shared:
    """A share link; the address for people is `{public_base}/join#{secret}`, said once."""

    link: ShareLink
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A visit; `secret` is the visit cookie."""

    visit: Visit
    secret: str = field(repr=False)


async def share_console(
    s: Services, actor: Actor, consent_id: str, *, label: str, capacity: int, now: datetime
) -> Shared:
    """Raises: Refused, NotFound, InvalidInput (`label` ≤ 80 characters, `capacity` 1 to 50)."""
    raise NotImplementedError


async def revoke_link(s: Services, actor: Actor, link_id: str, *, now: datetime) -> ShareLink:
    """Its guests are cut. Raises: Refused, NotFound."""
    raise NotImplementedError


async def redeem_link(
    s: Services, secret: str, *, name: str, address: str, now: datetime
) -> Redeemed:
    """Join as a guest who calls themself `name`.

    Raises: NotFound (whatever is wrong with the link), Refused (`LinkFull`), InvalidInput
    (`name`), Throttled (20 wrong guesses a minute and address).
    """
    raise NotImplementedError
