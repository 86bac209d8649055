"""What every Resource Manager answer wears: ids, the error envelope, and the api-version's rules.

Source: resource-manager-rpc v1.0/common-api-details.md; the texts are those that clients know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID, uuid4

from aiohttp import web

from gateway import errors
from gateway.edge import status_of

MAX_ECHO: Final = 256  # characters of a client's text in an answer

# What `providers` lists, newest first. Any other well-formed version is served alike.
API_VERSIONS: Final = (
    "2025-04-01", "2024-11-01", "2024-07-01", "2023-09-01", "2022-12-01", "2022-09-01",
    "2020-11-01", "2020-06-01",
)  # fmt: skip
_VERSION: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(-preview)?", re.ASCII | re.IGNORECASE)

# The statuses of refusals that bring Resource Manager's own code; others are 400.
_STATUS_BY_CODE: Final = {
    "ArtifactNotFound": HTTPStatus.NOT_FOUND,
    "ArtifactVersionNotFound": HTTPStatus.NOT_FOUND,
    "AuthorizationFailed": HTTPStatus.FORBIDDEN,
    "Conflict": HTTPStatus.CONFLICT,
    "DeploymentActive": HTTPStatus.CONFLICT,
    "InternalServerError": HTTPStatus.INTERNAL_SERVER_ERROR,
    "OperationNotAllowed": HTTPStatus.CONFLICT,
    "ResourceNotFound": HTTPStatus.NOT_FOUND,
}
_CODES: Final[dict[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.FORBIDDEN: "AuthorizationFailed",
    HTTPStatus.NOT_FOUND: "ResourceNotFound",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.BAD_GATEWAY: "BadGateway",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
}


class ArmError(errors.GatewayError):
    """A refusal in Resource Manager's words. `inner` is CRP's internal code."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[dict[str, Any]] | None = None,
        inner: str | None = None,
        additional: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = details
        self.inner = inner
        self.additional = additional
        self.headers = dict(headers or {})


def arm_json(
    body: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer with a JSON body."""
    return web.Response(
        text=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def arm_nothing(
    status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer without a body: the feature actions' 200 says `Content-Length: 0`."""
    return web.Response(status=status, headers=headers)


def error_body(error: ArmError) -> dict[str, Any]:
    """The envelope: members that say nothing are left out."""
    inner = {"internalErrorCode": error.inner} if error.inner else None
    members = {
        "code": error.code,
        "message": error.message,
        "target": error.target,
        "details": error.details,
        "additionalInfo": error.additional,
        "innererror": inner,
    }
    return {"error": {name: value for name, value in members.items() if value is not None}}


def arm_error(error: ArmError) -> web.Response:
    return arm_json(error_body(error), error.status, error.headers)


def in_arm_words(error: errors.GatewayError) -> ArmError:
    """What one of our own errors is called here."""
    match error:
        case ArmError():
            return error
        case errors.ExtensionRefused() | errors.DeploymentRefused():
            return _by_its_code(error)
        case errors.InvalidInput():
            return ArmError(
                HTTPStatus.BAD_REQUEST, "InvalidParameter", str(error), target=error.field
            )
        case errors.Throttled():
            return ArmError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "TooManyRequests",
                f"Too many requests. Try again after {error.retry_after} seconds.",
                headers={"Retry-After": str(error.retry_after)},
            )
        case errors.StoreUnavailable():
            return ArmError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The gateway cannot reach its own records just now. Nothing was changed.",
                headers={"Retry-After": "2"},
            )
        case _:
            status = status_of(error)
            return ArmError(status, _CODES.get(status, error.code), str(error))


def _by_its_code(error: errors.ExtensionRefused | errors.DeploymentRefused) -> ArmError:
    """A refusal that is in Resource Manager's words already."""
    status = _STATUS_BY_CODE.get(error.code, HTTPStatus.BAD_REQUEST)
    if isinstance(error, errors.DeploymentRefused):
        return ArmError(status, error.code, error.reason, additional=_place(error))
    return ArmError(status, error.code, error.reason, inner=error.inner)


def _place(error: errors.DeploymentRefused) -> list[dict[str, Any]] | None:
    """Where in the template the fault is, as editors look for it."""
    if not error.line:
        return None
    info = {"lineNumber": error.line, "linePosition": error.column, "path": ""}
    return [{"type": "TemplateViolation", "info": info}]


def invalid_content(why: str) -> ArmError:
    return ArmError(
        HTTPStatus.BAD_REQUEST,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{why}'.",
    )


def check_api_version(versions: list[str], *, bare: bool = False) -> str:
    """The request's api-version, of all that it gave. `bare`: "1.0" is one too.

    Raises: ArmError.
    """
    if not versions or not versions[0]:
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    version = versions[0]
    if 1 < len(set(versions)) or not (_is_dated(version) or (bare and version == "1.0")):
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "InvalidApiVersionParameter",
            f"The api-version '{echoed(version)}' is invalid. "
            f"The supported versions are '{','.join(API_VERSIONS)}'.",
        )
    return version.lower()


def _is_dated(version: str) -> bool:
    match = _VERSION.fullmatch(version)
    if match is None:
        return False
    try:
        date.fromisoformat(match[1])
    except ValueError:
        return False
    return True


def trace_headers(request: web.BaseRequest, location: str, now: datetime) -> dict[str, str]:
    """The ids that support asks for. A client's correlation id counts only where it is a GUID."""
    request_id = str(uuid4())
    theirs = well_formed_guid(request.headers.get("x-ms-correlation-request-id"))
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": theirs or request_id,
        "x-ms-routing-request-id": f"{location.upper()}:{moment}:{request_id}",
    }
    client_id = well_formed_guid(request.headers.get("x-ms-client-request-id"))
    wanted = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
    if client_id and wanted:
        headers["x-ms-client-request-id"] = client_id
    return headers


def well_formed_guid(text: str | None) -> str | None:
    """`text` as it is, where it is a GUID with dashes."""
    try:
        canonical = str(UUID(text or ""))
    except ValueError:
        return None
    return text if text is not None and text.lower() == canonical else None


def echoed(text: str) -> str:
    """A client's text for an answer: printable, and not too much of it."""
    kept = "".join(c if c.isprintable() else "?" for c in text[: MAX_ECHO + 1])
    return kept if len(kept) <= MAX_ECHO else kept[:MAX_ECHO] + "…"


def pick(mapping: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """The member of that name, in whatever case. Raises: ArmError where it is there twice."""
    found = [key for key in mapping if key.lower() == name.lower()]
    if 1 < len(found):
        raise invalid_content(f"the member '{name}' is given more than once")
    return mapping[found[0]] if found else default


def moment(value: datetime) -> str:
    """A moment as Resource Manager writes it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
