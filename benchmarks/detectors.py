"""`python -m benchmarks.detectors [REQUESTS]`: what the detectors cost for each fact, and whether they grow.

The facts are made by hand, so that nothing but the fold is measured: requests of seven operations (a chat, two turns,
two model calls, a tool), two hundred of them open at a time. One in ten has a tool that raises, one in twenty is
refused once, one in fifty shares its conversation with another one. Making the facts is measured by itself and taken
off.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from typing import TYPE_CHECKING, Any, Final

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
    Used,
)
from autogen_otel.detectors.causes import Causes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPEN: Final = 200
_CHAIN: Final = (ExceptionData("KeyError", "'p9'", (Frame("/srv/app/tools.py", 41, "lookup_policy"),)),)
_MODEL: Final = {names.PROVIDER_NAME: "openai", names.SERVER_ADDRESS: "api.example.com"}
_MS: Final = 10**6
Fact = tuple[str, tuple[Any, ...]]


class _Nothing:
    """Takes every fact and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return self._ignore

    def _ignore(self, *facts: Any) -> None:
        pass


def _request(number: int) -> Iterator[Fact]:
    """Yield the facts of one request."""
    first, now, request_id = number * 10 + 1, number * _MS, f"req-{number}"

    def start(place: int, kind: Kind, name: str, above: int | None, **more: Any) -> Operation:
        tool = name if kind is Kind.TOOL else None
        above_id = None if above is None else first + above
        return Operation(
            first + place, kind, name, above_id, request_id, "user", tool, now, 1, "T", None, 1, more.get("with_", {})
        )

    def end(operation: Operation, fault: Fault | None = None, **attributes: Any) -> Fact:
        outcome = Outcome.ERROR if fault else Outcome.OK
        return "finished", (
            Finished(operation, now + 50 * _MS, outcome, None, None, fault, attributes.get("with_", {})),
        )

    root = start(0, Kind.REQUEST, "request", None)
    chat = start(1, Kind.WORKFLOW, "user -> assistant", 0)
    yield "started", (root,)
    yield "started", (chat,)
    yield "used", (Used(chat, "shared" if number % 50 == 0 else f"{number}-{number + 1}"),)
    for turn in (2, 5):
        agent, call = start(turn, Kind.AGENT, "assistant", 1), start(turn + 1, Kind.MODEL, "m", turn, with_=_MODEL)
        yield "started", (agent,)
        yield "started", (call,)
        statuses = [429, 200] if number % 20 == 0 else [200]
        yield end(call, with_={names.MODEL_ATTEMPT_STATUSES: statuses, names.HTTP_STATUS: 200})
        if turn == 2:
            yield from _tool(start(4, Kind.TOOL, "lookup_policy", turn), number, end)
        yield end(agent)
    yield end(chat)
    yield end(root)


def _tool(tool: Operation, number: int, end: Callable[..., Fact]) -> Iterator[Fact]:
    yield "started", (tool,)
    if number % 10:
        yield end(tool)
        return
    fault = Fault(
        f"{number:016x}",
        FaultKind.RAISED,
        _CHAIN,
        "KeyError",
        "",
        tool.request_id,
        "user",
        tool.name,
        tool.id,
        tool.started_ns,
    )
    yield "faulted", (tool, fault)
    yield "settled", (Settled(tool, fault, True),)
    yield end(tool, fault)


def tell(listener: Any, requests: int) -> tuple[int, float]:
    """Tell a listener of requests, 200 of which are open at a time; return the number of facts, and seconds."""
    facts, started = 0, time.perf_counter()
    open_: list[Iterator[Fact]] = []
    begun = 0
    while open_ or begun < requests:
        while len(open_) < _OPEN and begun < requests:
            open_.append(_request(begun))
            begun += 1
        still = []
        for story in open_:
            fact = next(story, None)
            if fact is not None:
                getattr(listener, fact[0])(*fact[1])
                facts += 1
                still.append(story)
        open_ = still
    return facts, time.perf_counter() - started


def main() -> None:
    """Print microseconds for each fact, and how many objects live after the first hundredth and in the end."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    facts, alone = tell(_Nothing(), requests // 20)
    told: list[int] = [0]

    def conclude(*_: Any) -> None:
        told[0] += 1

    _, together = tell(Causes(conclude), requests // 20)
    print(f"{(together - alone) / facts * 1e6:.2f} µs a fact, {told[0]} verdicts on {requests // 20} requests")
    causes = Causes(conclude)
    for part, many in (("a hundredth", requests // 100), ("all", requests - requests // 100)):
        tell(causes, many)
        gc.collect()
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"after {part} of {requests:,} requests: {len(gc.get_objects()):,} objects, {rss:.1f} MiB at most")


if __name__ == "__main__":
    main()
