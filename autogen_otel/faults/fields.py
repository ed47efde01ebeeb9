"""What the class of an exception tells beside its text: HTTP status, retry-after, the provider's request ID."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.guard import safe_attribute
from autogen_otel.faults.redact import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

_PERMANENT: Final = frozenset({400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422})
_TRANSIENT_NAMES: Final = frozenset(
    {
        "APIConnectionError",
        "APITimeoutError",
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "WriteError",
        "WriteTimeout",
    }
)
_QUOTA: Final = "insufficient_quota"


def fields_of(error: BaseException) -> dict[str, Any]:
    """Return span attributes that the exception itself carries.

    Works for every client that keeps the response on its exceptions as openai does (`status_code`, `response.headers`,
    `request_id`, `code`), which anthropic, mistralai, groq, together and httpx's `HTTPStatusError` do too; and for
    google-genai, whose `code` is the status, and botocore, whose response is a dictionary.
    """
    response = safe_attribute(error, "response")
    if isinstance(response, dict):
        return _fields_of_aws(response)
    found: dict[str, Any] = {}
    code = safe_attribute(error, "code")
    status = safe_attribute(error, "status_code") or safe_attribute(response, "status_code")
    if status is None and response is not None:
        status = code
    if isinstance(status, int):
        found[names.HTTP_STATUS] = status
    headers = safe_attribute(response, "headers")
    provider_id = safe_attribute(error, "request_id") or _header(headers, "x-request-id")
    if isinstance(provider_id, str):
        found[names.PROVIDER_REQUEST_ID] = redact(provider_id, 128)
    retry_after = _header(headers, "retry-after")
    if retry_after is not None:
        found[names.RETRY_AFTER] = redact(retry_after, 64)
    # httpx raises where a response was made without its request, as tests do.
    retries = _header(safe_attribute(safe_attribute(response, "request"), "headers"), "x-stainless-retry-count")
    if retries is not None and retries.isdigit():
        found[names.MODEL_ATTEMPTS] = int(retries) + 1
    if isinstance(code, str):
        found[names.PROVIDER_ERROR_CODE] = redact(code, 64)
    return found


def _fields_of_aws(response: Mapping[str, Any]) -> dict[str, Any]:
    about, error = response.get("ResponseMetadata"), response.get("Error")
    if not isinstance(about, dict) or not isinstance(error, dict):
        return {}
    retries = about.get("RetryAttempts")
    told = {
        names.HTTP_STATUS: about.get("HTTPStatusCode"),
        names.PROVIDER_REQUEST_ID: about.get("RequestId"),
        names.RETRY_AFTER: _header(about.get("HTTPHeaders"), "retry-after"),
        names.MODEL_ATTEMPTS: retries + 1 if isinstance(retries, int) else None,
        names.PROVIDER_ERROR_CODE: error.get("Code"),
    }
    return {
        name: redact(value, 128) if isinstance(value, str) else value
        for name, value in told.items()
        if isinstance(value, (str, int))
    }


def is_transient(error: BaseException, fields: Mapping[str, Any]) -> bool | None:
    """Tell whether the same call may succeed later; None where nothing says so.

    A 429 for an exhausted quota is permanent. An exception that Python itself raises for a programming or data error
    (KeyError, TypeError, ...) is deterministic: trying again never helps.
    """
    if fields.get(names.PROVIDER_ERROR_CODE) == _QUOTA:
        return False
    status = fields.get(names.HTTP_STATUS)
    if status is not None:
        return status not in _PERMANENT
    if isinstance(error, (TimeoutError, ConnectionError, asyncio.TimeoutError)):
        return True
    if any(cls.__name__ in _TRANSIENT_NAMES for cls in type(error).__mro__):
        return True
    if isinstance(error, (LookupError, TypeError, AttributeError, NameError, ArithmeticError, AssertionError)):
        return False
    return None


def _header(headers: Any, name: str) -> str | None:
    get = safe_attribute(headers, "get")
    value = get(name) if callable(get) else None
    return value if isinstance(value, str) else None
