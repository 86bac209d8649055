"""Administration: an admin's, and what people do for themselves."""

from __future__ import annotations

import pytest

from gateway.policy.administration import may_administer, may_disable_account, may_end_sign_in
from gateway.policy.facts import Actor
from gateway.policy.verdict import ALLOW, Deny
from tests.policy.samples import ADA, OLGA, TINA


@pytest.mark.parametrize(("actor", "may"), [(ADA, True), (OLGA, False), (TINA, False)])
def test_only_an_admin_administers(actor: Actor, may: bool) -> None:
    assert (may_administer(actor) == ALLOW) == may
    assert (may_disable_account(actor, "somebody") == ALLOW) == may


def test_an_admin_cannot_lock_themself_out() -> None:
    verdict = may_disable_account(ADA, ADA.account_id)
    assert isinstance(verdict, Deny)
    assert verdict.code == "OwnAccount"


@pytest.mark.parametrize("actor", [OLGA, TINA])
def test_people_end_their_own_sign_ins_and_know_of_no_others(actor: Actor) -> None:
    assert may_end_sign_in(actor, actor.account_id) == ALLOW
    foreign = may_end_sign_in(actor, ADA.account_id)
    assert isinstance(foreign, Deny)
    assert foreign.hidden


def test_an_admin_ends_anybodys_sign_in() -> None:
    assert may_end_sign_in(ADA, TINA.account_id) == ALLOW
