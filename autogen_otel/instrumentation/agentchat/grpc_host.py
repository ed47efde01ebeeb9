"""The host of AutoGen's runtime over gRPC: the questions that it loses, and the answers that it gives to somebody else.

The host knows who waits for an answer by the worker that was asked and by the question's number, and each worker counts
its own. Of two workers that ask a third one at once with the same number it forgets the first; whatever is
answered first goes to the second, and the first waits for ever. So does everyone who has asked a worker that is gone.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core.facts import FaultKind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import PerObject
from autogen_otel.instrumentation.agentchat.grpc_messages import open_lost, origin_of
from autogen_otel.instrumentation.agentchat.messages import adopt
from autogen_otel.instrumentation.carrier import REQUEST_ID
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_HOST: Final = "autogen_ext.runtimes.grpc._worker_runtime_host"
_SERVICER: Final = f"{_HOST}_servicer"
_NO_AGENT: Final = "agent_not_found"
_LOST: Final = "question_lost"
_CROSSED: Final = "answer_crossed"
_GONE: Final = "worker_gone"


class _Question(NamedTuple):
    """A question that waits for its answer.

    Attributes:
        request: As it came from the worker that asks.
        answer: What the host waits for.
    """

    request: Any
    answer: asyncio.Future[Any]


class _Host:
    """What is known of a host: the questions that wait, by the worker that was asked and their number.

    Attributes:
        questions: Those that the host knows.
        stopping: Whether it is being stopped: then every worker is gone, and nobody waits.
    """

    __slots__ = ("questions", "stopping")

    def __init__(self, _: Any) -> None:
        self.questions: dict[tuple[str, str], _Question] = {}
        self.stopping = False


_hosts: Final = PerObject(_Host)


def _tell(request: Any, type_: str, text: str) -> None:
    """Tell what became of a question, in the request for which it was asked."""

    def tell() -> None:
        adopt(origin_of(request))
        opened = open_lost(request)
        opened.unheard = True
        opened.report(FaultKind.BROKEN, type_, text)
        opened.finish()

    copy_context().run(tell)


def _deliver(_: Any, switch: Switch) -> Callable[..., Any]:
    async def process_request(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        request = args[0] if args else kwargs["request"]
        if switch.on:
            guard.call(_look_for_agent, instance, request)
        result = await wrapped(*args, **kwargs)
        if switch.on:
            guard.call(_note_question, instance, request)
        return result

    return process_request


def _look_for_agent(servicer: Any, request: Any) -> None:
    client = servicer._agent_type_to_client_id.get(request.target.type)
    if servicer._data_connections.get(client) is None:
        text = f"no worker has agent type {request.target.type}; the message is dropped, and its sender waits for ever"
        _tell(request, _NO_AGENT, text)


def _note_question(servicer: Any, request: Any) -> None:
    client = servicer._agent_type_to_client_id.get(request.target.type)
    answer = servicer._pending_responses.get(client, {}).get(request.request_id)
    if answer is None:
        return
    questions, key = _hosts.of(servicer).questions, (client, request.request_id)
    before, questions[key] = questions.get(key), _Question(request, answer)
    if before is not None and before.answer is not answer and not before.answer.done():
        text = (
            f"the host has forgotten it over question {request.request_id} of another worker to the same one; "
            "its sender waits for ever"
        )
        _tell(before.request, _LOST, text)


def _answer(_: Any, switch: Switch) -> Callable[..., Any]:
    def process_response(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        if switch.on:
            guard.call(_compare, instance, *args, **kwargs)
        return wrapped(*args, **kwargs)

    return process_response


def _compare(servicer: Any, response: Any, client_id: str) -> None:
    question = _hosts.of(servicer).questions.pop((client_id, response.request_id), None)
    if question is None:
        return
    asked, answered = (message.metadata.get(REQUEST_ID) for message in (question.request, response))
    if asked and answered and asked != answered:
        text = f"its sender gets the answer to a question of request {answered}, which had the same number"
        _tell(question.request, _CROSSED, text)


def _wait(_: Any, switch: Switch) -> Callable[..., Any]:
    async def wait_and_send(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        except asyncio.CancelledError:
            if switch.on:
                guard.call(_gone, instance, *args, **kwargs)
            raise

    return wait_and_send


def _gone(servicer: Any, future: asyncio.Future[Any], client_id: str) -> None:
    host = _hosts.of(servicer)
    found = next((key for key, question in host.questions.items() if question.answer is future), None)
    question = host.questions.pop(found) if found else None
    if question is None or not future.cancelled() or host.stopping or client_id not in servicer._data_connections:
        return
    text = f"the worker that has agent type {question.request.target.type} is gone; the sender waits for ever"
    _tell(question.request, _GONE, text)


def _stop(_: Any, switch: Switch) -> Callable[..., Any]:
    def stop(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        if switch.on:
            guard.call(_note_stop, instance)
        return wrapped(*args, **kwargs)

    return stop


def _note_stop(host: Any) -> None:
    _hosts.of(host._servicer).stopping = True


GRPC_HOST: Final = tuple(
    Patch(module, path, wrap(make), why)
    for module, path, make, why in (
        (
            _SERVICER,
            "GrpcWorkerAgentRuntimeHostServicer._process_request",
            _deliver,
            "drops a message to an agent that no worker has, and forgets one over another of the same number",
        ),
        (
            _SERVICER,
            "GrpcWorkerAgentRuntimeHostServicer._process_response",
            _answer,
            "gives an answer to whoever has asked last with this number",
        ),
        (
            _SERVICER,
            "GrpcWorkerAgentRuntimeHostServicer._wait_and_send_response",
            _wait,
            "is cancelled when the worker that was asked is gone; who has asked hears nothing",
        ),
        (_HOST, "GrpcWorkerAgentRuntimeHost.stop", _stop, "every worker is gone then, and that is no fault"),
    )
)
