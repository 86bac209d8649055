"""Console sessions as history shows them."""

from __future__ import annotations

from gateway.policy.facts import EndCode
from gateway.store import ConsoleRecord, PastSession, Store
from tests.store.samples import SUBSCRIPTION, WEB01, consent, console, later

FINISHED = {"ended_at": later(hours=1), "end_code": EndCode.FINISHED, "end_reason": "mended"}


async def add_sessions(store: Store) -> tuple[ConsoleRecord, ...]:
    records = (
        console("first", **FINISHED),
        console("second", opened_at=later(hours=2)),
        console("elsewhere", opened_at=later(hours=2), consent_id="db01"),
    )
    async with store.unit() as unit:
        db01 = {"vm_key": "/vm/db01", "subscription_id": "sub-b", "node": "AzS-ERCS02"}
        await unit.consents.add(consent("db01", **db01))
        for record in records:
            await unit.sessions.add(record)
    return records


async def test_a_session_ends_with_code_and_reason(furnished: Store) -> None:
    async with furnished.unit() as unit:
        await unit.sessions.add(console())
        await unit.sessions.update(console(**FINISHED))
        assert await unit.sessions.get("session-1") == console(**FINISHED)
        assert await unit.sessions.for_consent("consent-1") == (console(**FINISHED),)


async def test_history_names_the_vm_and_is_paged_newest_first(furnished: Store) -> None:
    first, second, elsewhere = await add_sessions(furnished)
    async with furnished.reading() as unit:
        page = await unit.sessions.list(2)
        rest = await unit.sessions.list(2, before=page[-1].record)
        mine = await unit.sessions.list(9, subscription_ids=[SUBSCRIPTION.upper()])
        there = await unit.sessions.list(9, node="AzS-ERCS02", vm_key="/VM/db01")
    assert [past.record for past in (*page, *rest)] == [second, elsewhere, first]
    assert rest == (PastSession(first, WEB01, SUBSCRIPTION, "AzS-ERCS01", "Contoso"),)
    assert [past.record for past in mine] == [second, first]
    assert [past.record for past in there] == [elsewhere]
