"""Causes of real chats of classic AutoGen against a real provider: the healthy ones first."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import pytest

pytest.importorskip("autogen", reason="classic AutoGen is not installed")
from support.classic import RETRYING, a_chat, chat, pair

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.demo.provider import (
    Provider,
    Slow,
    Status,
    Text,
    ToolCalls,
    echo_tools,
    failing_first,
    insufficient_quota,
)
from autogen_otel.errors import SharedStateError

POLICIES = {"p1": "covers fire"}


def lookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


def found(recorder) -> dict[str, str]:
    """Return the cause of each request that is not well, as its span tells it."""
    return {
        span.attributes[names.REQUEST_ID]: f"{span.attributes[names.CAUSE]}/{span.attributes[names.CAUSE_DETAIL]}"
        for span in recorder.spans
        if names.CAUSE in span.attributes
    }


def serve(agents, number: int, message: str | None = None, **more) -> None:
    assistant, user = agents
    with autogen_otel.request(f"r-{number}"):
        chat(user, assistant, message or f"question {number}", **more)


def at_once(*calls) -> list[BaseException]:
    """Run calls in a thread each; return what they raised."""
    raised: list[BaseException] = []

    def run(call) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


class Meeting:
    """A script that answers once as many requests are at the provider as there shall be at the same time."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)

    def __call__(self, chat):
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(5)
        return echo_tools(chat)


def test_a_pair_that_serves_one_after_the_other_is_well(recorder, provider):
    """With a history that is cleared in between."""
    agents = pair(provider)
    for number in range(3):
        serve(agents, number)

    assert found(recorder) == {}


def test_a_pair_for_each_request_is_well(recorder):
    """Two at the same time."""
    with Provider(Meeting(2)) as provider:
        at_once(*(lambda number=number: serve(pair(provider), number) for number in range(2)))

    assert (found(recorder), len(recorder.named("request"))) == ({}, 2)


def test_a_shared_pair_behind_a_lock_is_well(recorder, provider):
    """Both requests are open, their chats follow each other."""
    agents, lock, met = pair(provider), threading.Lock(), threading.Barrier(2)

    def handle(number: int) -> None:
        with autogen_otel.request(f"r-{number}"):
            met.wait(5)
            with lock:
                chat(agents[1], agents[0], f"question {number}")

    at_once(*(lambda number=number: handle(number) for number in range(2)))

    assert (found(recorder), len(recorder.named("request"))) == ({}, 2)


def test_a_tool_that_finds_it_in_the_end_is_well(recorder):
    """The model reads the error and asks for another policy."""

    def corrects_itself(chat):
        results = [message for message in chat.messages if message["role"] == "tool"]
        if not results or "Error" in results[-1]["content"]:
            wanted = "p1" if results else "p9"
            return ToolCalls(("lookup_policy", f'{{"policy_id": "{wanted}"}}'))
        return Text("It covers fire. TERMINATE")

    with Provider(corrects_itself) as provider:
        serve(pair(provider, lookup_policy), 1)

    assert (found(recorder), len(recorder.facts.faults)) == ({}, 1)


def test_one_refusal_that_the_client_absorbs_is_well(recorder, impatient):
    """The second attempt is answered."""
    with Provider(failing_first(1, Status(429))) as provider:
        serve(pair(provider, **RETRYING), 1)

    (call,) = recorder.named("chat gpt-4o-mini")
    assert (found(recorder), call.attributes[names.MODEL_ATTEMPT_STATUSES]) == ({}, (429, 200))


def test_a_shared_pair_is_the_cause_of_both_requests(recorder):
    """Two chats of one pair at the same time; both are answered."""
    with Provider(Meeting(2)) as provider:
        agents = pair(provider)
        at_once(*(lambda number=number: serve(agents, number) for number in range(2)))

    causes = {request: cause.partition("/")[0] for request, cause in found(recorder).items()}
    assert causes == {"r-0": "shared_state", "r-1": "shared_state"}


def test_a_history_that_was_kept(recorder, provider):
    """Strictly one after the other."""
    agents = pair(provider)
    for number in range(2):
        serve(agents, number, clear_history=False)

    assert found(recorder) == {"r-1": "shared_state/kept_history"}


def serve_async(agents, number: int) -> None:
    """Serve on an event loop of its own."""
    assistant, user = agents
    with autogen_otel.request(f"r-{number}"):
        asyncio.run(a_chat(user, assistant, f"question {number}"))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("serve", [serve, serve_async])
def test_the_guard_stops_the_call_before_the_provider_sees_it(recorder, serve, stream):
    """The second request enters while the model thinks about the first: it fails, and its text is not sent."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    entered, answer = threading.Event(), threading.Event()

    def slowly(chat):
        entered.set()
        answer.wait(5)
        return Text("An answer. TERMINATE")

    with Provider(slowly) as provider:
        agents = pair(provider, stream=stream)
        first = threading.Thread(target=serve, args=(agents, 1))
        first.start()
        entered.wait(5)
        with pytest.raises(SharedStateError):
            serve(agents, 2)
        answer.set()
        first.join()

    assert len(provider.received) == 1


def test_a_tool_that_raises(recorder, provider):
    """AutoGen answers with a text of it."""
    serve(pair(provider, lookup_policy), 1, 'call lookup_policy {"policy_id": "p9"}')

    assert found(recorder) == {"r-1": "tool_exception/raised"}


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (insufficient_quota(), "rate_limit/quota"),
        (Status(429), "rate_limit/refused"),
        (Status(500), "provider/server_error"),
        (Status(503, "Too Many Requests"), "rate_limit/disguised"),
        (Status(401), "configuration/credentials"),
        (Status(400), "configuration/bad_request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_provider_refuses(recorder, reply, cause):
    """By status and by what it says."""
    with Provider(lambda _: reply) as provider, suppress(Exception):
        serve(pair(provider), 1)

    assert found(recorder) == {"r-1": cause}


async def test_asyncio_run_inside_a_loop(recorder, provider):
    """In a handler of an async framework."""
    assistant, user = pair(provider)
    with suppress(RuntimeError), autogen_otel.request("r-1"):
        asyncio.run(coroutine := a_chat(user, assistant, "question"))
    coroutine.close()

    assert found(recorder) == {"r-1": "async_boundary/nested_run"}


def test_asyncio_run_of_a_result(recorder, provider):
    """The chat has been run, and paid for, before the error."""
    assistant, user = pair(provider)
    with suppress(ValueError), autogen_otel.request("r-1"):
        asyncio.run(user.initiate_chat(assistant, message="question", silent=True))

    assert found(recorder) == {"r-1": "async_boundary/sync_in_async"}


async def test_an_async_tool_that_blocks_lets_others_miss_their_deadline(recorder):
    """Its own request answers; the other one, which did nothing wrong, names it."""
    running = asyncio.Event()

    def asks(number: int) -> bool:
        return any(one.kind is Kind.MODEL and one.request_id == f"r-{number}" for one in recorder.facts.operations)

    async def report(month: str) -> str:
        running.set()
        while not asks(2):  # noqa: ASYNC110 - what is waited for is told to a listener
            await asyncio.sleep(0.001)
        time.sleep(0.9)  # noqa: ASYNC251 - what is tested
        return month

    async def handle(agents, number: int, message: str, seconds: float) -> None:
        with suppress(asyncio.TimeoutError), autogen_otel.request(f"r-{number}"):
            await asyncio.wait_for(a_chat(agents[1], agents[0], message), seconds)

    async def late() -> None:
        await running.wait()
        await handle(pair(provider), 2, "question", 0.7)

    with Provider(
        lambda chat: (
            Slow(1.0, Text("TERMINATE")) if chat.last_user_message["content"] == "question" else echo_tools(chat)
        )
    ) as provider:
        await asyncio.gather(handle(pair(provider, report), 1, 'call report {"month": "May"}', 20), late())

    assert found(recorder) == {"r-2": "async_boundary/blocked_loop"}
