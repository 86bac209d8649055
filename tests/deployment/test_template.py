"""Whole templates: the seed's own schema, Azure's quick starts, and everything that is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deployment.jsonc import read_jsonc
from gateway.deployment.resource_ids import Scope
from gateway.deployment.template import Request, read_request
from gateway.errors import DeploymentRefused

SCOPE = Scope("5f2a9c1e-0d4b-4c3a-9e8f-1a2b3c4d5e6f", "Prod", "local", "mend")
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
COMPUTE = (
    "/subscriptions/5f2a9c1e-0d4b-4c3a-9e8f-1a2b3c4d5e6f/resourceGroups/Prod/providers"
    "/Microsoft.Compute"
)

# As `az` sends it, with a template as the VMAccess documentation asks for: the extension nested
# inside its virtual machine, after the schema of that page.
SEED = """\
{"properties": {"mode": "Incremental", "parameters": {
  "vmName": {"value": "web01"}, "adminPassword": {"value": "S3cret!pass"}
}, template:{
  // Lets somebody back in.
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "vmName": {"type": "string"},
    "userName": {"type": "string", "defaultValue": "myuser"},
    "adminPassword": {"type": "securestring"}
  },
  "resources": [{
    "type": "Microsoft.Compute/virtualMachines",
    "name": "[parameters('vmName')]",
    "apiVersion": "2023-09-01",
    "location": "[resourceGroup().location]",
    "properties": {"osProfile": {"adminPassword": "[parameters('adminPassword')]"},
                   "diagnostics": "[reference('nothing that is known here')]"},
    "resources": [{
      "type": "Microsoft.Compute/virtualMachines/extensions",
      "name": "enablevmaccess",
      "apiVersion": "2023-09-01",
      "location": "[resourceGroup().location]",
      "dependsOn": ["[concat('Microsoft.Compute/virtualMachines/', parameters('vmName'))]"],
      "properties": {
        "publisher": "Microsoft.Compute",
        "type": "VMAccessAgent",
        "typeHandlerVersion": "2.4",
        "autoUpgradeMinorVersion": "true",
        "settings": {"username": "[parameters('userName')]"},
        "protectedSettings": {"password": "[parameters('adminPassword')]"}
      }
    }]
  }]
}}}"""


def extension(name: str = "web01/x", **members: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "name": name,
        "apiVersion": "2023-09-01",
        "location": "local",
        "properties": {"publisher": "Microsoft.Compute", "type": "VMAccessAgent"},
    } | members


def vm(name: str = "web01", **members: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Compute/virtualMachines",
        "name": name,
        "apiVersion": "2023-09-01",
    } | members


def body(
    *resources: Any, given: Any = None, mode: Any = "Incremental", **members: Any
) -> dict[str, Any]:
    template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources)}
    properties = {"mode": mode, "template": template | members}
    if given is not None:
        properties["parameters"] = given
    return {"properties": properties}


def read(written: dict[str, Any]) -> Request:
    """As a request arrives: objects know their places in the text."""
    return read_request(read_jsonc(json.dumps(written)), SCOPE)


def names(request: Request) -> list[str]:
    return [resource.name for resource in request.resources]


def refusal_of(written: dict[str, Any]) -> DeploymentRefused:
    with pytest.raises(DeploymentRefused) as refusal:
        read(written)
    return refusal.value


def test_the_seed_s_schema_nested_in_its_virtual_machine() -> None:
    request = read_request(read_jsonc(SEED), SCOPE)
    machine, mend = request.resources
    assert (machine.type, machine.name) == ("Microsoft.Compute/virtualMachines", "web01")
    assert machine.body == {}, "a virtual machine is not made here"
    assert mend.type == "Microsoft.Compute/virtualMachines/extensions"
    assert mend.name == "web01/enablevmaccess"
    assert mend.id == f"{COMPUTE}/virtualMachines/web01/extensions/enablevmaccess"
    assert mend.needs == (0,)
    assert mend.api_version == "2023-09-01"
    assert mend.body == {
        "location": "local",
        "properties": {
            "publisher": "Microsoft.Compute",
            "type": "VMAccessAgent",
            "typeHandlerVersion": "2.4",
            "autoUpgradeMinorVersion": "true",
            "settings": {"username": "myuser"},
            "protectedSettings": {"password": "S3cret!pass"},
        },
    }


def test_a_secret_is_neither_shown_nor_printed() -> None:
    request = read_request(read_jsonc(SEED), SCOPE)
    assert request.parameters == {
        "vmName": {"type": "String", "value": "web01"},
        "userName": {"type": "String", "value": "myuser"},
        "adminPassword": {"type": "SecureString"},
    }
    assert "S3cret" not in repr(request)


@pytest.mark.parametrize(
    "nested",
    [
        {"type": "extensions", "name": "x"},
        {"type": "Extensions", "name": "x"},
        {"type": "Microsoft.Compute/virtualMachines/extensions", "name": "x"},
        {"type": "microsoft.compute/VIRTUALMACHINES/extensions", "name": "Web01/x"},
        {"type": "Microsoft.Compute/virtualMachines/extensions", "name": "[concat('web01', '/x')]"},
    ],
)
def test_a_nested_resource_in_every_spelling(nested: dict[str, str]) -> None:
    request = read(body(vm(resources=[extension() | nested])))
    assert [resource.key for resource in request.resources] == [
        f"{COMPUTE}/virtualMachines/web01".lower(),
        f"{COMPUTE}/virtualMachines/web01/extensions/x".lower(),
    ]
    assert request.resources[1].type == "Microsoft.Compute/virtualMachines/extensions"
    assert request.resources[1].needs == (0,)


@pytest.mark.parametrize(
    "entry",
    [
        "web01",
        "WEB01",
        "Microsoft.Compute/virtualMachines/web01",
        "[concat('Microsoft.Compute/virtualMachines/', 'web01')]",
        "[resourceId('Microsoft.Compute/virtualMachines', 'web01')]",
        "[resourceId('prod', 'microsoft.compute/virtualmachines', 'WEB01')]",
        "[resourceId(subscription().subscriptionId, 'Prod', 'Microsoft.Compute/virtualMachines',"
        " 'web01')]",
    ],
)
def test_depends_on_in_every_spelling(entry: str) -> None:
    request = read(body(extension(dependsOn=[entry]), vm()))
    assert names(request) == ["web01", "web01/x"]
    assert request.resources[1].needs == (0,)


@pytest.mark.parametrize(
    "entry",
    [
        "y",
        "web01/y",
        "Microsoft.Compute/virtualMachines/web01/extensions/y",
        "[resourceId('Microsoft.Compute/virtualMachines/extensions', 'web01', 'y')]",
    ],
)
def test_depends_on_a_sibling(entry: str) -> None:
    siblings = [extension("x", dependsOn=[entry]), extension("y")]
    assert names(read(body(vm(resources=siblings)))) == ["web01", "web01/y", "web01/x"]


def test_resources_keep_the_template_s_order_where_nothing_waits() -> None:
    request = read(body(*(extension(f"web01/{name}") for name in "dbca")))
    assert names(request) == ["web01/d", "web01/b", "web01/c", "web01/a"]


def test_a_condition_leaves_out_a_resource_and_whoever_waits_for_it_goes_on() -> None:
    request = read(
        body(
            extension("web01/x", condition="[equals(1, 2)]"),
            extension("web01/y", dependsOn=["web01/x"]),
            extension("web01/z", condition=True),
        )
    )
    assert names(request) == ["web01/y", "web01/z"]
    assert request.resources[0].needs == ()


def test_scale_sets_and_their_extensions() -> None:
    request = read(
        body(
            {
                "type": "Microsoft.Compute/virtualMachineScaleSets",
                "name": "pool",
                "apiVersion": "2023-09-01",
                "properties": {
                    "virtualMachineProfile": {
                        "extensionProfile": {
                            "extensions": [
                                {
                                    "name": "x",
                                    "properties": {
                                        "protectedSettings": {"password": "[parameters('p')]"}
                                    },
                                }
                            ]
                        }
                    }
                },
                "resources": [
                    {"type": "extensions", "name": "y", "apiVersion": "2023-09-01"},
                ],
            },
            parameters={"p": {"type": "securestring"}},
            given={"p": {"value": "S3cret!pass"}},
        )
    )
    pool, child = request.resources
    profile = pool.body["properties"]["virtualMachineProfile"]["extensionProfile"]
    assert profile["extensions"][0]["properties"]["protectedSettings"]["password"] == "S3cret!pass"
    assert child.id == f"{COMPUTE}/virtualMachineScaleSets/pool/extensions/y"


def test_outputs_are_evaluated_and_hold_no_secret() -> None:
    request = read(
        body(
            parameters={"p": {"type": "securestring"}, "q": {"type": "string"}},
            given={"p": {"value": "S3cret!pass"}, "q": {"value": "plain"}},
            variables={"v": "[concat('x', parameters('p'))]"},
            outputs={
                "open": {"type": "string", "value": "[parameters('q')]"},
                "sealed": {"type": "securestring", "value": "plain"},
                "leaking": {"type": "string", "value": "[variables('v')]"},
                "absent": {"type": "string", "value": "[nothing()]", "condition": False},
            },
        )
    )
    assert request.outputs == {
        "open": {"type": "String", "value": "plain"},
        "sealed": {"type": "SecureString"},
        "leaking": {"type": "String"},
    }


def test_what_goes_into_a_protected_setting_is_not_shown_either() -> None:
    # A parameter that its author forgot to call secure.
    request = read(
        body(
            extension(properties={"protectedSettings": {"password": "[variables('v')]"}}),
            parameters={"p": {"type": "string"}},
            variables={"v": "[parameters('p')]"},
            given={"p": {"value": "S3cret!pass"}},
            outputs={"o": {"type": "string", "value": "[parameters('p')]"}},
        )
    )
    assert request.parameters == {"p": {"type": "String"}}
    assert request.outputs == {"o": {"type": "String"}}


@pytest.mark.parametrize(
    "leak",
    [
        extension(properties={"settings": {"username": "[parameters('p')]"}}),
        extension(properties={"settings": {"username": "[variables('v')]"}}),
        extension(name="[concat('web01/', parameters('p'))]"),
        extension(location="[parameters('p')]"),
        extension(dependsOn=["[parameters('p')]"]),
        extension(tags={"t": ["[toUpper(parameters('p'))]"]}),
    ],
)
def test_a_secure_parameter_goes_nowhere_else(leak: dict[str, Any]) -> None:
    refusal = refusal_of(
        body(
            leak,
            parameters={"p": {"type": "secureString"}},
            variables={"v": "[parameters('p')]"},
            given={"p": {"value": "S3cretpass"}},
        )
    )
    assert refusal.code == "InvalidTemplate"
    assert "The secure parameter 'p' is used by" in refusal.reason
    assert "S3cretpass".lower() not in refusal.reason.lower()


def test_wrong_segments_are_refused_in_azure_s_words() -> None:
    text = json.dumps(body(extension("x")))
    column = text.index('{"type"') - text.index('{"$schema"') + 1
    with pytest.raises(DeploymentRefused) as refused:
        read_request(read_jsonc(text), SCOPE)
    assert refused.value.code == "InvalidTemplate"
    assert refused.value.reason == (
        "Deployment template validation failed: 'The template resource 'x' for type "
        f"'Microsoft.Compute/virtualMachines/extensions' at line '1' and column '{column}' has "
        "incorrect segment lengths. A nested resource type must have identical number of segments "
        "as its resource name. A root resource type must have segment length one greater than its "
        "resource name. Please see https://aka.ms/arm-syntax-resources for usage details.'."
    )


def test_places_are_those_of_the_template_s_own_text() -> None:
    template = json.dumps(body(extension("x"))["properties"]["template"], indent=2)
    spliced = '{"properties": {"mode": "Incremental", template:' + template + "}}"
    with pytest.raises(DeploymentRefused) as refused:
        read_request(read_jsonc(spliced), SCOPE)
    lines = template.splitlines()
    assert lines[refused.value.line - 1][refused.value.column - 1 :] == "{"
    assert '"type"' in lines[refused.value.line]


PARAMETER_FAULTS: list[tuple[Any, Any, str]] = [
    ({"p": {"type": "string"}}, {}, "The value for the template parameter 'p' at line '1' and col"),
    ({"p": {"type": "string"}}, {"p": {"value": None}}, "The value for the template parameter 'p'"),
    ({}, {"q": {"value": 1}}, "The template parameters 'q' in the parameters file are not valid"),
    ({"p": {"type": "int"}}, {"p": {"value": "hush"}}, "Expected 'Integer'. Actual 'String'"),
    ({"p": {"type": "bool"}}, {"p": {"value": 1}}, "Expected 'Boolean'. Actual 'Integer'"),
    ({"p": {"type": "int"}}, {"p": {"value": True}}, "Expected 'Integer'. Actual 'Boolean'"),
    ({"p": {"type": "String"}}, {"p": {"value": ["hush"]}}, "Expected 'String'. Actual 'Array'"),
    ({"p": {"type": "number"}}, {}, "has no type that is known"),
    ({"p": "string"}, {}, "has no type that is known"),
    (
        {"p": {"type": "string", "allowedValues": ["a", "b"]}},
        {"p": {"value": "hush"}},
        "is not valid. The parameter value is not part of the allowed value(s)",
    ),
    (
        {"p": {"type": "array", "allowedValues": ["a", "b"]}},
        {"p": {"value": ["a", "hush"]}},
        "is not part of the allowed value(s)",
    ),
    (
        {"p": {"type": "securestring", "minLength": 12}},
        {"p": {"value": "hush"}},
        "Length of the value should be greater than or equal to '12'",
    ),
    (
        {"p": {"type": "string", "maxLength": 2}},
        {"p": {"value": "hush"}},
        "Length of the value should be less than or equal to '2'",
    ),
    (
        {"p": {"type": "int", "minValue": 3}},
        {"p": {"value": 2}},
        "Value should be greater than or equal to '3'",
    ),
    (
        {"p": {"type": "int", "maxValue": 3}},
        {"p": {"value": 4}},
        "Value should be less than or equal to '3'",
    ),
    ({"p": {"type": "int", "maxValue": "x"}}, {"p": {"value": 4}}, "The maxValue of the template"),
    ({"p": {"type": "string", "defaultValue": 1}}, {}, "Expected 'String'. Actual 'Integer'"),
    (
        {"p": {"type": "string", "defaultValue": "[nothing()]"}},
        {},
        "Unable to process template language expressions for template parameter 'p'",
    ),
    (
        {"p": {"type": "string", "defaultValue": "[parameters('p')]"}},
        {},
        "the template parameter 'p' needs itself",
    ),
    ({"p": {"type": "string"}, "P": {"type": "int"}}, {}, "'P' is defined twice"),
    ({"p": {"type": "string"}}, {"p": "hush"}, "is not an object with a 'value'"),
    ({"p": {"type": "string"}}, {"p": {"reference": {}}}, "refers to a key vault"),
]


@pytest.mark.parametrize(("declared", "given", "words"), PARAMETER_FAULTS)
def test_parameters_that_do_not_fit(declared: Any, given: Any, words: str) -> None:
    refusal = refusal_of(body(parameters=declared, given=given))
    assert words in refusal.reason
    assert "hush" not in refusal.reason


@pytest.mark.parametrize(
    ("declared", "given", "value"),
    [
        ({"type": "string", "allowedValues": ["a", "b"]}, "a", "a"),
        ({"type": "array", "allowedValues": ["a", "b"]}, ["b", "a"], ["b", "a"]),
        ({"type": "int", "minValue": 1, "maxValue": 1}, 1, 1),
        ({"type": "string", "minLength": 1, "maxLength": 1}, "a", "a"),
        ({"type": "bool", "defaultValue": False}, None, False),
        ({"type": "object", "defaultValue": {"a": "[resourceGroup().name]"}}, None, {"a": "Prod"}),
    ],
)
def test_parameters_that_fit(declared: Any, given: Any, value: Any) -> None:
    request = read(body(parameters={"p": declared}, given={"P": {"value": given}}))
    assert request.parameters["p"]["value"] == value


def test_a_whole_parameter_file_is_taken_too() -> None:
    given = {"$schema": "x", "contentVersion": "1.0.0.0", "parameters": {"p": {"value": 7}}}
    request = read(body(parameters={"p": {"type": "int"}}, given=given))
    assert request.parameters == {"p": {"type": "Int", "value": 7}}


RESOURCE_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    (body("x"), "InvalidTemplate", "is not an object"),
    (body({"name": "x"}), "InvalidTemplate", "missing a required property: its 'type'"),
    (body({"type": "a/b"}), "InvalidTemplate", "missing a required property: its 'name'"),
    (
        body(extension(apiVersion="latest")),
        "InvalidTemplate",
        "The apiVersion of the template resource 'web01/x'",
    ),
    (body(extension("web01//x")), "InvalidTemplate", "The name of the template resource"),
    (body(extension("../x")), "InvalidTemplate", "The name of the template resource"),
    (body(extension("web01/.")), "InvalidTemplate", "The name of the template resource"),
    (body(extension("web 01/x?y")), "InvalidTemplate", "The name of the template resource"),
    (body(extension("x" * 300 + "/x")), "InvalidTemplate", "The name of the template resource"),
    (
        body(vm("s", type="Microsoft.Storage/storageAccounts")),
        "InvalidResourceType",
        "The resource type 'Microsoft.Storage/storageAccounts' of the template resource 's'",
    ),
    (body(extension(copy={"name": "c", "count": 2})), "NotSupported", "copy loops are not"),
    (body(extension(scope="/")), "NotSupported", "a scope of its own is not"),
    (body(extension(dependsOn=["nobody"])), "InvalidTemplate", "'nobody' is not defined in the"),
    (body(extension(dependsOn="web01")), "InvalidTemplate", "must be an array of strings"),
    (body(extension(dependsOn=[1])), "InvalidTemplate", "must be an array of strings"),
    (body(extension(condition="yes")), "InvalidTemplate", "neither true nor false"),
    (body(extension(), extension("WEB01/X")), "InvalidTemplate", "is defined multiple times"),
    (
        body(vm(resources=[extension("web02/x")])),
        "InvalidTemplate",
        "has incorrect segment lengths",
    ),
    (
        body(vm(resources=[{"type": "extensions", "name": "web01/x"}])),
        "InvalidTemplate",
        "has incorrect segment lengths",
    ),
    (
        body(extension("v/x", dependsOn=["v/y"]), extension("v/y", dependsOn=["v/x"])),
        "InvalidTemplate",
        f"Circular dependency detected on resource: '{COMPUTE}/virtualMachines/v/extensions/x'",
    ),
    (
        body(extension("web01/x", dependsOn=["web01/x"])),
        "InvalidTemplate",
        "Circular dependency detected on resource",
    ),
    (
        body(vm(dependsOn=["x"], resources=[extension("x")])),
        "InvalidTemplate",
        "Circular dependency detected",
    ),
    (
        body(
            vm("a", resources=[extension("x")]),
            vm("b", resources=[extension("x")]),
            extension("c/y", dependsOn=["x"]),
        ),
        "InvalidTemplate",
        "is that of several resources",
    ),
    (
        body(extension(properties={"settings": {"u": "[uniqueString('x')]"}})),
        "InvalidTemplate",
        "the template function 'uniqueString' at position 2 is not valid",
    ),
    (body(extension(name="[concat(")), "InvalidTemplate", "The name of the template resource"),
    (body(extension(name="[concat(]")), "InvalidTemplate", "a value is expected at position 9"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "code", "words"), RESOURCE_FAULTS)
def test_resources_that_cannot_be_deployed(written: Any, code: str, words: str) -> None:
    refusal = refusal_of(written)
    assert refusal.code == code
    assert words in refusal.reason


def without(name: str) -> dict[str, Any]:
    written = body()
    del written["properties"]["template"][name]
    return written


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ({}, "InvalidRequestContent", "'properties' not found"),
        ({"properties": []}, "InvalidRequestContent", "'properties' not found"),
        (body(mode=None), "InvalidRequestContent", "'mode' must be"),
        (body(mode="Complete"), "NotSupported", "would delete what the template does not name"),
        ({"properties": {"mode": "Incremental"}}, "InvalidRequestContent", "'template' not found"),
        (
            {"properties": {"mode": "Incremental", "templateLink": {"uri": "https://x"}}},
            "NotSupported",
            "follows no templateLink",
        ),
        (without("resources"), "InvalidRequestContent", "'resources' not found"),
        (without("$schema"), "InvalidRequestContent", "'$schema' not found"),
        (without("contentVersion"), "InvalidRequestContent", "'contentVersion' not found"),
        (
            body(**{"$schema": SCHEMA.replace("deployment", "subscriptionDeployment")}),
            "InvalidTemplate",
            "is not that of a deployment to a resource group",
        ),
        (body(languageVersion="2.0"), "NotSupported", "language version 1"),
        (body(functions=[{}]), "NotSupported", "Functions that a template defines"),
        (body(resources={}), "NotSupported", "symbolic resource names"),
        (body(variables={"copy": []}), "NotSupported", "copy loops"),
        (body(variables=[]), "InvalidTemplate", "'variables' are not an object"),
        (body(parameters=[]), "InvalidTemplate", "'parameters' are not an object"),
        (body(given=[]), "InvalidRequestContent", "'parameters' is not an object"),
        (body(outputs={"o": {"value": 1}}), "InvalidTemplate", "has no type that is known"),
        (body(outputs={"o": {"type": "int"}}), "InvalidTemplate", "has no value"),
        (
            body(outputs={"o": {"type": "int", "value": "[reference('x')]"}}),
            "InvalidTemplate",
            "expressions for output 'o'",
        ),
        (body(variables={f"v{i}": 0 for i in range(257)}), "InvalidTemplate", "more than 256"),
        (body(*(extension(f"v/{i}") for i in range(801))), "InvalidTemplate", "more than 800"),
    ],
)  # fmt: skip
def test_requests_that_are_no_deployment(written: Any, code: str, words: str) -> None:
    refusal = refusal_of(written)
    assert refusal.code == code
    assert words in refusal.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(
        ["", "web01", "web01/x", "extensions", "string", "securestring", "[parameters('p')]",
         "[variables('v')]", "[concat('a', parameters('p'))]", "Microsoft.Compute/virtualMachines",
         "Microsoft.Compute/virtualMachines/extensions", "2023-09-01", "[", "[[x]", "[x(]"]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "name", "apiVersion", "dependsOn", "resources", "properties",
                         "condition", "copy", "settings", "protectedSettings", "value",
                         "defaultValue", "allowedValues", "minLength", "p", "v"]),
        inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON, JSON, JSON, JSON, JSON)
def test_any_template_is_read_or_refused(
    resources: Any, parameters: Any, given_: Any, variables: Any, outputs: Any
) -> None:
    written = body(resources=resources, parameters=parameters, variables=variables, outputs=outputs)
    written["properties"]["parameters"] = given_
    try:
        request = read(written)
    except DeploymentRefused as refusal:
        assert refusal.reason
    else:
        json.dumps([request.parameters, request.outputs, [r.body for r in request.resources]])


@given(st.permutations(range(6)), st.data())
def test_each_resource_comes_after_what_it_needs(shuffled: list[int], data: st.DataObject) -> None:
    """However a template without cycles is written down."""
    needs = {n: data.draw(st.sets(st.sampled_from(range(n)))) if n else set() for n in range(6)}
    request = read(
        body(*(extension(f"v/{n}", dependsOn=[f"v/{d}" for d in needs[n]]) for n in shuffled))
    )
    for at, resource in enumerate(request.resources):
        assert all(place < at for place in resource.needs)
        wanted = {f"v/{d}" for d in needs[int(resource.name[2:])]}
        assert {request.resources[place].name for place in resource.needs} == wanted
