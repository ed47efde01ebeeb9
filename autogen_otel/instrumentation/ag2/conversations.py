"""Which conversation a turn of ag2 1.x uses, and in which request each of its messages was said.

An agent keeps nothing itself and may serve any number of requests; the conversation is the stream that a turn is given.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.ag2.models import text_of, texts_of
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.provenance import introduce
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation

_continued: Final[ContextVar[bool]] = ContextVar("autogen_otel_ag2_continued", default=False)


def use_stream(opened: OpenOperation, context: Any) -> None:
    """Tell which stream a turn uses."""
    if context is not None:
        opened.use(f"stream-{context.stream.id}")


def introduce_event(opened: OpenOperation, event: Any) -> None:
    """Tell that the message with which a turn begins is said in its request."""
    introduce(text_of(getattr(event, "parts", ())), opened)


def introduce_history(events: Any) -> None:
    """Take what was said before for said in this request, if the application goes on with a reply it has kept."""
    if _continued.get():
        _introduce_all(events)


def _continue(_: Any, switch: Switch) -> Callable[..., Any]:
    async def ask(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        token = _continued.set(switch.on)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            guard.call(_continued.reset, token)

    return ask


def _replace(_: Any, switch: Switch) -> Callable[..., Any]:
    def replace(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        operation = current_operation()
        # Inside a turn it is ag2 that makes a history shorter, or whole again.
        if switch.on and operation is not None and operation.fact.kind is Kind.REQUEST:
            guard.call(_introduce_all, args[0] if args else kwargs.get("events"))
        return wrapped(*args, **kwargs)

    return replace


def _introduce_all(events: Any) -> None:
    for text in texts_of(events):
        introduce(text)


CONVERSATIONS: Final = (
    Patch(
        "ag2.history",
        "History.replace",
        wrap(_replace),
        "what the application puts into a history, such as examples, is said by the request that does so",
    ),
    Patch(
        "ag2.agent",
        "AgentReply.ask",
        wrap(_continue),
        "goes on with a conversation that the application has kept: its history is not another request's",
    ),
)
