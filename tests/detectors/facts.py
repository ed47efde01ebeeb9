"""Facts made by hand, as real requests tell them; real ones are in the tests of the AutoGen lines."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.core.facts import (
    ExceptionData,
    Fault,
    FaultKind,
    Finished,
    Frame,
    Kind,
    Operation,
    Outcome,
    Settled,
    Stalled,
    Used,
)
from autogen_otel.detectors.causes import Causes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.core.causes import Finding, Verdict

MS = 10**6
START = 1_795_000_000 * 10**9
PACKAGES = "/srv/venv/lib/python3.12/site-packages"
APP = Frame("/srv/app/tools.py", 41, "lookup_policy")
AUTOGEN = Frame(f"{PACKAGES}/autogen/agentchat/groupchat.py", 600, "select_speaker")
OPENAI = Frame(f"{PACKAGES}/openai/_base_client.py", 1290, "request")
RUNNERS = Frame("/usr/lib/python3.12/asyncio/runners.py", 191, "run")

_ids = itertools.count(1)
_fault_ids = itertools.count(1)


class Facts:
    """Facts in the order in which they are told, by a clock that a test moves.

    Attributes:
        told: Name of the fold's method, and what it gets.
    """

    def __init__(self, pid: int = 100, speed: float = 1.0) -> None:
        self.told: list[tuple[str, Any]] = []
        self.pid = pid
        self._now = START
        self._speed = speed

    def after(self, ms: float) -> Facts:
        """Let time go by."""
        self._now += int(ms * self._speed * MS)
        return self

    def open(
        self,
        kind: Kind,
        name: str,
        above: Operation | None = None,
        request: str | None = None,
        loop: int | None = None,
        agent: str | None = None,
        **attributes: Any,
    ) -> Operation:
        """Start an operation; attributes are given by the names of the constants in `core.names`."""
        operation = Operation(
            next(_ids),
            kind,
            name,
            above.id if above else None,
            request or (above.request_id if above else "r-1"),
            agent or (above.agent_name if above else None),
            name if kind is Kind.TOOL else None,
            self._now,
            self.pid,
            "MainThread",
            loop if loop is not None else (above.loop if above else None),
            1,
            _named(attributes),
        )
        self.told.append(("started", (operation,)))
        self.after(1)
        return operation

    def close(
        self, operation: Operation, fault: Fault | None = None, outcome: Outcome | None = None, **attributes: Any
    ) -> None:
        """End an operation, with the fault that passed through it."""
        self.after(1)
        outcome = outcome or (Outcome.ERROR if fault else Outcome.OK)
        type_, message = (fault.type, fault.message) if fault else (None, None)
        end = Finished(operation, self._now, outcome, type_, message, fault, _named(attributes))
        self.told.append(("finished", (end,)))

    def fault(
        self,
        operation: Operation,
        type_: str,
        message: str = "",
        at: Frame = APP,
        kind: FaultKind = FaultKind.RAISED,
        caused_by: ExceptionData | None = None,
        transient: bool | None = None,
        **fields: Any,
    ) -> Fault:
        """Record an exception in an operation."""
        chain = (ExceptionData(type_, message, (at,)), *((caused_by,) if caused_by else ()))
        fault = Fault(
            f"{next(_fault_ids):016x}",
            kind,
            chain,
            f"{type_} {at.function}",
            "",
            operation.request_id,
            operation.agent_name,
            operation.tool_name,
            operation.id,
            self._now,
            transient,
            _named(fields),
        )
        self.told.append(("faulted", (operation, fault)))
        return fault

    def settle(self, operation: Operation, fault: Fault, *, masked: bool) -> None:
        """Tell whether AutoGen answered on."""
        self.told.append(("settled", (Settled(operation, fault, masked),)))

    def use(self, operation: Operation, conversation: str) -> None:
        """Begin to use a conversation."""
        self.told.append(("used", (Used(operation, conversation),)))

    def stall(self, operation: Operation, ms: float) -> None:
        """Block the event loop for a while that begins now."""
        started, ended = self._now, self.after(ms)._now
        self.told.append(("stalled", (Stalled(operation, started, ended),)))

    # Whole calls

    def request(self, request: str = "r-1", **more: Any) -> tuple[Operation, Operation]:
        """Start a request with a chat in it."""
        root = self.open(Kind.REQUEST, "request", request=request, **more)
        return root, self.open(Kind.WORKFLOW, "user -> assistant", root)

    def model(self, above: Operation, ms: float = 50, **attributes: Any) -> Operation:
        """Make a model call that goes well; what is not known beforehand is told at its end."""
        later = {name: attributes.pop(name) for name in ("MODEL_ATTEMPT_STATUSES",) if name in attributes}
        call = self.open(Kind.MODEL, "gpt-4o-mini", above, SERVER_ADDRESS="api.example.com", **attributes)
        self.after(ms).close(call, **later)
        return call

    def failing_model(
        self, above: Operation, type_: str, message: str = "", *, ms: float = 50, start: Any = None, **fields: Any
    ) -> tuple[Operation, Fault]:
        """Make a model call that raises; `fields` as on the exception."""
        call = self.open(Kind.MODEL, "gpt-4o-mini", above, SERVER_ADDRESS="api.example.com", **(start or {}))
        statuses = fields.pop("statuses", None)
        fault = self.after(ms).fault(call, type_, message, OPENAI, **fields)
        self.close(call, fault, **({"MODEL_ATTEMPT_STATUSES": statuses} if statuses else {}))
        return call, fault

    def failing_tool(
        self, above: Operation, name: str = "lookup_policy", type_: str = "KeyError", message: str = "'p9'", **more: Any
    ) -> tuple[Operation, Fault]:
        """Make a tool call that raises, of which AutoGen makes a text."""
        call = self.open(Kind.TOOL, name, above, agent="user")
        fault = self.fault(call, type_, message, **more)
        self.settle(call, fault, masked=True)
        self.close(call, fault)
        return call, fault

    def tool(self, above: Operation, name: str = "lookup_policy", ms: float = 5) -> Operation:
        """Make a tool call that goes well."""
        call = self.open(Kind.TOOL, name, above, agent="user")
        self.after(ms).close(call)
        return call

    def end(self, *operations: Operation, fault: Fault | None = None) -> None:
        """End operations, the innermost first, all with the same fault."""
        for operation in reversed(operations):
            if fault is not None and operation.parent_id is not None and operation.kind is Kind.WORKFLOW:
                self.settle(operation, fault, masked=False)
            self.close(operation, fault)


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    return {getattr(names, name): value for name, value in attributes.items()}


def verdicts(*stories: Facts | Iterable[tuple[str, Any]]) -> list[Verdict]:
    """Return what the fold concludes from facts."""
    found: list[Verdict] = []
    causes = Causes(lambda _, verdict: found.append(verdict))
    for story in stories:
        for method, facts in story.told if isinstance(story, Facts) else story:
            getattr(causes, method)(*facts)
    return found


def findings(*stories: Facts) -> dict[str, list[str]]:
    """Return for each request that is not well what was found, as `cause/detail`; `?` stands for a hint."""
    return {
        verdict.request_id: [f"{one.cause.value}/{one.detail}{'' if one.certain else '?'}" for one in verdict.findings]
        for verdict in verdicts(*stories)
    }


def only(*stories: Facts) -> Finding:
    """Return the only finding."""
    ((finding,),) = [verdict.findings for verdict in verdicts(*stories)]
    return finding
