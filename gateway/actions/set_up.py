"""What the person behind a set-up link does: look at it, then choose a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.services import Services
from gateway.policy.facts import Role

if TYPE_CHECKING:
    from gateway.store.accounts import Account


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
    raise NotImplementedError


async def finish_setup(
    s: Services, secret: str, *, password: str, code: str | None, address: str, now: datetime
) -> Account:
    """Set the password and the code secret; every other link and sign-in of the account ends.

    The code is not used up: it proves the enrolment, and may sign in next.
    Raises: NotFound, InvalidInput (`password`, `code`), Throttled.
    """
    raise NotImplementedError
