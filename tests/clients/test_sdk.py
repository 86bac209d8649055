"""The Azure SDK for Python, unmodified: azure-identity signs in, azure-mgmt-compute does the rest.

T12 whole, the eight rows of the error table as the SDK raises them, and scale sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

from gateway.demo import FABRIKAM
from tests.clients.sdk_site import GROUP, SCALE_SET, SdkSite

PASSWORD = "A-long-Enough-1-for-Windows"
ACCESS = "VMAccessAgent"


def windows(
    user: str | None = "Administrator", password: str | None = PASSWORD, **properties: Any
) -> dict[str, Any]:
    """The seed's extension, as the SDK takes it."""
    whole: dict[str, Any] = {
        "publisher": "Microsoft.Compute",
        "type": ACCESS,
        "typeHandlerVersion": "2.0",
        "autoUpgradeMinorVersion": True,
        "settings": {} if user is None else {"username": user},
        **properties,
    }
    if password is not None:
        whole["protectedSettings"] = {"password": password}
    return {"location": "local", "properties": whole}


@pytest.fixture(autouse=True)
def clean(site: SdkSite) -> Iterator[None]:
    """Whatever a test did to win01 is undone: its guest, and its extensions."""
    guest = site.windows("win01")
    policy, users = guest.accounts.policy, dict(guest.accounts.users)
    yield
    guest.stopped = guest.hangs = guest.domain_controller = False
    guest.accounts.policy = policy
    guest.accounts.users.clear()
    guest.accounts.users.update(users)
    guest.accounts.former.clear()


@pytest.fixture(autouse=True)
def without_extensions(compute: ComputeManagementClient) -> Iterator[None]:
    yield
    for extension in compute.virtual_machine_extensions.list(GROUP, "win01").value:
        compute.virtual_machine_extensions.begin_delete(GROUP, "win01", extension.name).result()


def put(compute: ComputeManagementClient, body: Any, vm: str = "win01", name: str = ACCESS) -> Any:
    poller = compute.virtual_machine_extensions.begin_create_or_update(GROUP, vm, name, body)
    return poller.result(timeout=30)


def shown(compute: ComputeManagementClient, name: str = ACCESS) -> Any:
    return compute.virtual_machine_extensions.get(GROUP, "win01", name, expand="instanceView")


def test_a_password_is_reset(site: SdkSite, compute: ComputeManagementClient) -> None:
    result = put(compute, windows())
    assert result.properties.provisioning_state == "Succeeded"
    assert result.properties.type_handler_version == "2.0"
    assert result.properties.settings == {"username": "Administrator"}
    assert result.properties.protected_settings is None
    assert site.windows("win01").accounts.log_on("Administrator", PASSWORD)
    [listed] = compute.virtual_machine_extensions.list(GROUP, "win01").value
    assert (listed.name, listed.properties.instance_view) == (ACCESS, None)
    view = shown(compute).properties.instance_view
    assert (view.type, view.type_handler_version[:4]) == (f"Microsoft.Compute.{ACCESS}", "2.4.")
    assert view.statuses[0].code == "ProvisioningState/succeeded"
    assert view.statuses[0].time.tzinfo is not None


def test_remote_desktop_is_reset(site: SdkSite, compute: ComputeManagementClient) -> None:
    put(compute, windows(None, None))
    desktop = site.windows("win01").remote_desktop
    assert (desktop.allowed, desktop.port, desktop.running) == (True, 3389, True)


def test_the_same_again_does_nothing_and_a_new_tag_does_it(
    site: SdkSite, compute: ComputeManagementClient
) -> None:
    """T6."""
    guest = site.windows("win01")
    put(compute, windows(None, None))
    heard = len(guest.heard)
    put(compute, windows(None, None))
    assert len(guest.heard) == heard
    put(compute, windows(None, None, forceUpdateTag="again"))
    assert heard < len(guest.heard)


def test_an_update_names_only_what_changes(site: SdkSite, compute: ComputeManagementClient) -> None:
    put(compute, windows())
    site.windows("win01").accounts.set_password("Administrator", "Somebody-else-was-4-here")
    site.windows("win01").accounts.former.clear()
    update = {"properties": {"forceUpdateTag": "2", "settings": {}}}
    extensions = compute.virtual_machine_extensions
    with pytest.raises(HttpResponseError):  # settings: {} leaves a password without a user
        extensions.begin_update(GROUP, "win01", ACCESS, update).result(timeout=30)
    update = {"properties": {"forceUpdateTag": "3", "settings": {"username": "Administrator"}}}
    result = extensions.begin_update(GROUP, "win01", ACCESS, update).result(timeout=30)
    assert result.properties.force_update_tag == "3"
    assert site.windows("win01").accounts.log_on("Administrator", PASSWORD), "its secret was kept"


def test_an_extension_is_deleted_and_a_second_delete_finds_nothing(
    compute: ComputeManagementClient,
) -> None:
    put(compute, windows())
    for _ in range(2):
        compute.virtual_machine_extensions.begin_delete(GROUP, "win01", ACCESS).result(timeout=30)
    with pytest.raises(ResourceNotFoundError) as missing:
        shown(compute)
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"


def test_a_vm_is_shown_as_the_sdk_reads_it(compute: ComputeManagementClient) -> None:
    vm = compute.virtual_machines.get(GROUP, "win01", expand="instanceView")
    assert (vm.name, vm.location) == ("win01", "local")
    assert vm.properties.storage_profile.os_disk.os_type == "Windows"
    codes = {status.code for status in vm.properties.instance_view.statuses}
    assert "PowerState/running" in codes
    names = {each.name for each in compute.virtual_machines.list(GROUP)}
    assert {"win01", "web01", "desk01", "off01"} <= names


class TestErrorTable:
    """The seed's eight rows, each by its real cause."""

    def refused(self, compute: ComputeManagementClient, body: Any, **where: str) -> Any:
        with pytest.raises(HttpResponseError) as raised:
            put(compute, body, **where)
        assert raised.value.error is not None
        assert PASSWORD not in str(raised.value)
        return raised.value

    def failed(self, compute: ComputeManagementClient, body: Any) -> tuple[str, str]:
        """Taken at first: the PUT was answered, the operation and the extension say Failed."""
        error = self.refused(compute, body)
        assert error.status_code == 200, "the operation could be read"
        properties = shown(compute).properties
        assert properties.provisioning_state == "Failed"
        status = properties.instance_view.statuses[0]
        assert status.code == f"ProvisioningState/failed/{error.error.code}"
        assert status.message == error.error.message
        return error.error.code, error.error.message

    def test_e1_a_vm_that_is_off(self, compute: ComputeManagementClient) -> None:
        error = self.refused(compute, linux(), vm="off01")
        assert isinstance(error, ResourceExistsError), "a 409, as the SDK calls it"
        assert error.error.code == "OperationNotAllowed"
        said = "Cannot modify extensions in the VM when the VM is not running."
        assert error.error.message == said
        inner = json.loads(error.response.text())["error"]["innererror"]
        assert inner == {"internalErrorCode": "CannotModifyExtensionsWhenVMNotRunning"}
        with pytest.raises(ResourceExistsError):
            compute.virtual_machine_extensions.begin_delete(GROUP, "off01", ACCESS).result()

    def test_e2_a_domain_controller(self, site: SdkSite, compute: Any) -> None:
        site.windows("win01").domain_controller = True
        code, message = self.failed(compute, windows())
        assert code == "VMExtensionProvisioningError"
        assert "'VMAccess Extension does not support Domain Controller.'" in message

    def test_e3_an_agent_that_is_silent(self, site: SdkSite, compute: Any) -> None:
        site.windows("win01").stopped = True
        code, message = self.failed(compute, windows())
        assert code == "VMAgentStatusCommunicationError"
        assert message.startswith("VM 'win01' has not reported status for VM agent or extensions.")

    def test_e4_a_password_that_the_policy_turns_down(self, compute: Any) -> None:
        code, message = self.failed(compute, windows(password="short"))
        assert code == "VMExtensionProvisioningError"
        assert "does not meet the password policy requirements" in message

    def test_e5_a_user_without_a_password(self, compute: Any) -> None:
        code, message = self.failed(compute, windows(password=None))
        assert code == "VMExtensionProvisioningError"
        assert "password cannot be null or empty if provided the username" in message

    def test_e6_a_guest_that_takes_too_long(self, site: SdkSite, compute: Any) -> None:
        site.windows("win01").hangs = True
        code, message = self.failed(compute, windows())
        assert code == "VMExtensionProvisioningTimeout"
        assert message.startswith(f"Provisioning of VM extension {ACCESS} has timed out.")

    def test_e7_a_user_who_is_no_administrator(self, compute: Any) -> None:
        code, message = self.failed(compute, windows("dana"))
        assert code == "VMExtensionProvisioningError"
        assert "User account dana already exists but cannot be updated" in message

    def test_e8_a_second_extension_of_one_handler(self, compute: Any) -> None:
        put(compute, windows())
        error = self.refused(compute, windows(), name="another")
        assert (error.status_code, error.error.code) == (400, "BadRequest")
        assert "Multiple VMExtensions per handler not supported" in error.error.message

    def test_what_failed_is_put_right_by_the_next_put(self, compute: Any) -> None:
        self.failed(compute, windows(password="short"))
        assert put(compute, windows()).properties.provisioning_state == "Succeeded"
        self.failed(compute, windows(password="short"))
        compute.virtual_machine_extensions.begin_delete(GROUP, "win01", ACCESS).result(timeout=30)
        fresh = windows(password="Another-long-1-for-Windows")
        assert put(compute, fresh).properties.provisioning_state == "Succeeded"


def linux(**protected: Any) -> dict[str, Any]:
    return {
        "location": "local",
        "properties": {
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.5",
            "autoUpgradeMinorVersion": True,
            "settings": {},
            "protectedSettings": protected,
        },
    }


def test_a_linux_user_is_reset(site: SdkSite, compute: ComputeManagementClient) -> None:
    body = linux(username="azureuser", password=PASSWORD)
    put(compute, body, vm="web01", name="enablevmaccess")
    assert site.machines.hypervisor.linux_guest("web01").users["azureuser"] == PASSWORD


def test_extension_images_are_listed(compute: ComputeManagementClient) -> None:
    images = compute.virtual_machine_extension_images
    [kind] = images.list_types("local", "Microsoft.Compute")
    assert kind.name == ACCESS
    [newest] = images.list_versions(
        "local", "Microsoft.Compute", ACCESS, top=1, orderby="name desc"
    )
    image = images.get("local", "Microsoft.Compute", ACCESS, newest.name)
    assert image.properties.operating_system == "Windows"
    assert image.properties.supports_multiple_extensions is False


class TestScaleSet:
    """T7, with the calls that `az vmss extension set` and `az vmss update-instances` make."""

    def profile_of(self, scale_set: Any) -> Any:
        return scale_set.properties.virtual_machine_profile

    def test_whole_and_then_its_instances(self, site: SdkSite, compute: Any) -> None:
        sets = compute.virtual_machine_scale_sets
        image = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer"}
        first = sets.get(GROUP, SCALE_SET)
        self.profile_of(first).storage_profile.image_reference = image
        sets.begin_create_or_update(GROUP, SCALE_SET, first).result(timeout=30)

        scale_set = sets.get(GROUP, SCALE_SET)
        profile = self.profile_of(scale_set)
        profile.storage_profile.image_reference = None
        profile.extension_profile.extensions.append({"name": ACCESS, **windows()})
        del profile.extension_profile.extensions[-1]["location"]
        result = sets.begin_create_or_update(GROUP, SCALE_SET, scale_set).result(timeout=30)
        assert result.properties.provisioning_state == "Succeeded"

        seen = self.profile_of(sets.get(GROUP, SCALE_SET))
        assert seen.storage_profile.image_reference.offer == "WindowsServer"
        [extension] = seen.extension_profile.extensions
        assert extension.properties.protected_settings is None
        assert not any(guest.heard for guest in site.machines.pool.values())

        sets.begin_update_instances(GROUP, SCALE_SET, {"instanceIds": ["*"]}).result(timeout=30)
        for guest in site.machines.pool.values():
            assert guest.accounts.log_on("Administrator", PASSWORD)
        instances = list(compute.virtual_machine_scale_set_vms.list(GROUP, SCALE_SET))
        assert [each.instance_id for each in instances] == ["0", "1"]
        assert all(each.properties.latest_model_applied for each in instances)
        view = sets.get_instance_view(GROUP, SCALE_SET)
        assert view.extensions[0].statuses_summary[0].count == 2

    def test_one_extension_at_a_time(self, compute: Any) -> None:
        one = compute.virtual_machine_scale_set_extensions
        body = {"properties": windows()["properties"]}
        for _ in range(2):
            put_once = one.begin_create_or_update(GROUP, SCALE_SET, ACCESS, body)
            assert put_once.result(timeout=30).properties.provisioning_state == "Succeeded"
        changed = one.begin_update(
            GROUP, SCALE_SET, ACCESS, {"properties": {"forceUpdateTag": "2"}}
        ).result(timeout=30)
        assert changed.properties.force_update_tag == "2"
        assert [each.name for each in one.list(GROUP, SCALE_SET)] == [ACCESS]
        assert one.get(GROUP, SCALE_SET, ACCESS).properties.type == ACCESS
        for _ in range(2):
            one.begin_delete(GROUP, SCALE_SET, ACCESS).result(timeout=30)
        with pytest.raises(ResourceNotFoundError):
            one.get(GROUP, SCALE_SET, ACCESS)

    def test_lists(self, compute: Any) -> None:
        sets = compute.virtual_machine_scale_sets
        for found in (sets.list(GROUP), sets.list_all(), sets.list_by_location("local")):
            assert [each.name for each in found] == [SCALE_SET]

    def test_an_instance_that_is_not_there(self, compute: Any) -> None:
        with pytest.raises(HttpResponseError) as raised:
            compute.virtual_machine_scale_sets.begin_update_instances(
                GROUP, SCALE_SET, {"instanceIds": ["7"]}
            )
        assert raised.value.error is not None
        assert raised.value.error.code == "InvalidParameter"


def test_a_wrong_secret_is_told_in_our_words(site: SdkSite, proof: ClientSecretCredential) -> None:
    base = site.standing.base
    with (
        ClientSecretCredential(
            "adfs",
            proof._client_id,
            "wrong",
            authority=base,
            disable_instance_discovery=True,
            connection_verify=str(site.standing.ca_file),
        ) as wrong,
        pytest.raises(ClientAuthenticationError, match="MSIS9622"),
    ):
        wrong.get_token(f"{base}/.default")


def test_somebody_elses_subscription_is_refused(
    site: SdkSite, proof: ClientSecretCredential
) -> None:
    base = site.standing.base
    with (
        ComputeManagementClient(
            proof,
            FABRIKAM,
            base_url=base,
            credential_scopes=[f"{base}/.default"],
            connection_verify=str(site.standing.ca_file),
        ) as client,
        pytest.raises(HttpResponseError) as raised,
    ):
        client.virtual_machines.get(GROUP, "win01")
    assert raised.value.status_code == 403
    assert raised.value.error is not None
    assert raised.value.error.code == "AuthorizationFailed"
