"""Who speaks next in a team whose model chooses, and when it was not the model who chose.

A model that names no valid speaker is asked again, and then someone else speaks. AutoGen writes a line about that to a
logger which nobody is meant to rely on, and the team goes on as if it had been chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch
from autogen_otel.patching.proxies import Proxy

if TYPE_CHECKING:
    import logging

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_MODULE: Final = "autogen_agentchat.teams._group_chat._selector_group_chat"
_NOT_CHOSEN: Final = "speaker_not_chosen"


def _open_speaker(manager: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    return open_operation(Kind.SPEAKER, Kind.SPEAKER.value)


class _Logger(Proxy):
    """The logger of the module, whose only warnings are these."""

    def __init__(self, logger: logging.Logger, switch: Switch) -> None:
        super().__init__(logger)
        self._self_switch = switch

    def warning(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Tell it in the operation that chooses, and write the line."""
        if self._self_switch.on:
            guard.call(_report, message)
        self.__wrapped__.warning(message, *args, **kwargs)


def _report(message: str) -> None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.SPEAKER:
        current.report(FaultKind.RAISED, _NOT_CHOSEN, message)


SPEAKERS: Final = (
    Patch(_MODULE, "SelectorGroupChatManager.select_speaker", operation(_open_speaker), "who speaks next"),
    Patch(
        _MODULE, "trace_logger", _Logger, "where a model chooses nobody someone else speaks, and only a line says so"
    ),
)
