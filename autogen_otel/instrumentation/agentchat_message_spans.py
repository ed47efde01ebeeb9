"""AutoGen's own spans of messages: in the request's trace, without the message, and without false errors.

They go to the TracerProvider of the application; without one there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.agentchat_messages import Origin, Within, begin_sending
from autogen_otel.instrumentation.agentchat_teams import is_false_alarm
from autogen_otel.instrumentation.content import content_of
from autogen_otel.operations.operation import current_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# Where AutoGen puts the whole message, as JSON.
_MESSAGE: Final = "message"
# Where a message keeps its origin on AutoGen's own metadata of it, with which it goes.
ORIGIN: Final = "__autogen_otel_origin__"


class _Processing:
    """Around AutoGen's span of a message's handling: a false alarm passes it and leaves no error on it."""

    __slots__ = ("_block",)

    def __init__(self, block: Any) -> None:
        self._block = block

    def __enter__(self) -> Any:
        return self._block.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        if error is not None and is_false_alarm(error):
            self._block.__exit__(None, None, None)
            return False
        return self._block.__exit__(kind, error, traceback)


class _Intercepting:
    """Around AutoGen's span of an intervention handler, and the handler: both in the message's own request."""

    __slots__ = ("_block", "_within")

    def __init__(self, block: Any, origin: Origin) -> None:
        self._block = block
        self._within = Within(origin)

    def __enter__(self) -> Any:
        guard.call(self._within.__enter__)
        return self._block.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            return self._block.__exit__(kind, error, traceback)
        finally:
            guard.call(self._within.__exit__)


def _changed(step: str, kwargs: Kwargs, content: bool) -> Kwargs:
    """Return how AutoGen is to open its span instead."""
    attributes = kwargs.get("attributes")
    if attributes and _MESSAGE in attributes:
        attributes = dict(attributes)
        message = attributes.pop(_MESSAGE)
        if content:
            attributes[_MESSAGE] = content_of(message)
        kwargs = {**kwargs, "attributes": attributes}
    # An operation inside, or around it, has the exception already.
    if step == "process" or current_operation() is not None:
        kwargs = {**kwargs, "record_exception": False}
    return kwargs


def _around(block: Any, step: str, kwargs: Kwargs) -> Any:
    if step == "process":
        return _Processing(block)
    origin = getattr(kwargs.get("parent"), ORIGIN, None) if step == "intercept" else None
    return block if origin is None else _Intercepting(block, origin)


def message_spans(content: bool) -> tuple[Patch, ...]:
    """Return the patches of the spans of messages.

    Args:
        content: Whether messages are to be recorded.
    """

    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        def trace_block(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
            if not switch.on or len(args) < 2:
                return wrapped(*args, **kwargs)
            step, destination = args
            if step == "create":
                # An agent is asked and waited for; a topic is only told.
                guard.call(begin_sending, type(destination).__name__ == "AgentId")
            return _around(wrapped(*args, **(guard.call(_changed, step, kwargs, content) or kwargs)), step, kwargs)

        return trace_block

    return (
        Patch(
            "autogen_core._telemetry._tracing",
            "TraceHelper.trace_block",
            wrap(make),
            "AutoGen's span of each step of a message; it holds the whole message",
        ),
    )
