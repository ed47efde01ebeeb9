"""The HTTP attempts of a model call: how many, with which status, and what the provider says about itself.

The spans of the attempts come from `opentelemetry-instrumentation-httpx`; this only notes on the model call what the
exceptions of a client do not tell, such as the 429s that its retries have hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_STATUSES: Final = 32


def _send(_: Any, switch: Switch) -> Callable[..., Any]:
    def send(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        try:
            response = wrapped(*args, **kwargs)
        except BaseException:
            guard.call(_note, switch, args, None)
            raise
        guard.call(_note, switch, args, response)
        return response

    return send


def _send_async(_: Any, switch: Switch) -> Callable[..., Any]:
    async def send(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        try:
            response = await wrapped(*args, **kwargs)
        except BaseException:
            guard.call(_note, switch, args, None)
            raise
        guard.call(_note, switch, args, response)
        return response

    return send


def _note(switch: Switch, args: Any, response: Any) -> None:
    """Note one attempt on the model call that made it; `response` is None when no answer came."""
    operation = current_operation()
    if operation is None or operation.fact.kind is not Kind.MODEL or not switch.on:
        return
    if getattr(args[0] if args else None, "method", "POST") != "POST":
        # AutoGen's client of the Responses API also asks for the answers before: no attempts of this call.
        return
    attributes = operation.attributes
    attributes[names.MODEL_ATTEMPTS] = attributes.get(names.MODEL_ATTEMPTS, 0) + 1
    statuses = attributes.setdefault(names.MODEL_ATTEMPT_STATUSES, [])
    if len(statuses) < MAX_STATUSES:
        statuses.append(0 if response is None else response.status_code)
    if response is None:
        # The status is that of the last attempt.
        attributes.pop(names.HTTP_STATUS, None)
        return
    attributes[names.HTTP_STATUS] = response.status_code
    for header, name in (("x-request-id", names.PROVIDER_REQUEST_ID), ("retry-after", names.RETRY_AFTER)):
        value = response.headers.get(header)
        if value is not None:
            attributes[name] = value[:128]


def _patches(package: str) -> tuple[Patch, ...]:
    module = f"{package}._client"
    return (
        Patch(module, "Client.send", wrap(_send), "one attempt of a model call", optional=True),
        Patch(module, "AsyncClient.send", wrap(_send_async), "one attempt of a model call", optional=True),
    )


# openai 3 talks over httpx2, earlier ones over httpx.
PATCHES: Final = (*_patches("httpx"), *_patches("httpx2"))
