"""The audit log as a table that a spreadsheet opens."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import pytest
from aiohttp import ClientError, web
from hypothesis import given
from hypothesis import strategies as st

from gateway.web import audit
from gateway.web.audit import FORMULA_STARTS, csv_lines, harmless
from tests.web.conftest import Site


@pytest.mark.parametrize("cell", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_no_cell_is_taken_for_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), min_size=1, max_size=4))
def test_every_table_is_read_back_as_it_was_meant(rows: list[list[str]]) -> None:
    text = csv_lines(rows).decode("utf-8", "surrogatepass")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [[harmless(cell) for cell in row] for row in rows]
    assert not any(cell.startswith(FORMULA_STARTS) for row in read for cell in row)


async def test_the_download_holds_every_record_that_matches(site: Site) -> None:
    ada = await site.signed_in("ada")
    await site.browser().post("/sign-in", {"name": "=cmd()", "password": "x" * 15})
    response = await ada.get("/admin/audit.csv?outcome=denied")
    assert response.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(await response.text(), newline="")))
    assert [row["outcome"] for row in rows] == ["denied"]
    assert rows[0]["actor"] == "'=cmd()"


async def test_a_download_ends_with_the_sign_in(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "EXPORT_PAGE", 1)
    ada = await site.signed_in("ada")
    await ada.post("/admin/audit/verify", page="/admin/audit")
    assert (await ada.get("/admin/audit.csv")).status == 200
    write, pages = audit._write, []

    async def sign_out_meanwhile(response: web.StreamResponse, lines: bytes) -> None:
        pages.append(lines)
        await write(response, lines)
        if len(pages) == 2:
            async with site.world.store.unit() as unit:
                for one in await unit.sign_ins.list(site.world.now):
                    await unit.sign_ins.end(one.id, site.world.now)

    monkeypatch.setattr(audit, "_write", sign_out_meanwhile)
    with pytest.raises(ClientError):
        await ada.get("/admin/audit.csv")
    assert len(pages) == 2


async def test_a_reader_who_takes_nothing_is_cut(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await site.signed_in("ada")

    async def stuck(_response: web.StreamResponse, _lines: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(audit, "WRITE_SECONDS", 0.1)
    monkeypatch.setattr(web.StreamResponse, "write", stuck)
    async with asyncio.timeout(3):
        with pytest.raises(ClientError):
            await ada.get("/admin/audit.csv")


@pytest.mark.parametrize("before", ["9" * 18, "9" * 30, "9" * 5000, "-1", "one"])
async def test_whatever_number_is_asked_for_there_is_a_page(site: Site, before: str) -> None:
    ada = await site.signed_in("ada")
    assert (await ada.get(f"/admin/audit?before={before}")).status == 200


async def test_the_log_turns_its_pages(site: Site) -> None:
    ada = await site.signed_in("ada")
    for _ in range(55):
        await ada.post("/admin/audit/verify", page="/admin/audit")
    first = await (await ada.get("/admin/audit?actor=ada")).text()
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    assert "actor=ada" in older
    assert "before=" in older
    assert (await ada.get(older.replace("&amp;", "&"))).status == 200
