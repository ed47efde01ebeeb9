"""Structured output of ag2 1.x: an answer that does not fit its schema is sent back to the model, unseen by anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_NAME: Final = "structured output"


def _open_content(reply: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:  # noqa: ARG001
    if getattr(reply, "_AgentReply__schema", None) is None:
        return None
    agent = reply._AgentReply__agent.name
    return open_operation(Kind.WORKFLOW, _NAME, agent=agent, attributes={names.WORKFLOW_NAME: _NAME})


def _keep_invalid(_: Any, switch: Switch) -> Callable[..., Any]:
    async def validate(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            guard.call(_record, switch, error)
            raise

    return validate


def _record(switch: Switch, error: BaseException) -> None:
    current = current_operation()
    if current is None or current.fact.name != _NAME or not switch.on:
        return
    # A schema may be made of others, each of which lets the exception pass.
    if recorded_fault(error, current.fact.request_id) is None:
        open_operation(Kind.WORKFLOW, "validation", attributes={names.WORKFLOW_NAME: "validation"}).fail(error)


SCHEMAS: Final = (
    Patch("ag2.agent", "AgentReply.content", operation(_open_content), "asks the model again for an answer that fits"),
    *(
        Patch(module, f"{cls}.validate", wrap(_keep_invalid), "what did not fit", optional=True)
        for module, cls in (
            ("ag2.response.schema", "ResponseSchema"),
            ("ag2.response.callable", "CallableResponse"),
        )
    ),
)
