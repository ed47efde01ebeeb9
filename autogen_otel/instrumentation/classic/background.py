"""Work that classic AutoGen does in threads and tasks: the request goes along, and no exception is lost there."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.threads import carrying, record_escaped
from autogen_otel.operations.background import in_background
from autogen_otel.operations.carry import carry
from autogen_otel.operations.current import uncancellable
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_CONVERSABLE: Final = "autogen.agentchat.conversable_agent"


def _keep_cause(_: Any, switch: Switch) -> Callable[..., Any]:
    """Give `KeyError('value')` the exception that caused it.

    `_run_async_in_thread` runs a coroutine in a thread and reads its result from a dict. When the coroutine raises, the
    thread dies and the dict stays empty.
    """

    def run(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if not switch.on:
            return wrapped(*args, **kwargs)
        raised: list[BaseException] = []
        try:
            return wrapped(_watched(args[0] if args else kwargs["coro"], raised))
        except KeyError as error:
            if raised and error.__cause__ is None:
                error.__cause__ = raised[0]
            raise

    return run


async def _watched(awaitable: Awaitable[Any], raised: list[BaseException]) -> Any:
    uncancellable.set(True)
    try:
        return await awaitable
    except BaseException as error:
        raised.append(error)
        raise


def _keep_error(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record the exception that a background chat puts into a queue, for nobody may ever read the queue.

    What failed inside the chat was recorded there; this is for the lines of AutoGen's around it.
    """

    def send(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_record_sent, args[0] if args else kwargs["message"])
        return wrapped(*args, **kwargs)

    return send


def _record_sent(event: Any) -> None:
    error = getattr(event.content, "error", None) if type(event).__name__ == "ErrorEvent" else None
    if isinstance(error, BaseException):
        record_escaped(error)


def _carry_iterator(_: Any, switch: Switch) -> Callable[..., Any]:
    """Let the thread behind `run_iter` work in the context in which `run_iter` was called, not the reader's."""

    def init(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> None:
        wrapped(*args, **kwargs)
        if switch.on:
            guard.call(_carry_start, instance)

    return init


def _carry_start(response: Any) -> None:
    start, end_work = carry(response._start_thread_func), in_background()
    # Until then the request waits for whoever reads the response, or throws it away.
    weakref.finalize(response, end_work)

    def start_at_work(*args: Any) -> Any:
        thread = start(*args)
        end_work()
        return thread

    response._start_thread_func = start_at_work


BACKGROUND: Final = (
    Patch(
        _CONVERSABLE,
        "ConversableAgent._run_async_in_thread",
        wrap(_keep_cause),
        "turns any exception into KeyError('value')",
        optional=True,
    ),
    carrying(_CONVERSABLE, "asyncio", "an async reply calls the model in an executor, with an empty context"),
    carrying(_CONVERSABLE, "threading", "run() and async tools of sync chats have a thread", optional=True),
    *(
        carrying(module, name, "work in a thread or task of its own", optional=True)
        for module, name in (
            ("autogen.agentchat.group.multi_agent_chat", "threading"),
            ("autogen.agentchat.group.multi_agent_chat", "asyncio"),
            ("autogen.agentchat.contrib.swarm_agent", "threading"),
            ("autogen.agentchat.contrib.swarm_agent", "asyncio"),
            ("autogen.oai.openai_responses", "threading"),
            ("autogen.llm_clients.openai_responses_v2", "threading"),
            ("autogen.tools.experimental.reliable.reliable", "asyncio"),
        )
    ),
    *(
        Patch("autogen.io.thread_io_stream", f"{name}.send", wrap(_keep_error), "run() hands on its failure", True)
        for name in ("ThreadIOStream", "AsyncThreadIOStream")
    ),
    *(
        Patch("autogen.io.run_response", f"{name}.__init__", wrap(_carry_iterator), "starts its thread late", True)
        for name in ("RunIterResponse", "AsyncRunIterResponse")
    ),
)
