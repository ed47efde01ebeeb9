"""A client is used where its connections do not belong: in a forked process, or after its event loop was closed.

Symptom: One worker is fine; with several, users read each other's answers and some requests end in a 500 with broken
connections. Or every second call says that the event loop is closed.

Cause: The client was made and used before the server forked its workers. They inherit its open connections, several
processes write to one socket, and whoever reads first takes the answer. Likewise a client that is kept in a module
while each call runs an event loop of its own: its connections belong to a loop that is closed.

Fix: Make clients and agents after the fork: in the request, or in the hook that the server runs in each new worker
(`post_fork` of gunicorn, `--lazy-apps` of uWSGI), and for each event loop its own:

    def post_fork(server, worker):
        app.agents = build_agents()

A client that was only made before the fork, and not used, is harmless: it has no connections yet. An exporter of
telemetry is such a client: where it has sent anything before the fork, set up its TracerProvider in that hook too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.detectors.exceptions import in_words, is_connection, says, status_of, types_of
from autogen_otel.detectors.findings import MAX_EVIDENCE, blame_for, blame_on, call_of, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Finished
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

_CLOSED: Final = "event loop is closed"
# Of the telemetry of a process, not of an answer.
EXPORTER: Final = "exporter"


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Find clients that brought connections from elsewhere."""
    yield from _forked(request, explained)
    for failure in request.unrecovered():
        fault, operation = failure.fault, failure.operation
        moved = operation.attributes.get(names.CLIENT_LOOP_CLOSED)
        closed = says(fault, _CLOSED) and "RuntimeError" in types_of(fault)
        # A client that was moved from a loop that lives on is no stale one; two loops use it at once.
        if fault in explained or moved is False or not (closed or (moved and is_connection(fault))):
            continue
        explained.add(fault)
        yield Finding(
            Cause.STALE_CLIENT,
            "closed_loop",
            f"{call_of(operation)[:1].upper()}{call_of(operation)[1:]} used a connection of an event loop that is "
            f"closed ({in_words(fault)}).",
            closed,
            (seen(fault),),
            blame_for(fault, operation),
        )
    yield from _exporter(request)


def _forked(request: RequestFacts, explained: Explained) -> Iterator[Finding]:
    calls = [end for end in request.calls if _parent_of(end)]
    if not calls:
        return
    first = calls[0]
    hurt = [failure.fault for failure in request.unrecovered() if _crossed(failure.fault, calls)]
    for fault in hurt:
        explained.add(fault)
    operation, parent = first.operation, _parent_of(first)
    client = operation.attributes.get(names.CLIENT_INSTANCE)
    blamed = blame_for(hurt[0], operation) if hurt else blame_on(operation)
    if client is not None:
        blamed = {**blamed, names.CLIENT_INSTANCE: client}
    yield Finding(
        Cause.STALE_CLIENT,
        "forked",
        f"The client of model '{operation.name}' brought open connections into process {operation.pid} from process "
        f"{parent}, which forked it; both read and write them.",
        True,
        (
            *(seen(fault) for fault in hurt[:2]),
            *(
                Evidence(end.operation.id, f"uses a connection that process {parent} has opened")
                for end in calls[: MAX_EVIDENCE - 2]
            ),
        ),
        blamed,
    )


def _exporter(request: RequestFacts) -> Iterator[Finding]:
    attributes = request.end.attributes if request.end is not None else {}
    parent = attributes.get(names.EXPORTER_FORKED_FROM)
    if parent is None:
        return
    root, thread = request.root, attributes.get(names.EXPORTER_THREAD)
    exporter = str(attributes.get(names.EXPORTER_NAME, "The exporter"))
    lost = (
        f"needs the thread '{thread}', which runs in process {parent} only: what it takes here is never sent"
        if thread
        else f"sends through a connection that process {parent} has opened before it forked; telemetry gets lost"
    )
    yield Finding(
        Cause.STALE_CLIENT,
        EXPORTER,
        f"{exporter} of process {root.pid} {lost}.",
        True,
        (Evidence(root.id, f"{exporter} was started in process {parent}"),),
        {names.PROCESS_PID: root.pid, names.EXPORTER_NAME: exporter},
    )


def _parent_of(end: Finished) -> int:
    found: int = end.operation.attributes.get(names.CLIENT_FORKED_FROM) or end.attributes.get(
        names.CLIENT_FORKED_FROM, 0
    )
    return found


def _crossed(fault: Fault, calls: list[Finished]) -> bool:
    """Tell whether a fault is what becomes of two processes on one socket: no answer, a broken one, a mixed request."""
    return status_of(fault) in {None, 400} and any(
        end.operation.id == fault.operation_id and end.outcome is not Outcome.OK and end.operation.kind is Kind.MODEL
        for end in calls
    )
