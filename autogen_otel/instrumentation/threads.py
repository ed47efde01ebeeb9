"""Taking the request along where the host opens a thread or hands work to an executor.

The host's module gets a look-alike of `threading` or `asyncio` under the same name. That reaches functions that were
captured long ago (AutoGen keeps its reply functions in a list from the agent's construction on), for they look the name
up when they run; and it reaches nothing outside that module.
"""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.operations.background import in_background
from autogen_otel.operations.carry import carry
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch
from autogen_otel.patching.proxies import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable


class CarryingThread(threading.Thread):
    """A thread that runs in the context in which it was made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._run_carried = guard.call(carry, self._run) or self._run
        self._end_work = guard.call(in_background)

    def run(self) -> None:
        """Run the target in that context."""
        self._run_carried()

    def _run(self) -> None:
        started_ns = time.time_ns()
        try:
            super().run()
        except BaseException as error:
            # It ends in threading.excepthook, and whoever waits for this thread is told nothing.
            guard.call(record_escaped, error, started_ns)
            raise
        finally:
            if self._end_work:
                self._end_work()


def record_escaped(error: BaseException, started_ns: int | None = None) -> None:
    """Record an exception that nobody may ever see, unless an operation inside has done so.

    Args:
        error: The exception, where it is caught for the last time.
        started_ns: When the work began that failed with it, if that is known.
    """
    operation = current_operation()
    if recorded_fault(error, operation.fact.request_id if operation else None) is None:
        open_operation(Kind.WORKFLOW, "background thread", started_ns=started_ns).fail(error)


class _Threading(Proxy):
    """The module `threading` whose `Thread` carries the context."""

    def __init__(self, module: Any, switch: Switch) -> None:
        super().__init__(module)
        self._self_switch = switch

    @property
    def Thread(self) -> type[threading.Thread]:  # noqa: N802 - the name it stands for
        return CarryingThread if self._self_switch.on else self.__wrapped__.Thread


class _Loop(Proxy):
    """An event loop whose executors carry the context."""

    def __init__(self, loop: Any, watch: Callable[[BaseException], None] | None) -> None:
        super().__init__(loop)
        self._self_watch = watch

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        raised: list[BaseException] = []
        watched = functools.partial(_watched, self._self_watch, raised, function)
        carried = guard.call(carry, watched) or function
        future = self.__wrapped__.run_in_executor(executor, carried, *args)
        guard.call(future.add_done_callback, functools.partial(guard.call, _give_cause, raised))
        return future


def _watched(
    watch: Callable[[BaseException], None] | None,
    raised: list[BaseException],
    function: Callable[..., Any],
    *args: Any,
) -> Any:
    try:
        return function(*args)
    except BaseException as error:
        raised.append(error)
        if watch is not None:
            guard.call(watch, error)
        raise


def _give_cause(raised: list[BaseException], future: Any) -> None:
    """Give the exception that asyncio makes of a TimeoutError the one that was raised, with all that led to it."""
    # Not `exception()`: after that asyncio no longer says that nobody has looked at it.
    made = getattr(future, "_exception", None)
    if raised and made is not None and made is not raised[0] and made.__cause__ is None:
        made.__cause__ = raised[0]


class _Asyncio(Proxy):
    """The module `asyncio` whose loops are such loops, and whose tasks the request waits for."""

    def __init__(self, module: Any, switch: Switch, watch: Callable[[BaseException], None] | None = None) -> None:
        super().__init__(module)
        self._self_switch = switch
        self._self_watch = watch

    def get_event_loop(self) -> Any:
        return self._loop(self.__wrapped__.get_event_loop())

    def get_running_loop(self) -> Any:
        return self._loop(self.__wrapped__.get_running_loop())

    def create_task(self, *args: Any, **kwargs: Any) -> Any:
        task = self.__wrapped__.create_task(*args, **kwargs)
        if self._self_switch.on and (end_work := guard.call(in_background)):
            task.add_done_callback(lambda _: end_work())
        return task

    def _loop(self, loop: Any) -> Any:
        return _Loop(loop, self._self_watch) if self._self_switch.on else loop


def carrying(
    module: str,
    name: str,
    why: str,
    *,
    optional: bool = False,
    watch: Callable[[BaseException], None] | None = None,
) -> Patch:
    """Return the patch that makes `threading` or `asyncio`, as the host's module knows it, carry the context.

    Args:
        module: The host's module.
        name: `threading` or `asyncio`.
        why: What would be lost otherwise.
        optional: Whether some supported versions do not have it.
        watch: Told, in an executor's thread, what a function has raised there: asyncio makes another exception of a
            TimeoutError, without the traceback.
    """
    proxy = {"threading": _Threading, "asyncio": functools.partial(_Asyncio, watch=watch) if watch else _Asyncio}[name]
    return Patch(module, name, proxy, why, optional)
