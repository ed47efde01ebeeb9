"""Teams: one workflow for each run, the original exception behind its RuntimeError, and runs that stop short.

A failure inside a team travels as a text: each place that catches one makes a `SerializableException` of it, and
`run_stream` raises a RuntimeError of that text. The original is left on the `SerializableException`, which is passed on
by reference, and becomes the RuntimeError's cause.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import PerObject
from autogen_otel.faults.marks import fault_of, recorded_fault
from autogen_otel.instrumentation.agentchat.classes import is_left
from autogen_otel.instrumentation.agentchat.conversations import use_team
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.core.facts import Fault
    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_ORIGINAL: Final = "__autogen_otel_original__"
_FALSE_ALARM: Final = "__autogen_otel_false_alarm__"
_EVENTS: Final = "autogen_agentchat.teams._group_chat._events"
_CONTAINER: Final = "autogen_agentchat.teams._group_chat._chat_agent_container"
_STOPPED: Final = "The group chat is stopped."
_OTHER: Final = "other"
# Stop reasons in AutoGen's own words; others may be what the model or a user has said.
_REASONS: Final = re.compile(
    r"The group chat |An exception occurred in the runtime|An error occurred in the group chat|Maximum number of "
    r"|Stop message received|Functional termination condition met|External termination requested|Timeout of "
    r"|Handoff to |Token usage limit|Text message received from |Function '|Max rounds |Digraph execution is complete"
)


class _Original:
    """Holds an exception on a message; a copy and a pickle of the message leave it behind."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def __reduce__(self) -> tuple[type[_Original], tuple[()]]:
        return _Original, ()


class _Team:
    """What is remembered of a team: the fault with which a run of it has failed."""

    __slots__ = ("failed_with",)

    def __init__(self, _: Any) -> None:
        self.failed_with: Fault | None = None

    def failing(self, opened: OpenOperation, error: BaseException) -> None:
        """Give the error of a run its cause, and remember it."""
        _give_back(error)
        self.failed_with = fault_of(error, opened.fact.request_id) or self.failed_with


_teams: Final = PerObject(_Team)


def _keep_original(_: Any, switch: Switch) -> Callable[..., Any]:
    def from_exception(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        made = wrapped(*args, **kwargs)
        if switch.on:
            guard.call(_keep, made, args[0] if args else kwargs["exc"])
        return made

    return from_exception


def _keep(made: Any, error: BaseException) -> None:
    if is_false_alarm(error):
        return
    # Not in a table of ours: the exception's frames refer to `made`, so neither would ever go.
    made.__dict__[_ORIGINAL] = _Original(error)
    current = current_operation()
    if current is not None and recorded_fault(error, current.fact.request_id) is None:
        current.catch(error)


def _give_back(error: BaseException) -> None:
    """Give the RuntimeError of a team its cause."""
    if type(error) is not RuntimeError or error.__cause__ is not None:
        return
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == "run_stream":
            termination = traceback.tb_frame.f_locals.get("message")
            original = getattr(getattr(termination, "error", None), _ORIGINAL, None)
            if isinstance(original, _Original) and str(getattr(termination, "error", "")) == str(error):
                error.__cause__ = original.error
        traceback = traceback.tb_next


def team_run(meet: Callable[[Any], None], content: bool) -> Callable[[Any, Switch], Any]:
    """Return the `Patch.replace` of a team's `run_stream`.

    Args:
        meet: Told of the team's model client, None if it has none.
        content: Whether stop reasons that are not AutoGen's own words are to be recorded.
    """

    def opening(team: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
        meet(getattr(team, "_model_client", None))
        opened = open_operation(Kind.WORKFLOW, team.name, attributes={names.WORKFLOW_NAME: team.name})
        use_team(opened, team)
        opened.on_failure = _teams.of(team).failing
        return opened

    def closing(opened: OpenOperation, item: Any) -> None:
        if type(item).__name__ != "TaskResult":
            return
        opened.signal = is_left
        reason = item.stop_reason
        if reason is not None:
            opened.attributes[names.TEAM_STOP_REASON] = reason if content or _REASONS.match(reason) else _OTHER
        if reason == _STOPPED:
            team = getattr(opened.on_failure, "__self__", None)
            opened.report(FaultKind.BROKEN, "team_stopped", _what_stopped_it(getattr(team, "failed_with", None)))

    return operation(opening, closing, stream=True)


def _what_stopped_it(earlier: Fault | None) -> str:
    """Say why a team fell silent: after a failure it takes the agent that failed for one that is still speaking."""
    if earlier is None:
        return "the team stopped with nobody to speak, before anything had ended the chat"
    return f"the team stopped early because a run before has left it broken: {earlier.type} (fault {earlier.id})"


# The false errors of healthy agents


def is_false_alarm(error: BaseException) -> bool:
    """Tell the exception by which a healthy agent answers the news that another one has failed."""
    return error.__dict__.get(_FALSE_ALARM, False) is True


def _mark_false_alarm(_: Any, switch: Switch) -> Callable[..., Any]:
    async def unhandled(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            return await wrapped(*args, **kwargs)
        except ValueError as error:
            message = args[0] if args else kwargs.get("message")
            if switch.on and type(message).__name__ == "GroupChatError":
                error.__dict__[_FALSE_ALARM] = True
            raise

    return unhandled


class _FalseAlarms(logging.Filter):
    """Takes the log lines of false alarms down to DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and is_false_alarm(error):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True


def failures(patches: Patches) -> tuple[Patch, ...]:
    """Return the patches of how a failure travels through a team."""
    mark = wrap(_mark_false_alarm)

    def mark_and_filter(original: Any, switch: Switch) -> Any:
        logger, alarms = logging.getLogger("autogen_core"), _FalseAlarms()
        logger.addFilter(alarms)
        patches.on_undo(lambda: logger.removeFilter(alarms))
        return mark(original, switch)

    return (
        Patch(
            _EVENTS,
            "SerializableException.from_exception",
            wrap(_keep_original),
            "makes a text of each exception inside a team",
        ),
        Patch(
            _CONTAINER,
            "ChatAgentContainer.on_unhandled_message",
            mark_and_filter,
            "when one agent fails, each healthy one raises too; that is no fault",
        ),
    )
