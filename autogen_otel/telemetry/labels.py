"""Labels of metrics. Each distinct value is a time series for ever, so their number is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind

if TYPE_CHECKING:
    from autogen_otel.core.facts import Fault, Operation

MAX_VALUES: Final = 200
MAX_MADE: Final = 2_000
_COPIED: Final = (names.PROVIDER_NAME, names.REQUEST_MODEL)


class OperationLabels(NamedTuple):
    """The labels of an operation's duration and, if it is a model call, of its tokens."""

    duration: dict[str, str]
    input_tokens: dict[str, str]
    output_tokens: dict[str, str]


class Labels:
    """Makes the labels of one measurement.

    Of each label the first 200 values are kept; later ones, and tool names that the model made up, become `_OTHER`,
    the fallback that the conventions give for `error.type`.
    """

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}
        self._made: dict[tuple[object, ...], OperationLabels] = {}

    def of(self, operation: Operation, error_type: str | None) -> OperationLabels:
        """Return the labels of an operation's measurements; not to be changed, for they are made once."""
        attributes = operation.attributes
        key = (
            operation.kind,
            operation.name,
            operation.agent_name,
            error_type,
            attributes.get(names.PROVIDER_NAME),
            attributes.get(names.TOOL_KNOWN, True),
        )
        made = self._made.get(key)
        if made is None:
            labels = self._make(operation, error_type)
            made = OperationLabels(
                labels, {**labels, names.TOKEN_TYPE: "input"}, {**labels, names.TOKEN_TYPE: "output"}
            )
            if len(self._made) < MAX_MADE:
                self._made[key] = made
        return made

    def _make(self, operation: Operation, error_type: str | None) -> dict[str, str]:
        kind = operation.kind
        # The other histograms are of one operation each, as the conventions have it.
        labels = {names.OPERATION_NAME: kind.value} if kind is Kind.MODEL else {}
        if operation.agent_name is not None and kind is not Kind.WORKFLOW:
            labels[names.AGENT_NAME] = self._bounded(names.AGENT_NAME, operation.agent_name)
        if kind is Kind.WORKFLOW:
            labels[names.WORKFLOW_NAME] = self._bounded(names.WORKFLOW_NAME, operation.name)
        elif kind is Kind.TOOL:
            known = operation.attributes.get(names.TOOL_KNOWN, True)
            labels[names.TOOL_NAME] = self._bounded(names.TOOL_NAME, operation.name) if known else names.OTHER
        elif kind is Kind.MODEL:
            for key in _COPIED:
                value = operation.attributes.get(key)
                if value is not None:
                    labels[key] = self._bounded(key, value)
        if error_type is not None:
            labels[names.ERROR_TYPE] = self._bounded(names.ERROR_TYPE, error_type)
        return labels

    def of_fault(self, fault: Fault, *, masked: bool) -> dict[str, str | bool]:
        """Return the labels under which a fault is counted."""
        labels: dict[str, str | bool] = {
            names.ERROR_TYPE: self._bounded(names.ERROR_TYPE, fault.type),
            names.FAULT_KIND: fault.kind.value,
            names.FAULT_MASKED: masked,
        }
        if fault.agent_name is not None:
            labels[names.AGENT_NAME] = self._bounded(names.AGENT_NAME, fault.agent_name)
        if fault.tool_name is not None:
            known = fault.kind is not FaultKind.UNKNOWN_TOOL
            labels[names.TOOL_NAME] = self._bounded(names.TOOL_NAME, fault.tool_name) if known else names.OTHER
        return labels

    def _bounded(self, label: str, value: str) -> str:
        seen = self._seen.get(label)
        if seen is None:
            seen = self._seen.setdefault(label, set())
        if value in seen:
            return value
        if len(seen) >= MAX_VALUES:
            return names.OTHER
        seen.add(value)
        return value
