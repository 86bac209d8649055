"""Requests made up from the API's own description: each is answered as the description says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway import __version__, api
from gateway.api.openapi import document
from tests.doubles.site import Site
from tests.doubles.tokens import arm_token

# A 405 is owed to a method that no description names; random texts never prove anybody.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
PEOPLE = ("admin", "olga", "contoso")
ENDS_THE_CALLER = {"sign_ins.end_current"}
RESOURCE_MANAGER = "Resource Manager"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def tokens(site: Site) -> dict[str, str]:
    return {name: token_of(site, name) for name in PEOPLE}


def token_of(site: Site, name: str) -> str:
    proof = {"user": name, "password": site.password(name)}
    if code := site.code(name):
        proof["code"] = code
    ca = str(site.standing.ca_file)
    answer = requests.post(f"{site.base}/api/v1/sign-ins", json=proof, verify=ca, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


schema = schemathesis.openapi.from_dict(document(api.routes(), version=__version__))
asked = schema.exclude(operation_id=sorted(ENDS_THE_CALLER)).exclude(tag=RESOURCE_MANAGER)
arm_asked = schema.include(tag=RESOURCE_MANAGER)
few = settings(
    max_examples=6,
    deadline=timedelta(seconds=30),
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", PEOPLE)
@asked.parametrize()
@few
def test_every_operation_answers_as_described(
    case: Any, name: str, site: Site, tokens: dict[str, str]
) -> None:
    case.call_and_validate(
        base_url=site.base,
        headers={"Authorization": f"Bearer {tokens[name]}"},
        verify=str(site.standing.ca_file),
        checks=CHECKS,
    )


@pytest.fixture(scope="module", autouse=True)
def programs(site: Site) -> dict[str, str]:
    """A token for each endpoint, by its principal; before guesses are throttled for all of this."""
    return {
        name: site.run(arm_token(site.standing, name, base=base))
        for name, base in endpoints(site).items()
    }


def endpoints(site: Site) -> dict[str, str]:
    """The tenants' and the administrators', by whom they are asked."""
    return {"contoso": site.standing.base, "admin": site.standing.admin_base}


@pytest.mark.parametrize("name", ["contoso", "admin"])
@arm_asked.parametrize()
@settings(few, max_examples=3)
def test_resource_manager_refuses_in_its_envelope(
    case: Any, name: str, site: Site, programs: dict[str, str]
) -> None:
    answer = case.call(
        base_url=endpoints(site)[name],
        headers={"Authorization": f"Bearer {programs[name]}"},
        verify=str(site.standing.ca_file),
    )
    case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])
