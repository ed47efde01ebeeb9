"""What OpenAI's client sees and AutoGen does not pass on: which model has answered, the ID of the answer, and failures.

OpenAIAgent asks the Responses API by itself, and makes its own answer of whatever that raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.model_calls import request_attributes, response_attributes
from autogen_otel.instrumentation.operations import Inside, operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_WHY: Final = "which model has answered; AutoGen does not pass it on"
_COMPLETIONS: Final = "openai.resources.chat.completions.completions"
_CHUNKS: Final = ("_create_stream_chunks", "_create_stream_chunks_beta_client")


def _note(response: Any) -> None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.MODEL and hasattr(response, "choices"):
        current.attributes.update(response_attributes(response))


def _noting(_: Any, switch: Switch) -> Callable[..., Any]:
    async def create(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        response = await wrapped(*args, **kwargs)
        if switch.on:
            guard.call(_note, response)
        return response

    return create


def _open_chunks(client: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:  # noqa: ARG001
    current = current_operation()
    return Inside(current) if current is not None and current.fact.kind is Kind.MODEL else None


def _close_chunks(inside: OpenOperation, chunk: Any) -> None:
    if isinstance(inside, Inside) and chunk is not None:
        inside.whole.attributes.update(response_attributes(chunk))


def _open_response(responses: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:  # noqa: ARG001
    current = current_operation()
    if current is None or current.fact.kind is not Kind.AGENT:
        return None
    attributes = request_attributes(responses, kwargs)
    return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], attributes=attributes)


def _close_response(opened: OpenOperation, response: Any) -> None:
    opened.attributes.update(response_attributes(response))


OPENAI: Final = (
    *(
        Patch(
            "autogen_ext.models.openai._openai_client",
            f"BaseOpenAIChatCompletionClient.{name}",
            operation(_open_chunks, _close_chunks),
            _WHY,
        )
        for name in _CHUNKS
    ),
    Patch(_COMPLETIONS, "AsyncCompletions.create", wrap(_noting), _WHY, optional=True),
    Patch(_COMPLETIONS, "AsyncCompletions.parse", wrap(_noting), _WHY, optional=True),
    Patch(
        "openai.resources.responses.responses",
        "AsyncResponses.create",
        operation(_open_response, _close_response),
        "OpenAIAgent makes its answer of what this raises",
        optional=True,
    ),
)
