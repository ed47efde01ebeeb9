"""Which conversation a classic chat uses, and in which request each of its messages was said.

An agent keeps one history for each partner. The conversation is therefore the pair, not the agent: an assistant that
serves many requests at once is safe as long as each has a user proxy of its own.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import MISTAKE, guard
from autogen_otel.core.ids import agent_serials
from autogen_otel.instrumentation.messages import introduce_message
from autogen_otel.operations.current import current_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation

_AGENT: Final = "autogen.agentchat.conversable_agent"
_chatted: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
# Agents by which AutoGen runs the tools of all the others in a pattern, a service or a swarm.
_EXECUTORS: Final = frozenset({"_Group_Tool_Executor", "_Swarm_Tool_Executor"})


def owner_of_tool(agent: Any) -> str | None:
    """Return the agent whose tool an agent runs: itself, or, where it is AutoGen's own, the one that has asked for it.

    None where nobody has said so: it is then the agent that is at work.
    """
    if agent.name not in _EXECUTORS:
        return str(agent.name)
    asked: list[Any] = next(iter(agent._oai_messages.values()), [])
    return asked[-1].get("name") if asked else None


def _prepare(_: Any, switch: Switch) -> Callable[..., Any]:
    def prepare(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if switch.on:
            guard.call(_use, instance, args[0] if args else kwargs.get("recipient"))
        return wrapped(*args, **kwargs)

    return prepare


def _use(agent: Any, partner: Any) -> None:
    operation = current_operation()
    if operation is not None:
        first, second = sorted((agent_serials.of(agent), agent_serials.of(partner)))
        operation.use(f"{first}-{second}")
        fresh = agent not in _chatted or partner not in _chatted
        if fresh and not _chooses_speaker(operation):
            # What agents know of each other before they first meet, the application has told them.
            for one, other in ((agent, partner), (partner, agent)):
                for message in one._oai_messages.get(other, ()):
                    introduce_message(message)
        _chatted.update((agent, partner))


def _chooses_speaker(chat: OpenOperation) -> bool:
    """Tell the chat for which AutoGen itself makes two agents that know all that was said in the group."""
    return chat.parent is not None and chat.parent.fact.kind is Kind.SPEAKER


def _append(_: Any, switch: Switch) -> Callable[..., Any]:
    def append(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        if switch.on:
            try:
                introduce_message(args[0] if args else kwargs.get("message"))
            except MISTAKE as error:
                guard.failed(introduce_message, error)
        return wrapped(*args, **kwargs)

    return append


CONVERSATIONS: Final = (
    Patch(
        _AGENT,
        "ConversableAgent._prepare_chat",
        wrap(_prepare),
        "which two agents' history a chat reads and writes, members of a group included",
    ),
    Patch(
        _AGENT,
        "ConversableAgent._append_oai_message",
        wrap(_append),
        "in which request a message was said, so that it is noticed in the prompt of another",
    ),
)
