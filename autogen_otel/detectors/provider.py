"""The provider fails, is too slow or cannot be reached.

Symptom: Requests fail with 500, 502 or 503, with timeouts or with broken connections, whatever they ask.

Cause: The provider, or the network between, does not answer, answers too late, or answers something that is no answer
of a model. It may also be the own pool of connections that is used up.

Fix: Retry what is transient (5xx, timeouts, connections) a few times and with growing pauses, at the edge; give classic
AutoGen a second provider in the `config_list`; set the client's timeout above the slowest answer that you would wait
for:

    llm_config = {"config_list": [first, second], "timeout": 120}          # classic AutoGen
    client = OpenAIChatCompletionClient(model="gpt-4o-mini", timeout=120)  # autogen_agentchat
    config = OpenAIConfig("gpt-4o-mini", timeout=120)                      # ag2

Ask the provider with its own request ID, `autogen.provider.request_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.exceptions import (
    in_words,
    is_connection,
    is_timeout,
    raised_after_answer,
    status_of,
    types_of,
)
from autogen_otel.detectors.findings import agent_of, blame_for, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

_MALFORMED: Final = frozenset(
    {
        *("AttributeError", "IndexError", "JSONDecodeError", "KeyError", "TypeError", "UnicodeDecodeError"),
        *("APIResponseValidationError", "DecodingError", "ValidationError", "ValueError"),
    }
)
_SAYS: Final = {
    "server_error": "answered with a server error",
    "timeout": "did not answer in time",
    "pool": "was not asked: no connection of the pool was free",
    "connection": "could not be reached, or the connection broke",
    "malformed": "answered something that is no answer of a model",
}


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Find where a provider has failed."""
    for failure in request.unrecovered():
        fault, operation = failure.fault, failure.operation
        detail, called = _detail(failure), operation
        if fault in explained:
            continue
        if detail is None and request.cancelled and is_timeout(fault) and operation.kind not in {Kind.TOOL, Kind.CODE}:
            # The application's own deadline: the model call that it broke off is what it waited for.
            detail, called = "timeout", request.cancelled[-1].operation
        if detail is None:
            continue
        explained.add(fault)
        waited = () if called is operation else (Evidence(called.id, "was broken off"),)
        yield Finding(
            Cause.PROVIDER,
            detail,
            f"The provider of model '{called.name}'{agent_of(called)} {_SAYS[detail]} ({in_words(fault)}).",
            not waited and not (detail == "malformed" and operation.kind is not Kind.MODEL),
            (seen(fault), *waited),
            blame_for(fault, called),
        )


def _detail(failure: Failure) -> str | None:
    fault = failure.fault
    if failure.operation.kind is not Kind.MODEL:
        # What is no answer is noticed only behind the call, where AutoGen takes it apart.
        return "malformed" if raised_after_answer(fault) and not _MALFORMED.isdisjoint(types_of(fault)) else None
    status = status_of(fault)
    if status is not None and status >= 400:
        return "server_error" if status >= 500 else "timeout" if status == 408 else None
    for detail, applies in (
        ("pool", "PoolTimeout" in types_of(fault)),
        ("timeout", is_timeout(fault)),
        ("connection", is_connection(fault)),
        ("malformed", not _MALFORMED.isdisjoint(types_of(fault))),
    ):
        if applies:
            return detail
    return None
