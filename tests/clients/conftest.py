"""Clients that others wrote, on a gateway that serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

from gateway.demo import CONTOSO
from tests.clients.sdk_site import SdkSite
from tests.doubles.tokens import credential


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkSite]:
    serving = SdkSite(tmp_path_factory.mktemp("gateway"))
    serving.start()
    yield serving
    # The SDK leaves a connection open whose answer was an error, for as long as that lives.
    gc.collect()
    serving.stop()


@pytest.fixture(scope="module")
def proof(site: SdkSite) -> Iterator[ClientSecretCredential]:
    """A client credential of the tenant's, as azure-identity takes it."""
    made = site.run(credential(site.standing, "contoso"))
    with ClientSecretCredential(
        "adfs",
        made.named.credential.id,
        made.secret,
        authority=site.standing.base,
        disable_instance_discovery=True,
        connection_verify=str(site.standing.ca_file),
    ) as proven:
        yield proven


@pytest.fixture(scope="module")
def compute(site: SdkSite, proof: ClientSecretCredential) -> Iterator[ComputeManagementClient]:
    base = site.standing.base
    with ComputeManagementClient(
        proof,
        CONTOSO,
        base_url=base,
        credential_scopes=[f"{base}/.default"],
        connection_verify=str(site.standing.ca_file),
    ) as client:
        yield client
