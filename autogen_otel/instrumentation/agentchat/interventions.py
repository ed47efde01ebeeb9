"""Intervention handlers: what one raises, and the runtime that never becomes idle after it has raised or dropped.

The runtime forgets to count a message as done that a handler has dropped or failed on. Nothing is wrong until
`stop_when_idle()` is called: that waits for ever.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import PerObject
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.instrumentation.agentchat.message_spans import ORIGIN
from autogen_otel.instrumentation.agentchat.messages import Origin, Within, here
from autogen_otel.operations.current import current_request_id
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_RUNTIME: Final = "autogen_core._single_threaded_agent_runtime"
_METHODS: Final = ("on_send", "on_publish", "on_response")
_NEVER_IDLE: Final = "runtime_never_idle"
_MAX_TOLD: Final = 8
# How far above a wrapper the frame stands that called it.
_MAX_FRAMES: Final = 4


class _Unfinished:
    """What is known of the messages of a runtime that it never counts as done.

    Attributes:
        texts: What became of each.
        waiter: Who waits until the runtime is idle.
    """

    __slots__ = ("texts", "waiter")

    def __init__(self, _: Any) -> None:
        self.texts: list[str] = []
        self.waiter: Origin | None = None

    def add(self, text: str) -> None:
        """Note what became of a message, and tell at once whoever waits already."""
        if len(self.texts) < _MAX_TOLD:
            self.texts.append(text)
        if self.waiter is not None:
            with Within(self.waiter):
                self.tell()

    def tell(self) -> None:
        """Tell that the runtime never becomes idle."""
        self.waiter = None
        opened = open_operation(Kind.WORKFLOW, "stop_when_idle")
        opened.unheard = True
        what = "; ".join(self.texts)
        opened.report(FaultKind.BROKEN, _NEVER_IDLE, f"the runtime waits for ever for messages: {what}")
        opened.finish()


# For each queue, for a runtime that is stopped begins with a new one.
_unfinished: Final = PerObject(_Unfinished)


class Interventions:
    """Observes the classes of handlers as they are met.

    Args:
        patches: Takes back what was woven.
    """

    def __init__(self, patches: Patches) -> None:
        self._patches = patches
        self._met: weakref.WeakSet[type] = weakref.WeakSet()

    def meet(self, _: Any, switch: Switch) -> Callable[..., Any]:
        """Look at the handlers of a runtime before it processes a message."""

        def process_next(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
            if switch.on and instance._intervention_handlers:
                guard.call(self._meet, instance._intervention_handlers)
            return wrapped(*args, **kwargs)

        return process_next

    def _meet(self, handlers: list[Any]) -> None:
        for handler in handlers:
            cls = type(handler)
            if cls in self._met:
                continue
            self._met.add(cls)
            for name in _METHODS:
                owner = next((base for base in cls.__mro__ if name in vars(base)), None)
                # AutoGen's own let every message pass.
                if owner is not None and not owner.__module__.startswith("autogen_core."):
                    self._patches.weave_class(cls, name, wrap(_watched), "an intervention handler")


def _watched(_: Any, switch: Switch) -> Callable[..., Any]:
    def intercept(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        called = guard.call(_calling_runtime) if switch.on else None
        if not called:
            return wrapped(*args, **kwargs)
        where = f"{type(instance).__name__}.{wrapped.__name__}"
        return _run(wrapped(*args, **kwargs), where, *called)

    return intercept


def _calling_runtime() -> tuple[Any, Any] | None:
    """Return the runtime that calls a handler, and the message; None where somebody else calls it.

    An answer reaches its handler without anything that tells whose it is, so the frame of the caller is asked.
    """
    frame = sys._getframe(2)
    for _ in range(_MAX_FRAMES):
        if frame.f_code.co_name == "_process_next":
            found = frame.f_locals
            return found["self"], found["message_envelope"]
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None


async def _run(handling: Awaitable[Any], where: str, runtime: Any, envelope: Any) -> Any:
    origin = getattr(envelope.metadata, ORIGIN, None)
    within = None if origin is None else Within(origin)
    if within is not None:
        guard.call(within.__enter__)
    try:
        result = await handling
    except BaseException as error:
        guard.call(_failed, runtime, where, error)
        raise
    else:
        if getattr(result, "__name__", type(result).__name__) == "DropMessage":
            guard.call(_note, runtime, f"{where} dropped one of request {current_request_id()}")
        return result
    finally:
        if within is not None:
            guard.call(within.__exit__)


def _failed(runtime: Any, where: str, error: BaseException) -> None:
    if recorded_fault(error, current_request_id()) is None:
        opened = open_operation(Kind.WORKFLOW, "intervention")
        opened.unheard = where.endswith("on_publish")
        opened.fail(error)
    # Last, for it tells of the hang at once where somebody waits already: the cause comes before its effect.
    _note(runtime, f"{where} raised for one of request {current_request_id()}")


def _note(runtime: Any, text: str) -> None:
    _unfinished.of(runtime._message_queue).add(text)


def _tell_hang(_: Any, switch: Switch) -> Callable[..., Any]:
    async def stop_when_idle(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        waiting = guard.call(_wait, instance) if switch.on else None
        try:
            return await wrapped(*args, **kwargs)
        finally:
            if waiting:
                waiting.waiter = None

    return stop_when_idle


def _wait(runtime: Any) -> _Unfinished:
    unfinished = _unfinished.of(runtime._message_queue)
    if unfinished.texts:
        unfinished.tell()
    elif runtime._intervention_handlers:
        unfinished.waiter = here()
    return unfinished


def interventions(patches: Patches) -> tuple[Patch, ...]:
    """Return the patches of intervention handlers.

    Args:
        patches: Takes back what is woven later.
    """
    seen = Interventions(patches)
    return (
        Patch(
            _RUNTIME,
            "SingleThreadedAgentRuntime._process_next",
            wrap(seen.meet),
            "shows the intervention handlers, whose exception is lost where the message is an event",
        ),
        Patch(
            _RUNTIME,
            "SingleThreadedAgentRuntime.stop_when_idle",
            wrap(_tell_hang),
            "never returns once a handler has raised or dropped a message",
        ),
    )
