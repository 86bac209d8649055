"""How az gets to know the gateway and signs in (facts T1, T3)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.az.conftest import Az, Gate
from tests.doubles.forms import Browser


@pytest.fixture
def az(gate: Gate, tmp_path: Path) -> Az:
    az = Az(tmp_path, gate.standing.ca_file)
    az.meet(gate.base)
    return az


def test_a_registered_cloud_knows_the_authority_and_the_audience(gate: Gate, az: Az) -> None:
    endpoints = az.ok("cloud", "show", "-n", "EVA").json["endpoints"]
    assert endpoints["resourceManager"].rstrip("/") == gate.base
    assert endpoints["activeDirectory"].endswith("/adfs")
    assert endpoints["activeDirectoryResourceId"] == gate.base


@pytest.mark.parametrize("tenant", ["adfs", "its id"])
def test_a_program_signs_in(gate: Gate, az: Az, tenant: str) -> None:
    credential = gate.credential("contoso")
    ran = az.ok(
        "login", "--service-principal", "-u", credential.named.credential.id,
        "-p", credential.secret, "--tenant", tenant if tenant == "adfs" else gate.tenant_id,
    )  # fmt: skip
    (subscription,) = ran.json
    assert subscription["state"] == "Enabled"
    assert subscription["id"] in gate.standing.accounts["contoso"].subscriptions


def test_a_wrong_secret_is_told_so(gate: Gate, az: Az) -> None:
    credential = gate.credential("contoso")
    ran = az(
        "login", "--service-principal", "-u", credential.named.credential.id,
        "-p", "eva_wrong", "--tenant", gate.tenant_id,
    )  # fmt: skip
    assert ran.code == 1
    assert "secret" in ran.err


def test_a_tenant_signs_in_by_name_and_password(gate: Gate, az: Az) -> None:
    ran = az.ok("login", "-u", "contoso", "-p", gate.password("contoso"))
    assert ran.json[0]["user"]["name"] == "contoso"


def test_a_password_alone_is_not_enough_where_there_is_a_second_factor(
    gate: Gate, tmp_path: Path
) -> None:
    az = Az(tmp_path, gate.standing.ca_file)
    az.meet(gate.standing.admin_base)
    ran = az("login", "-u", "admin", "-p", gate.password("admin"), "--allow-no-subscriptions")
    assert ran.code == 1
    assert "device code" in ran.err


@pytest.mark.parametrize("name", ["contoso", "admin"])
def test_a_person_signs_in_on_the_gateways_own_page(gate: Gate, tmp_path: Path, name: str) -> None:
    """With the second factor, where the account has one."""
    az = Az(tmp_path, gate.standing.ca_file)
    base = gate.base if name == "contoso" else gate.standing.admin_base
    az.meet(base)
    waiting = az.start("login", "--use-device-code", "--allow-no-subscriptions")
    assert waiting.stderr
    said = ""
    while (found := re.search(r"enter the code (\S+)", said)) is None:
        line = waiting.stderr.readline()
        assert line, said
        said += line
    gate.run(approve(gate, base, found[1], name))
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert json.loads(out)[0]["user"]["name"] == name


async def approve(gate: Gate, base: str, user_code: str, name: str) -> None:
    proof = {"name": name, "password": gate.password(name)}
    if code := gate.code(name):
        proof["code"] = code
    async with Browser(gate.standing, base) as browser:
        answer, text = await browser.approve_device(user_code, **proof)
        assert answer.status == 303, text
