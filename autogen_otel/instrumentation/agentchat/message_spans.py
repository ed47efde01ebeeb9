"""AutoGen's own spans of messages: in the request's trace, without the message, and without false errors.

They go to the TracerProvider of the application; without one there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.agentchat.core import name_of
from autogen_otel.instrumentation.agentchat.messages import Origin, Within, begin_sending
from autogen_otel.instrumentation.agentchat.teams import is_false_alarm
from autogen_otel.instrumentation.content import content_of
from autogen_otel.operations.current import current_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.trace import Span


Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# Where AutoGen puts the whole message, as JSON.
_MESSAGE: Final = "message"
# Where a message keeps its origin on AutoGen's own metadata of it, with which it goes.
ORIGIN: Final = "__autogen_otel_origin__"


class _Current:
    """Makes a span the current one, and leaves whatever context it is left in as it is, if the span is not current.

    AutoGen holds the span of a message while it waits. When a loop ends before that, the garbage collector leaves it in
    the context in which it is at work, where OpenTelemetry's own way to leave a span fails and logs an error.
    """

    __slots__ = ("_before", "_record", "_span", "_telemetry")

    def __init__(self, span: Span, record: bool) -> None:
        self._span = span
        self._record = record
        self._before = otel_context.get_current()
        # Without a provider OpenTelemetry's API up to 1.39 gives a span of no trace, below which ours would be lost.
        known = span.get_span_context().is_valid
        self._telemetry = set_span_in_context(span, self._before) if known else self._before

    def __enter__(self) -> Span:
        otel_context.attach(self._telemetry)
        return self._span

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if otel_context.get_current() is self._telemetry:
            otel_context.attach(self._before)
        if isinstance(error, Exception):
            if self._record:
                self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        self._span.end()


class _Helper:
    """Stands for AutoGen's TraceHelper, with a tracer that makes a span current in our way."""

    __slots__ = ("_tracer", "instrumentation_builder_config")

    def __init__(self, helper: Any) -> None:
        self.instrumentation_builder_config = helper.instrumentation_builder_config
        self._tracer = helper.tracer

    @property
    def tracer(self) -> _Helper:
        """The tracer: itself, for it has the one method of it that AutoGen calls."""
        return self

    def start_as_current_span(self, *args: Any) -> _Current:
        """Start a span: arguments as AutoGen gives them, which are those of OpenTelemetry in their order."""
        *known, record, _, _ = args
        return _Current(self._tracer.start_span(*known), record)


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


def _shorten(_: Any, switch: Switch) -> Callable[..., Any]:
    """Leave out of a span's name what is a user's, or a session's: the key of an agent, and the source of a topic."""

    def get_span_name(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        kind = getattr(args[1] if len(args) > 1 else kwargs.get("destination"), "type", None)
        if not switch.on or not isinstance(kind, str):
            return wrapped(*args, **kwargs)
        return f"autogen {args[0] if args else kwargs['operation']} {name_of(kind)}"

    return get_span_name


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
        def trace_block(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
            if not switch.on or len(args) < 2:
                return wrapped(*args, **kwargs)
            step, destination = args
            if step == "create":
                # An agent is asked and waited for; a topic is only told.
                guard.call(begin_sending, type(destination).__name__ == "AgentId")
            opening = getattr(wrapped, "__func__", None)
            kwargs = guard.call(_changed, step, kwargs, content) or kwargs
            block = wrapped(*args, **kwargs) if opening is None else opening(_Helper(instance), *args, **kwargs)
            return guard.call(_around, block, step, kwargs) or block

        return trace_block

    return (
        Patch(
            "autogen_core._telemetry._tracing",
            "TraceHelper.trace_block",
            wrap(make),
            "AutoGen's span of each step of a message; it holds the whole message",
        ),
        Patch(
            "autogen_core._telemetry._tracing_config",
            "MessageRuntimeTracingConfig.get_span_name",
            wrap(_shorten),
            "its name holds the key of an agent, which a team and an application make anew for each run",
        ),
    )
