"""Sync and async code call each other in the wrong way.

Symptom: It worked in a script; behind a web framework it fails every time, answers 200 and speaks of event loops or
coroutines, or requests time out in heaps while the provider is well.

Cause: `asyncio.run` takes a coroutine, and no thread whose event loop runs already; `initiate_chat` returns a result.
What is bound to one event loop, a client, a lock or a team, cannot be used on another. And a plain call that takes long
(`time.sleep`, `requests.get`, a sync chat) inside async code keeps everybody else on that event loop from going on:
their timeouts expire, though it is not they who are slow.

Fix: Choose one mode. In an async application await `user.a_initiate_chat(...)`, in autogen_agentchat `team.run(...)`,
in ag2 `agent.ask(...)`; make tools `async def`, never call `asyncio.run`, and hand to a thread what must block:

    async def look_up(city: str) -> str:
        return await asyncio.to_thread(slow_look_up, city)

Make clients and teams inside the event loop that uses them, one loop for a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.detectors.exceptions import in_words, is_timeout, says, short_place, types_of
from autogen_otel.detectors.findings import MAX_EVIDENCE, blame_for, blame_on, call_of, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Operation
    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import Stall, World

# What Python itself, and AutoGen, say; by detail.
_SAYS: Final[dict[str, tuple[str, ...]]] = {
    "nested_run": (
        "cannot be called from a running event loop",
        "this event loop is already running",
        "cannot run the event loop while another loop is running",
    ),
    "sync_in_async": (
        "a coroutine was expected, got",
        "an asyncio.future, a coroutine or an awaitable is required",
        "can't be used in 'await' expression",
        "object can't be awaited",
        "async reply functions can only be used with",
        "no running event loop",
        "there is no current event loop in thread",
    ),
    "never_awaited": (
        "was never awaited",
        "'coroutine' object has no attribute",
        "'coroutine' object is not",
        "object of type coroutine is not json serializable",
        "unable to serialize unknown type: <class 'coroutine'>",
        "'async_generator' object has no attribute",
        "argument of type 'coroutine'",
    ),
    "foreign_loop": (
        "is bound to a different event loop",
        "attached to a different loop",
        "the future belongs to a different loop",
    ),
}
_TYPES: Final = frozenset(
    {"RuntimeError", "RuntimeWarning", "TypeError", "ValueError", "AttributeError", "PydanticSerializationError"}
)
_WORDS: Final = {
    "nested_run": "An event loop was to be run inside one that runs already",
    "sync_in_async": "Sync code stands where async code must, or the other way round",
    "never_awaited": "A coroutine was never awaited",
    "foreign_loop": "Something that belongs to one event loop was used on another",
}


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:
    """Find calls in the wrong mode, and who kept the event loop while this request waited."""
    found: dict[str, list[Failure]] = {}
    for failure in request.unrecovered():
        detail = _detail(failure.fault, failure.operation)
        if detail is not None and failure.fault not in explained:
            found.setdefault(detail, []).append(failure)
            explained.add(failure.fault)
    for detail, failures in found.items():
        # A tool that was called in the wrong mode is why what is made of its result fails as well.
        first = next((one for one in failures if one.operation.kind is Kind.TOOL), failures[0])
        fault, operation = first.fault, first.operation
        yield Finding(
            Cause.ASYNC_BOUNDARY,
            detail,
            f"{_WORDS[detail]}, in {call_of(operation)}{short_place(fault)} ({in_words(fault)}).",
            True,
            tuple(seen(one.fault) for one in (first, *(one for one in failures if one is not first)))[:MAX_EVIDENCE],
            blame_for(fault, operation),
        )
    yield from _blocked(request, world, explained)


def _detail(fault: Fault, operation: Operation) -> str | None:
    if not types_of(fault).isdisjoint(_TYPES):
        for detail, phrases in _SAYS.items():
            if says(fault, *phrases):
                return detail
        if says(fault, "event loop is closed") and operation.attributes.get(names.CLIENT_LOOP_CLOSED) is False:
            return "foreign_loop"
    return None


def _blocked(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:
    """Find who blocked the event loop on which this request ran out of time."""
    for waited, until_ns, failure in _waits(request, explained):
        stalls = [one for one in world.stalls(waited.pid, waited.loop) if one.operation.id != waited.id]
        blocked_ns = _covered(stalls, waited.started_ns, until_ns)
        whole_ns = until_ns - waited.started_ns
        if not blocked_ns or not _explains(stalls, blocked_ns, whole_ns, until_ns):
            continue
        if failure is None and 2 * blocked_ns < whole_ns:
            # Who goes away does not say why; to have been kept for the most part is the least of a hint.
            continue
        longest = max(stalls, key=lambda one: _covered([one], waited.started_ns, until_ns))
        blamed = longest.operation
        of = "" if longest.root_id == request.root.id else f" of request {blamed.request_id}"
        took_ms = (longest.ended_ns - longest.started_ns) // 10**6
        if failure is not None:
            explained.add(failure.fault)
        yield Finding(
            Cause.ASYNC_BOUNDARY,
            "blocked_loop",
            f"{call_of(blamed)[:1].upper()}{call_of(blamed)[1:]}{of} kept the event loop for {took_ms} ms, "
            f"while {call_of(waited)} had to wait.",
            failure is not None and 2 * blocked_ns >= whole_ns,
            (
                seen(failure.fault) if failure is not None else Evidence(waited.id, "was broken off while it waited"),
                Evidence(blamed.id, f"kept the event loop for {took_ms} ms"),
            )[:MAX_EVIDENCE],
            blame_on(blamed),
        )
        return


def _waits(request: RequestFacts, explained: Explained) -> Iterator[tuple[Operation, int, Failure | None]]:
    """Yield what ran out of time in a request: an operation, until when it waited, and its fault."""
    for failure in request.unrecovered():
        fault, operation = failure.fault, failure.operation
        if is_timeout(fault) and fault not in explained and operation.kind not in {Kind.TOOL, Kind.CODE}:
            yield operation, fault.time_ns, failure
            if operation.kind is not Kind.MODEL:
                for end in request.cancelled:
                    yield end.operation, end.ended_ns, failure
    if request.end is not None and request.end.outcome is Outcome.CANCELLED:
        yield request.root, request.end.ended_ns, None
        for end in request.cancelled:
            yield end.operation, end.ended_ns, None


def _explains(stalls: list[Stall], blocked_ns: int, whole_ns: int, until_ns: int) -> bool:
    """Tell whether a wait was too long because of stalls: for a good part of it, or until one of them was over."""
    at_the_end = any(0 <= until_ns - one.ended_ns <= (one.ended_ns - one.started_ns) // 4 for one in stalls)
    return (8 if at_the_end else 4) * blocked_ns >= whole_ns


def _covered(stalls: list[Stall], started_ns: int, ended_ns: int) -> int:
    """Return for how long the loop was blocked between two times; stalls may contain each other."""
    covered, reached = 0, started_ns
    for stall in sorted(stalls, key=lambda one: one.started_ns):
        begin, end = max(stall.started_ns, reached), min(stall.ended_ns, ended_ns)
        if end > begin:
            covered += end - begin
            reached = end
    return covered
