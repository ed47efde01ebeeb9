"""Agents: one operation for each turn, whichever of its methods an agent is asked by.

Agents override the methods in which they answer, so each class of agents is patched as it is met: those that exist at
once, others when their first agent is made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import agent_serials
from autogen_otel.instrumentation.agentchat.classes import is_left, meet_below
from autogen_otel.instrumentation.agentchat.conversations import use_context
from autogen_otel.instrumentation.agentchat.spans import asked_in_team
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.shapes import around
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.instrumentation.agentchat.models import ModelClients
    from autogen_otel.instrumentation.code_runs import CodeExecutors
    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_AGENT: Final = "autogen_agentchat.agents._base_chat_agent"
_CONTAINER: Final = "autogen_agentchat.teams._group_chat._chat_agent_container"


class Agents:
    """Observes the turns of agents, whichever of its four methods an agent is asked by."""

    def __init__(self, patches: Patches, models: ModelClients, executors: CodeExecutors) -> None:
        self._patches = patches
        self._models = models
        self._executors = executors
        turn, stream = operation(self._open), wrap(self._make_stream)
        self.methods: Final = {
            "run": turn,
            "run_stream": stream,
            "on_messages": turn,
            "on_messages_stream": stream,
        }

    def meet_class(self, cls: type) -> None:
        """Observe a class of agents."""
        for name, replace in self.methods.items():
            self._patches.weave_class(cls, name, replace, "an agent's turn")

    def _make_stream(self, function: Any, switch: Switch) -> Callable[..., Any]:
        observed = around(function, self._open, _close, switch, stream=True)

        def stream(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
            # Nothing stands between the steps of a stream that is a part of the turn.
            if not switch.on or guard.call(_has_turn, instance):
                return wrapped(*args, **kwargs)
            return observed(wrapped, instance, args, kwargs)

        return stream

    def _open(self, agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:
        if _has_turn(agent):
            return None
        self._models.meet(getattr(agent, "_model_client", None))
        self._executors.weave(getattr(agent, "_code_executor", None))
        name = agent.name
        attributes = {
            names.AGENT_INSTANCE: agent_serials.of(agent),
            names.AGENT_DESCRIPTION: str(agent.description)[:1_024],
        }
        agent_id = asked_in_team(name)
        if agent_id is not None:
            attributes[names.AGENT_ID] = agent_id
        opened = open_operation(Kind.AGENT, name, agent=name, attributes=attributes)
        use_context(opened, agent)
        if agent_id is not None:
            token = args[1] if len(args) > 1 else kwargs.get("cancellation_token")
            opened.on_failure = _unless_cancelled(token)
        return opened

    def patches(self) -> tuple[Patch, ...]:
        """Return the patches that agents share, and those that show their classes."""
        return (
            *(
                Patch(_AGENT, f"BaseChatAgent.{name}", replace, "an agent's turn")
                for name, replace in self.methods.items()
            ),
            Patch(
                _AGENT,
                "BaseChatAgent.__init__",
                self._meet_all,
                "shows each class of agents, which overrides these methods",
            ),
            Patch(
                _CONTAINER,
                "ChatAgentContainer.__init__",
                _meeting(self.meet_class, lambda _, args, kwargs: kwargs["agent"] if "agent" in kwargs else args[2]),
                "shows the class of a member of a team that is no BaseChatAgent",
            ),
        )

    def _meet_all(self, original: Any, switch: Switch) -> Any:
        meet_below(f"{_AGENT}.BaseChatAgent", self.meet_class)
        return _meeting(self.meet_class, lambda agent, _args, _kwargs: agent)(original, switch)


def _has_turn(agent: Any) -> bool:
    """Tell whether an agent's turn is under way: one of its methods calls the next."""
    current = current_operation()
    if current is None or current.fact.kind is not Kind.AGENT:
        return False
    return bool(current.fact.attributes.get(names.AGENT_INSTANCE) == agent_serials.of(agent))


def _close(opened: OpenOperation, item: Any) -> None:
    if type(item).__name__ in {"Response", "TaskResult"}:
        opened.signal = is_left


def _unless_cancelled(token: Any) -> Callable[[OpenOperation, BaseException], None]:
    """Return what looks at a failure in a team: one that is no `Exception` reaches nobody, and the team waits for ever.

    Args:
        token: The CancellationToken of the team; when it is cancelled the team ends.
    """

    def look(opened: OpenOperation, error: BaseException) -> None:
        if isinstance(error, (Exception, GeneratorExit)):
            return
        cancelling = getattr(asyncio.current_task(), "cancelling", None)
        ends = token.is_cancelled() or (cancelling is not None and cancelling() > 0)
        opened.unheard = not (isinstance(error, asyncio.CancelledError) and ends)

    return look


def _meeting(meet: Callable[[type], None], which: Callable[[Any, Args, Kwargs], Any]) -> Callable[[Any, Switch], Any]:
    """Return the `Patch.replace` of a constructor that shows the class of an agent."""

    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        def init(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> None:
            wrapped(*args, **kwargs)
            if switch.on:
                guard.call(lambda: meet(type(which(instance, args, kwargs))))

        return init

    return wrap(make)
