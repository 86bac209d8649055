"""What rights in consoles rest on: the rows that say so, read together for however many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.identity.sign_ins import why_over
from gateway.policy.facts import Consent, EndCode, Grant, ShareLink, Workstation
from gateway.store import SignIn, Store

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The ids of what is rested on; what those rows point to comes with them."""

    consents: frozenset[str]
    grants: frozenset[str] = NOBODY
    sign_ins: frozenset[str] = NOBODY
    links: frozenset[str] = NOBODY

    @classmethod
    def by(cls, several: Iterable[Wanted]) -> Wanted:
        """What any of them wants."""
        each = tuple(several)
        return cls(
            NOBODY.union(*(one.consents for one in each)),
            NOBODY.union(*(one.grants for one in each)),
            NOBODY.union(*(one.sign_ins for one in each)),
            NOBODY.union(*(one.links for one in each)),
        )

    def within(self, other: Wanted) -> bool:
        """Whether `other` wants all of this too."""
        return (
            self.consents <= other.consents
            and self.grants <= other.grants
            and self.sign_ins <= other.sign_ins
            and self.links <= other.links
        )


@dataclass(frozen=True, slots=True)
class Grounds:
    """The rows of one state of the store, by id; a row that is not there is missing here too."""

    consents: Mapping[str, Consent]
    drawn: Mapping[str, tuple[Grant, ...]]  # every grant of those consents, by consent
    grants: Mapping[str, Grant]
    safelist: tuple[Workstation, ...]
    sign_ins: Mapping[str, SignIn]
    enabled: frozenset[str]  # the accounts of those sign-ins that are not disabled
    links: Mapping[str, ShareLink]

    def sign_in_end(self, sign_in_id: str, now: datetime) -> EndCode | None:
        """Why nothing may rest on that sign-in, or None."""
        sign_in = self.sign_ins.get(sign_in_id)
        if sign_in is None or why_over(sign_in, now) is not None:
            return EndCode.SIGN_IN_ENDED
        return None if sign_in.account_id in self.enabled else EndCode.SIGN_IN_ENDED


async def read_grounds(store: Store, wanted: Wanted) -> Grounds:
    """Read all that is wanted in one unit. The number of statements does not grow with it.

    Raises: StoreUnavailable.
    """
    async with store.reading() as unit:
        consents = await unit.consents.by_ids(wanted.consents)
        drawn: dict[str, list[Grant]] = defaultdict(list)
        for grant in await unit.grants.for_consents(wanted.consents):
            drawn[grant.consent_id].append(grant)
        grants = {
            grant.id: grant
            for each in drawn.values()
            for grant in each
            if grant.id in wanted.grants
        }
        # Operators' rights rest on their workstation and on the sign-in that stepped up, too.
        safelist = await unit.safelist.list() if grants else ()
        relied_on = wanted.sign_ins.union(grant.sign_in_id for grant in grants.values())
        sign_ins = await unit.sign_ins.by_ids(relied_on) if relied_on else ()
        owners = {sign_in.account_id for sign_in in sign_ins}
        accounts = await unit.accounts.by_ids(owners) if owners else ()
        links = await unit.links.by_ids(wanted.links) if wanted.links else ()
    return Grounds(
        consents={each.id: each for each in consents},
        drawn={consent_id: tuple(each) for consent_id, each in drawn.items()},
        grants=grants,
        safelist=safelist,
        sign_ins={each.id: each for each in sign_ins},
        enabled=frozenset(each.id for each in accounts if not each.disabled),
        links={each.id: each for each in links},
    )
