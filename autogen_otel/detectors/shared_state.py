"""Something that belongs to one request is used by another one.

Symptom: Alone every request is fine; under load users read each other's text, mostly with status 200, and some requests
fail with a 400 of the provider or an odd exception of AutoGen's.

Cause: Agents, teams and group chats keep their conversation in themselves. Requests that share one clear, write and
read the same history, so that a prompt holds parts of several conversations; with a history that is kept, one after the
other is enough. The same goes for a list or dict of a module that tools or prompts use, for a file that several
processes write, and for the ID of an answer that a client of the Responses API keeps.

Fix: Build what holds a conversation inside the request, and keep what must outlive it in a store, under the ID of the
session:

    def handle(prompt):        # classic AutoGen
        assistant, user = build_agents()
        return user.initiate_chat(assistant, message=prompt)

    async def handle(prompt):  # autogen_agentchat
        return await build_team().run(task=prompt)

    async def handle(prompt):  # ag2: share the agent, no stream
        return await agent.ask(prompt)

Where the turns of one conversation are requests of their own, say so: `autogen_otel.request(id, session=session_id)`.
A dict that tools must share needs a lock around reading and writing; `autogen_otel.watch` tells of lost updates. A
cache on disk that several processes use needs a folder for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.exceptions import in_words, raised_in_autogen, says, status_of, types_of
from autogen_otel.detectors.findings import MAX_EVIDENCE, blame_for, blame_on, call_of, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

_OWN_CALLS: Final = frozenset({Kind.TOOL, Kind.CODE})
_LOCKED: Final = ("database is locked", "database table is locked")
# What `autogen_agentchat` says when a team that works for one request is given to another.
_BUSY: Final = ("the team is already running",)


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Find what this request shared with others."""
    consequences = [failure for failure in request.unrecovered() if _follows(failure)]
    found = [*_crossings(request), *_overlaps(request)]
    for place, finding in enumerate(found):
        # The first one explains what the provider or AutoGen made of a mixed conversation.
        if place == 0:
            told = tuple(seen(failure.fault) for failure in consequences)
            yield Finding(
                finding.cause,
                finding.detail,
                finding.summary,
                finding.certain,
                (*finding.evidence[: MAX_EVIDENCE - len(told[:2])], *told[:2]),
                finding.blame,
            )
            for failure in consequences:
                explained.add(failure.fault)
        else:
            yield finding
    yield from _lost_updates(request)
    yield from _files(request, explained)


def _crossings(request: RequestFacts) -> Iterator[Finding]:
    for live in (True, False):
        crossings = [one for one in request.crossings if one.live is live]
        if not crossings:
            continue
        others = list(dict.fromkeys(one.other_id for one in crossings))
        operation, agent = crossings[0].operation, crossings[0].agent
        who = f"agent '{agent}'" if agent else f"model '{operation.name}'"
        yield Finding(
            Cause.SHARED_STATE,
            "foreign_message" if live else "kept_history",
            f"The prompt of {who} held what was said in {_requests(others)}"
            + (", which ran at the same time." if live else ", which had ended before."),
            True,
            tuple(
                Evidence(one.operation.id, f"the prompt holds a message of request {one.other_id}")
                for one in crossings[:MAX_EVIDENCE]
            ),
            blame_on(operation, agent),
        )


def _overlaps(request: RequestFacts) -> Iterator[Finding]:
    if not request.overlaps:
        return
    others = list(dict.fromkeys(one.other.request_id for one in request.overlaps))
    first = request.overlaps[0]
    yield Finding(
        Cause.SHARED_STATE,
        "overlap",
        f"{_capital(call_of(first.own))} used the same conversation as {_requests(others)}, at the same time.",
        True,
        tuple(
            dict.fromkeys(
                evidence
                for one in request.overlaps[: MAX_EVIDENCE // 2]
                for evidence in (
                    Evidence(one.own.id, f"uses conversation {one.conversation}"),
                    Evidence(one.other.id, f"uses conversation {one.conversation}, in request {one.other.request_id}"),
                )
            )
        ),
        blame_on(first.own, request.agents.get(first.own.id), **{names.CONVERSATIONS: first.conversation}),
    )


def _lost_updates(request: RequestFacts) -> Iterator[Finding]:
    for end in request.lost_updates[:1]:
        attributes = {**end.operation.attributes, **end.attributes}
        lost = ", ".join(str(name) for name in attributes[names.STATE_LOST_UPDATES])
        others = [str(other) for other in attributes.get(names.FOREIGN_REQUESTS, ())]
        by = f" that {_requests(others)} had written" if others else " of another request"
        yield Finding(
            Cause.SHARED_STATE,
            "lost_update",
            f"{_capital(call_of(end.operation))} overwrote a value of {lost}{by} since it was read.",
            True,
            tuple(
                Evidence(one.operation.id, f"overwrites {lost}{by} meanwhile")
                for one in request.lost_updates[:MAX_EVIDENCE]
            ),
            blame_on(end.operation, **{names.STATE_WATCHED: lost}),
        )


def _files(request: RequestFacts, explained: Explained) -> Iterator[Finding]:
    for failure in request.unrecovered():
        fault = failure.fault
        if fault in explained or failure.operation.kind in _OWN_CALLS:
            continue
        if says(fault, *_LOCKED) and not types_of(fault).isdisjoint({"OperationalError", "Timeout"}):
            detail, what = "locked_file", "A database file is written by several processes or threads at once"
        elif says(fault, *_BUSY) and raised_in_autogen(fault):
            detail, what = "overlap", "A team was given to a request while it worked for another one"
        elif "SharedStateError" in types_of(fault):
            detail, what = "refused", "The model call was stopped before it could mix two requests"
        else:
            continue
        explained.add(fault)
        yield Finding(
            Cause.SHARED_STATE,
            detail,
            f"{what}: {in_words(fault)}",
            True,
            (seen(fault),),
            blame_for(fault, failure.operation),
        )


def _follows(failure: Failure) -> bool:
    """Tell whether a fault is what becomes of a mixed conversation: a prompt that is refused, or lost bearings."""
    fault, kind = failure.fault, failure.operation.kind
    if kind in _OWN_CALLS:
        return False
    if "SharedStateError" in types_of(fault):
        return True
    status = status_of(fault)
    if kind is Kind.MODEL or status is not None:
        return status in {400, 422} and not says(fault, "content_filter", "content management policy")
    return raised_in_autogen(fault) or kind is Kind.REQUEST


def _requests(ids: list[str]) -> str:
    shown = ", ".join(ids[:3])
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"request{'s' if len(ids) > 1 else ''} {shown}{more}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
