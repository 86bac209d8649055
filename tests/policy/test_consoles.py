"""Consoles: who opens, enters, watches and shares one, and until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy import consoles
from gateway.policy.facts import Actor, Consent, EndCode, Grant, Vm, Workstation
from gateway.policy.verdict import Deny, Verdict
from tests.policy.samples import (
    ADA,
    CONSENT,
    GRANT,
    LINK,
    NODE,
    NOW,
    OLGA,
    OSCAR,
    PLACE,
    SAFELIST,
    THEO,
    TINA,
    VISIT,
    WEB01,
)

Address = IPv4Address | IPv6Address

OPENED = replace(GRANT, opened_at=NOW, last_seen_at=NOW)
ENDED = replace(CONSENT, ended_at=NOW, end_code=EndCode.WITHDRAWN)


def seconds(count: float) -> datetime:
    return NOW + timedelta(seconds=count)


def code(verdict: Verdict) -> str:
    return verdict.code if isinstance(verdict, Deny) else "ok"


# The safelist


def test_an_empty_safelist_admits_nobody() -> None:
    assert code(consoles.safelisted(PLACE, NODE, ())) == "WorkstationNotSafelisted"


addresses = st.ip_addresses().filter(lambda address: not getattr(address, "ipv4_mapped", None))


@given(addresses, st.integers(0, 128), addresses)
def test_the_safelist_admits_its_networks_and_nothing_else(
    inside: Address, length: int, other: Address
) -> None:
    network = ip_network((inside, min(length, inside.max_prefixlen)), strict=False)
    entries = (Workstation(NODE, network, "ada", NOW),)
    assert code(consoles.safelisted(str(inside), NODE, entries)) == "ok"
    assert code(consoles.safelisted(str(inside), "other", entries)) != "ok"
    admitted = code(consoles.safelisted(str(other), NODE, entries)) == "ok"
    assert admitted == (other in network)


@pytest.mark.parametrize("address", ["", "10.0.0", "10.0.0.7.evil.example", "::ffff:10.0.0", "10"])
def test_what_is_no_address_is_not_safelisted(address: str) -> None:
    everything = (Workstation(NODE, ip_network("0.0.0.0/0"), "ada", NOW),)
    assert code(consoles.safelisted(address, NODE, everything)) == "WorkstationNotSafelisted"


def test_a_mapped_address_is_the_ipv4_address_in_it() -> None:
    assert code(consoles.safelisted(f"::ffff:{PLACE}", NODE, SAFELIST)) == "ok"


# Opening


@pytest.mark.parametrize(
    ("actor", "consent", "vm", "safelist", "later", "expected"),
    [
        (OLGA, CONSENT, WEB01, SAFELIST, 0, "ok"),
        (TINA, CONSENT, WEB01, SAFELIST, 0, "NotAnOperator"),
        (ADA, CONSENT, WEB01, SAFELIST, 0, "NotAnOperator"),
        (OLGA, replace(CONSENT, node="x"), WEB01, SAFELIST, 0, "NoSuchConsent"),
        (OLGA, CONSENT, WEB01, (), 0, "WorkstationNotSafelisted"),
        (
            replace(OLGA, address="10.0.1.7"),
            CONSENT,
            WEB01,
            SAFELIST,
            0,
            "WorkstationNotSafelisted",
        ),
        (OLGA, ENDED, WEB01, SAFELIST, 0, "ConsentEnded"),
        (OLGA, CONSENT, WEB01, SAFELIST, 8 * 3600, "ConsentExpired"),
        (OLGA, CONSENT, None, SAFELIST, 0, "VmGone"),
        (OLGA, CONSENT, replace(WEB01, node="x"), SAFELIST, 0, "VmGone"),
        (OLGA, CONSENT, replace(WEB01, resource_id="/other"), SAFELIST, 0, "VmGone"),
    ],
)
@pytest.mark.rule(1)
def test_who_may_open_a_console(
    actor: Actor,
    consent: Consent,
    vm: Vm | None,
    safelist: tuple[Workstation, ...],
    later: int,
    expected: str,
) -> None:
    verdict = consoles.may_open_console(actor, consent, vm, safelist, node=NODE, now=seconds(later))
    assert code(verdict) == expected


# Connecting


@pytest.mark.parametrize(
    ("actor", "grant", "later", "expected"),
    [
        (OLGA, GRANT, 0, "ok"),
        (OLGA, GRANT, 59.999, "ok"),
        (OLGA, GRANT, 60, "StepUpStale"),
        (OLGA, OPENED, 119.999, "ok"),
        (OLGA, OPENED, 120, "StepUpStale"),
        (OLGA, replace(OPENED, last_seen_at=seconds(3600)), 3700, "ok"),
        (OLGA, replace(OPENED, last_seen_at=None), 119, "ok"),
        (OLGA, replace(GRANT, ended_at=NOW, end_code=EndCode.LEFT), 1, "GrantEnded"),
        (OLGA, replace(GRANT, consent_id="another"), 1, "GrantEnded"),
        (OLGA, OPENED, 8 * 3600, "ConsentExpired"),
        (replace(OLGA, sign_in_id="another"), GRANT, 1, "OtherSignIn"),
        (replace(OLGA, address="10.0.0.8"), GRANT, 1, "OtherAddress"),
        (OSCAR, GRANT, 1, "NoSuchConsent"),
        (TINA, GRANT, 1, "NoSuchConsent"),
        (ADA, replace(GRANT, account_id=ADA.account_id), 1, "NoSuchConsent"),
    ],
)
@pytest.mark.rule(1)
def test_a_connection_needs_a_fresh_step_up(
    actor: Actor, grant: Grant, later: float, expected: str
) -> None:
    verdict = consoles.may_connect(actor, grant, CONSENT, SAFELIST, seconds(later))
    assert code(verdict) == expected


@pytest.mark.rule(1)
def test_a_connection_needs_the_workstation_to_be_safelisted_still() -> None:
    verdict = consoles.may_connect(OLGA, OPENED, CONSENT, (), seconds(1))
    assert code(verdict) == "WorkstationNotSafelisted"


@pytest.mark.parametrize(
    ("grant", "consent", "safelist", "later", "expected"),
    [
        (OPENED, CONSENT, SAFELIST, 7 * 3600, None),
        (OPENED, ENDED, SAFELIST, 1, EndCode.WITHDRAWN),
        (OPENED, CONSENT, SAFELIST, 8 * 3600, EndCode.EXPIRED),
        (OPENED, CONSENT, (), 1, EndCode.WORKSTATION_REVOKED),
        (replace(OPENED, ended_at=NOW, end_code=EndCode.LEFT), CONSENT, (), 1, EndCode.LEFT),
        (replace(OPENED, ended_at=NOW), CONSENT, SAFELIST, 1, EndCode.REVOKED),
        (replace(OPENED, consent_id="another"), CONSENT, SAFELIST, 1, EndCode.REVOKED),
    ],
)
@pytest.mark.rule(2)
def test_why_a_grant_ends(
    grant: Grant,
    consent: Consent,
    safelist: tuple[Workstation, ...],
    later: int,
    expected: EndCode | None,
) -> None:
    assert consoles.grant_end(grant, consent, safelist, seconds(later)) is expected


# Watching, typing, sharing, ending

Question = Callable[[Actor, Consent, list[Grant], str, datetime], Verdict]


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        # tina, theo, olga (has it open), oscar (has not), ada
        (consoles.may_watch, ["ok", "NoSuchConsent", "StepUpNeeded", "StepUpNeeded", "ok"]),
        (
            consoles.may_type,
            ["OnlyWatching", "NoSuchConsent", "ok", "OnlyWatching", "OnlyWatching"],
        ),
        (consoles.may_share, ["ok", "NoSuchConsent", "ok", "NotRunning", "NotYoursToShare"]),
        (consoles.may_end_session, ["ok", "NoSuchConsent", "ok", "NotRunning", "ok"]),
    ],
)
@pytest.mark.rule(5)
def test_what_people_may_do_with_a_running_console(question: Question, answers: list[str]) -> None:
    people = (TINA, THEO, OLGA, OSCAR, ADA)
    assert [code(question(who, CONSENT, [OPENED], NODE, seconds(1))) for who in people] == answers


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [GRANT],  # stepped up, but never entered
        [replace(OPENED, ended_at=NOW)],
        [replace(OPENED, last_seen_at=seconds(-119))],  # has been away for two minutes
    ],
)
@pytest.mark.parametrize("question", [consoles.may_watch, consoles.may_share])
@pytest.mark.rule(1)
def test_nobody_watches_or_shares_what_no_operator_has_open(
    question: Question, grants: list[Grant]
) -> None:
    assert code(question(TINA, CONSENT, grants, NODE, seconds(1))) == "NotRunning"


@pytest.mark.parametrize(
    "question",
    [consoles.may_watch, consoles.may_type, consoles.may_share, consoles.may_end_session],
)
@pytest.mark.parametrize(("consent", "later"), [(ENDED, 1), (CONSENT, 8 * 3600)])
@pytest.mark.rule(2)
def test_nothing_outlives_the_consent(question: Question, consent: Consent, later: int) -> None:
    fresh = replace(OPENED, last_seen_at=seconds(later))
    for actor in (TINA, OLGA, ADA):
        assert code(question(actor, consent, [fresh], NODE, seconds(later))) != "ok"


def test_an_operator_ends_their_own_session_and_others_end_all() -> None:
    other = replace(OPENED, id="g2", account_id=OSCAR.account_id)
    gone = replace(OPENED, id="g3", ended_at=NOW)
    ends = {
        who.name: [grant.id for grant in consoles.grants_to_end(who, [OPENED, other, gone])]
        for who in (OLGA, OSCAR, TINA, ADA)
    }
    assert ends == {"olga": ["g"], "oscar": ["g2"], "tina": ["g", "g2"], "ada": ["g", "g2"]}


# Links


@pytest.mark.parametrize(
    ("link", "consent", "joined", "later", "expected"),
    [
        (LINK, CONSENT, 1, 1, "ok"),
        (LINK, CONSENT, 2, 1, "LinkFull"),
        (replace(LINK, revoked_at=NOW), CONSENT, 0, 1, "NoSuchLink"),
        (replace(LINK, revoked_at=NOW), CONSENT, 2, 1, "NoSuchLink"),
        (replace(LINK, expires_at=seconds(1)), CONSENT, 0, 1, "NoSuchLink"),
        (LINK, ENDED, 0, 1, "NoSuchLink"),
        (replace(LINK, expires_at=seconds(9 * 3600)), CONSENT, 0, 8 * 3600, "NoSuchLink"),
        (replace(LINK, consent_id="another"), CONSENT, 0, 1, "NoSuchLink"),
    ],
)
def test_who_may_redeem_a_link(
    link: object, consent: Consent, joined: int, later: int, expected: str
) -> None:
    assert code(consoles.may_redeem(link, consent, joined, seconds(later))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "ok"),
        ({"visit": replace(VISIT, link_id="another")}, "NoSuchLink"),
        ({"visit": replace(VISIT, consent_id="another")}, "NoSuchLink"),
        ({"visit": replace(VISIT, expires_at=seconds(1))}, "NoSuchLink"),
        ({"link": replace(LINK, revoked_at=NOW)}, "NoSuchLink"),
        ({"consent": ENDED}, "NoSuchLink"),
        ({"grants": [GRANT]}, "NotRunning"),
    ],
)
def test_a_guest_sees_while_everything_holds(changes: dict[str, object], expected: str) -> None:
    facts: dict[str, object] = {
        "visit": VISIT,
        "link": LINK,
        "consent": CONSENT,
        "grants": [OPENED],
    } | changes
    assert code(consoles.may_visit(**facts, now=seconds(1))) == expected  # type: ignore[arg-type]


def test_a_dead_link_ends_its_visits() -> None:
    assert consoles.visit_end(VISIT, LINK, seconds(1)) is None
    assert consoles.visit_end(VISIT, replace(LINK, revoked_at=NOW), NOW) is EndCode.LINK_REVOKED
    assert consoles.visit_end(VISIT, LINK, VISIT.expires_at) is EndCode.LINK_REVOKED


@pytest.mark.parametrize(
    ("actor", "expected"), [(TINA, "ok"), (OLGA, "ok"), (ADA, "ok"), (THEO, "NoSuchLink")]
)
def test_who_may_revoke_a_link(actor: Actor, expected: str) -> None:
    assert code(consoles.may_revoke_link(actor, LINK, CONSENT, NODE)) == expected
    dead = code(consoles.may_revoke_link(actor, replace(LINK, revoked_at=NOW), CONSENT, NODE))
    assert dead == ("LinkRevoked" if expected == "ok" else expected)
