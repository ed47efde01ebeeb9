"""AutoGen's own spans of agents and tools: ours stand in their place, with their attributes.

AutoGen opens `invoke_agent` and `execute_tool` itself, on the global TracerProvider only, and records an exception on
each of them twice. Where an operation of ours is open for the same call, the context manager that would open a span
gives the current one instead. A program that calls these context managers by itself gets its own spans as before.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The agent that a team is about to ask, as its runtime knows it: name and ID.
_asked: ContextVar[tuple[str, str] | None] = ContextVar("autogen_otel_asked", default=None)


def asked_in_team(name: str) -> str | None:
    """Return the ID by which a team asks an agent now, once; None when it is not a team that asks it."""
    asked = _asked.get()
    if asked is None or asked[0] != name:
        return None
    _asked.set(None)
    return asked[1]


class _CurrentSpan:
    """Stands for the context manager of a span, and gives the one that is current."""

    def __enter__(self) -> trace.Span:
        return trace.get_current_span()

    def __exit__(self, *_: object) -> None:
        """Let an exception pass: it is recorded where it was raised."""


class _Asking(_CurrentSpan):
    """The same around a team's call of an agent, whose operation begins inside."""

    def __init__(self, name: str, agent_id: str) -> None:
        self._asked = (name, agent_id)

    def __enter__(self) -> trace.Span:
        _asked.set(self._asked)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        # The garbage collector may come here in another context; what is there is none of ours.
        if _asked.get() is self._asked:
            _asked.set(None)


def _standing_in(choose: Callable[..., _CurrentSpan | None]) -> Callable[[Any, Switch], Any]:
    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        def open_span(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            stand_in = guard.call(choose, kwargs) if switch.on else None
            return stand_in or wrapped(*args, **kwargs)

        return open_span

    return wrap(make)


def _for_agent(kwargs: Mapping[str, Any]) -> _CurrentSpan | None:
    current = current_operation()
    if current is None or current.fact.kind is not Kind.AGENT or current.fact.agent_name != kwargs["agent_name"]:
        return None
    return _CurrentSpan()


def _for_participant(kwargs: Mapping[str, Any]) -> _CurrentSpan:
    return _Asking(kwargs["agent_name"], kwargs["agent_id"])


def _for_tool(_: Mapping[str, Any]) -> _CurrentSpan | None:
    current = current_operation()
    return _CurrentSpan() if current is not None and current.fact.kind is Kind.TOOL else None


SPANS: Final = (
    Patch(
        "autogen_agentchat.agents._base_chat_agent",
        "trace_invoke_agent_span",
        _standing_in(_for_agent),
        "AutoGen's span of run() and run_stream(); ours stands in its place",
    ),
    Patch(
        "autogen_agentchat.teams._group_chat._chat_agent_container",
        "trace_invoke_agent_span",
        _standing_in(_for_participant),
        "the same of an agent in a team; tells the agent's ID",
    ),
    Patch(
        "autogen_core.tools._base",
        "trace_tool_span",
        _standing_in(_for_tool),
        "AutoGen's span of a tool call; ours stands in its place",
    ),
    Patch("autogen_ext.tools.mcp._workbench", "trace_tool_span", _standing_in(_for_tool), "the same of an MCP tool"),
)
