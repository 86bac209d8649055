"""Template deployments as az sends them: JSON with comments, secure strings (facts T17)."""

from __future__ import annotations

from pathlib import Path

from tests.az.conftest import Az, Gate

NEW = "Zebra-crossing-42-lamps"

NESTED = """{
  // what the seed shows, nested inside its VM
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "vmName": { "type": "string" },
    "password": { "type": "securestring" } /* never shown again */
  },
  "resources": [
    {
      "type": "Microsoft.Compute/virtualMachines",
      "name": "[parameters('vmName')]",
      "apiVersion": "2023-09-01",
      "location": "[resourceGroup().location]",
      "resources": [
        {
          "type": "extensions",
          "name": "VMAccessAgent",
          "apiVersion": "2023-09-01",
          "location": "[resourceGroup().location]",
          "dependsOn": ["[concat('Microsoft.Compute/virtualMachines/', parameters('vmName'))]"],
          "properties": {
            "publisher": "Microsoft.Compute",
            "type": "VMAccessAgent",
            "typeHandlerVersion": "2.4",
            "autoUpgradeMinorVersion": true,
            "settings": { "username": "deployed" },
            "protectedSettings": { "password": "[parameters('password')]" }
          }
        }
      ]
    }
  ]
}
"""


def deploy(az: Az, file: Path, name: str, password: str = NEW) -> list[str]:
    return [
        "deployment", "group", "create", "-g", "demo", "-n", name, "--template-file", str(file),
        "--parameters", "vmName=win01", f"password={password}",
    ]  # fmt: skip


def test_a_nested_extension_is_deployed(gate: Gate, tenant: Az, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(NESTED)
    ran = tenant.ok(*deploy(tenant, file, "reset"))
    assert ran.json["properties"]["provisioningState"] == "Succeeded"
    assert gate.hypervisor.users("win01")["deployed"] == NEW
    shown = tenant.ok("deployment", "group", "show", "-g", "demo", "-n", "reset")
    assert NEW not in ran.out + shown.out
    operations = tenant.ok("deployment", "operation", "group", "list", "-g", "demo", "-n", "reset")
    assert operations.json
    assert NEW not in operations.out


def test_a_name_with_too_many_segments_is_refused(tenant: Az, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(NESTED.replace('"name": "VMAccessAgent"', '"name": "win01/VMAccessAgent"'))
    ran = tenant(*deploy(tenant, file, "segments"))
    assert ran.code == 1
    assert "InvalidTemplate" in ran.err
    assert "incorrect segment lengths" in ran.err


def test_what_the_guest_refuses_fails_the_deployment(tenant: Az, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(NESTED)
    ran = tenant(*deploy(tenant, file, "weak", "weak"))
    assert ran.code == 1
    assert "DeploymentFailed" in ran.err
    assert "VMExtensionProvisioningError" in ran.err
