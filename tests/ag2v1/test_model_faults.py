"""Each place where ag2 loses what a model call, or the setting up of a turn, failed with."""

from __future__ import annotations

import asyncio
import importlib
import socket
from typing import Any

import pytest
from support.ag2 import ASSISTANT, HTTPX, agent_of, ask, chain, config, fail, needs, raised, told, wrong

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import (
    BrokenJson,
    Drop,
    Hang,
    Html,
    NoChoices,
    Provider,
    Sequence,
    Status,
    Text,
    echo_tools,
    failing_first,
    rate_limit_exceeded,
)

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent, KnowledgeConfig, MemoryStream, Middleware, observer
from ag2.aggregate import AggregateTrigger
from ag2.compact import CompactTrigger, SummarizeCompact
from ag2.events import ModelRequest, ModelResponse
from ag2.knowledge import MemoryKnowledgeStore
from ag2.middleware import BaseMiddleware, RetryMiddleware
from ag2.observers import BaseObserver
from ag2.watch import DelayWatch, EventWatch

# openai's client tries again after so many seconds.
SOON = 0.001
BOOM = Status(500, "boom", retry_after=SOON)
TURN, CHAT = f"invoke_agent {ASSISTANT}", "chat gpt-4o-mini"


class PolicyError(Exception):
    """An exception of the application."""


POLICY_ERROR = f"{PolicyError.__module__}.PolicyError"


def refusing() -> str:
    """Return the URL of a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def statuses(recorder: Any) -> list[tuple[Any, ...]]:
    """Return of each model call: statuses of its attempts, error."""
    keys = (names.MODEL_ATTEMPT_STATUSES, names.ERROR_TYPE)
    return [tuple(span.attributes.get(key) for key in keys) for span in recorder.named(CHAT)]


# What the provider does


async def test_model_call_tells_what_was_asked_and_answered(recorder, provider):
    """A model call carries model, provider, server, tokens, finish reason and the provider's request ID."""
    await ask(agent_of(provider, config=config(provider, temperature=0.5, max_tokens=50)), "hello")

    (span,) = recorder.named(CHAT)
    wanted = {
        names.PROVIDER_NAME: "openai",
        names.SERVER_ADDRESS: "127.0.0.1",
        names.REQUEST_MODEL: "gpt-4o-mini",
        names.REQUEST_TEMPERATURE: 0.5,
        names.REQUEST_MAX_TOKENS: 50,
        names.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
        names.FINISH_REASONS: ("stop",),
        names.PROVIDER_REQUEST_ID: "req_provider_1",
        names.HTTP_STATUS: 200,
        names.MODEL_ATTEMPTS: 1,
        names.AGENT_NAME: ASSISTANT,
        names.REQUEST_ID: "req-42",
    }
    tokens = (span.attributes[names.INPUT_TOKENS] > 0, span.attributes[names.OUTPUT_TOKENS] > 0)
    assert ({name: span.attributes.get(name) for name in wanted}, tokens) == (wanted, (True, True))


@pytest.mark.parametrize(
    ("reply", "type_"),
    [
        (rate_limit_exceeded(SOON), "RateLimitError"),
        (Status(401, "wrong key"), "AuthenticationError"),
        (Status(400, "bad"), "BadRequestError"),
        (BOOM, "InternalServerError"),
    ],
)
async def test_error_of_the_provider_is_recorded_as_it_is(recorder, reply, type_):
    """An HTTP error is told with its type, message, place, agent and request, once."""
    with Provider(reply) as provider:
        error = await fail(agent_of(provider))

    cause = (f"{HTTPX}.HTTPStatusError", "context")
    assert (told(recorder), chain(recorder), wrong(recorder)) == (
        raised(error),
        [(f"openai.{type_}", ""), cause],
        ["request", TURN, CHAT],
    )


async def test_rate_limit_is_told_with_its_attempts(recorder):
    """A 429 that lasts carries status, number of attempts, retry-after and the provider's request ID."""
    with Provider(rate_limit_exceeded(SOON)) as provider:
        await fail(agent_of(provider, config=config(provider, max_retries=2, timeout=5)))

    (span,) = recorder.named(CHAT)
    keys = (names.HTTP_STATUS, names.MODEL_ATTEMPTS, names.RETRY_AFTER, names.PROVIDER_REQUEST_ID)
    assert ([span.attributes.get(key) for key in keys], recorder.fault.transient) == (
        [429, 3, "1", "req_provider_3"],
        True,
    )


@pytest.mark.parametrize(
    ("reply", "causes"),
    [
        (Drop(), [f"{HTTPX}.RemoteProtocolError", f"{HTTPX.replace('x', 'core', 1)}.RemoteProtocolError"]),
        (None, [f"{HTTPX}.ConnectError", f"{HTTPX.replace('x', 'core', 1)}.ConnectError"]),
    ],
    ids=["drop", "refused"],
)
async def test_broken_connection_is_recorded_with_its_causes(recorder, reply, causes):
    """`Connection error.` is told with the exceptions of httpx that caused it."""
    with Provider(reply or echo_tools) as provider:
        more = {} if reply else {"base_url": refusing()}
        error = await fail(agent_of(provider, config=config(provider, **more)))

    types = [type_ for type_, _ in chain(recorder)]
    assert (told(recorder), types[:3]) == (raised(error), ["openai.APIConnectionError", *causes])


async def test_timeout_is_recorded(recorder):
    """A provider that never answers is told by openai's exception."""
    patience = importlib.import_module(HTTPX).Timeout(5, read=0.1)
    with Provider(Hang()) as provider:
        error = await fail(agent_of(provider, config=config(provider, timeout=patience)))

    assert (told(recorder), chain(recorder)[:2]) == (
        raised(error),
        [("openai.APITimeoutError", ""), (f"{HTTPX}.ReadTimeout", "cause")],
    )


@pytest.mark.parametrize("streaming", [False, True])
async def test_broken_answer_is_told_from_the_applications_own_json(recorder, streaming):
    """A 200 with broken JSON is a bare JSONDecodeError; that it was the provider's is told by the model call."""
    with Provider(BrokenJson()) as provider:
        error = await fail(agent_of(provider, config=config(provider, streaming=streaming)))

    assert (told(recorder), wrong(recorder)) == (
        raised(error, type="json.decoder.JSONDecodeError", function="raw_decode"),
        ["request", TURN, CHAT],
    )


async def test_web_page_instead_of_an_answer(recorder):
    """What a proxy answers is no answer of a model; whatever ag2 makes of it is told in the model call."""
    with Provider(Html()) as provider:
        error = await fail(agent_of(provider))

    assert (told(recorder), wrong(recorder)) == (raised(error), ["request", TURN, CHAT])


@needs(1, 1, 2)
async def test_answer_without_a_choice_shows_no_finish_reason(recorder):
    """A 200 without choices is an empty answer for ag2; the model call shows that the model has not finished."""
    with Provider(NoChoices()) as provider:
        answer = await ask(agent_of(provider), "hello")

    (span,) = recorder.named(CHAT)
    assert (answer, span.attributes.get(names.FINISH_REASONS), recorder.facts.faults) == ("None", None, [])


# What ag2 survives


async def test_retries_of_a_middleware_are_seen_one_by_one(recorder):
    """RetryMiddleware swallows all failures but the last; each is a model call, recorded and masked."""
    with Provider(failing_first(2, BOOM)) as provider:
        agent = agent_of(provider, middleware=[RetryMiddleware(max_retries=2)])
        answer = await ask(agent, "hello")

    types = [fault.type for fault in recorder.facts.faults]
    assert (answer, statuses(recorder), types, recorder.masked, wrong(recorder)) == (
        "hello TERMINATE",
        [((500,), "openai.InternalServerError")] * 2 + [((200,), None)],
        ["openai.InternalServerError"] * 2,
        [True, True],
        [CHAT, CHAT],
    )


class _Full(MemoryKnowledgeStore):
    async def write(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if path.endswith(".jsonl"):
            raise PolicyError("the disk is full")
        return await super().write(path, *args, **kwargs)


async def test_event_log_that_cannot_be_written(recorder, provider):
    """The failure, of which ag2 only writes a log line, is told with agent and request, and masked."""
    knowledge = KnowledgeConfig(store=_Full(), write_event_log=True)

    answer = await ask(agent_of(provider, knowledge=knowledge), "hello")

    assert (answer, recorder.story(), wrong(recorder)) == (
        "hello TERMINATE",
        _story(POLICY_ERROR, "the disk is full", "write", masked=[True]),
        ["invoke_workflow ag2.agent"],
    )


async def test_compaction_that_fails(recorder, provider):
    """The summary's model call goes past all middleware; it is seen, and its failure is told once, masked."""
    with Provider(BOOM) as broken:
        knowledge = KnowledgeConfig(
            store=MemoryKnowledgeStore(),
            compact=SummarizeCompact(target=1, config=config(broken, "gpt-4o")),
            compact_trigger=CompactTrigger(max_events=1),
        )
        answer = await ask(agent_of(provider, knowledge=knowledge), "hello")

    assert (answer, recorder.fault.type, recorder.masked, wrong(recorder), recorder.tree()[1:]) == (
        "hello TERMINATE",
        "openai.InternalServerError",
        [True],
        ["chat gpt-4o"],
        [f"  {TURN}", f"    {CHAT}", "      POST", "    chat gpt-4o!", "      POST!"],
    )


async def test_aggregation_that_fails(recorder, provider):
    """What an aggregation raises is only logged by ag2; it is told with agent and request, and masked."""

    class Forgetting:
        async def aggregate(self, *_: Any) -> None:
            raise PolicyError("no memory")

    knowledge = KnowledgeConfig(
        store=MemoryKnowledgeStore(), aggregate=Forgetting(), aggregate_trigger=AggregateTrigger(every_n_turns=1)
    )
    answer = await ask(agent_of(provider, knowledge=knowledge), "hello")

    assert (answer, recorder.story()) == (
        "hello TERMINATE",
        _story(POLICY_ERROR, "no memory", "aggregate", masked=[True]),
    )


async def test_timer_that_fails_unheard(recorder):
    """What a timer raises is only logged by ag2; it is told with the request in which it was set."""

    async def ring(events: Any, context: Any) -> None:
        raise PolicyError("too late")

    watch = DelayWatch(0)
    with autogen_otel.request("req-42"):
        watch.arm(MemoryStream(), ring)
        await asyncio.wait([watch._task])

    assert recorder.story() == {**_story(POLICY_ERROR, "too late", "ring", masked=[True]), "agent": None}


class _Broken(BaseObserver):
    async def process(self, events: Any, ctx: Any) -> None:
        raise PolicyError("no metrics")


async def test_observer_that_fails_unheard(recorder, provider):
    """What a BaseObserver raises is only logged by ag2; it is told with agent and request, and masked."""
    agent = agent_of(provider, observers=[_Broken("meter", EventWatch(ModelResponse))])

    answer = await ask(agent, "hello")

    assert (answer, recorder.story()) == (
        "hello TERMINATE",
        _story(POLICY_ERROR, "no metrics", "process", masked=[True]),
    )


async def test_background_task_that_fails_unheard(recorder, provider):
    """A task for which nobody waits is told with the request in which it was started."""

    async def background() -> None:
        raise PolicyError("nobody waits")

    def start(event: Any, ctx: Any) -> None:
        ctx.spawn_background(background())

    async def astart(event: ModelRequest, ctx: ag2.Context) -> None:
        start(event, ctx)

    await ask(agent_of(provider, observers=[observer(ModelRequest, astart)]), "hello")

    assert recorder.story() == _story(POLICY_ERROR, "nobody waits", "background", masked=[True])


# What the application gets


def _hook(event: Any) -> None:
    raise PolicyError("no")


async def test_observer_that_ends_the_turn(recorder, provider):
    """What a plain observer raises ends the turn, and is told in it."""
    error = await fail(agent_of(provider, observers=[observer(ModelResponse, _hook)]))

    assert (recorder.story(), type(error)) == (_story(POLICY_ERROR, "no", "_hook"), PolicyError)


class _Turn(BaseMiddleware):
    async def on_turn(self, call_next: Any, event: Any, context: Any) -> Any:
        raise PolicyError("no turn")


class _Call(BaseMiddleware):
    async def on_llm_call(self, call_next: Any, events: Any, context: Any) -> Any:
        raise PolicyError("no call")


class _Made(BaseMiddleware):
    def __init__(self, event: Any, context: Any) -> None:
        raise PolicyError("no middleware")


@pytest.mark.parametrize(
    ("middleware", "message", "function"),
    [(_Turn, "no turn", "on_turn"), (_Call, "no call", "on_llm_call"), (_Made, "no middleware", "__init__")],
)
async def test_middleware_that_fails(recorder, provider, middleware, message, function):
    """What a middleware raises, also while it is made, is told in the turn."""
    await fail(agent_of(provider, middleware=[Middleware(middleware)]))

    assert (recorder.story(), wrong(recorder)) == (_story(POLICY_ERROR, message, function), ["request", TURN])


async def test_agent_without_a_model(recorder):
    """A turn that cannot be set up is told with agent and request."""
    error = await fail(Agent(ASSISTANT))

    assert (told(recorder), wrong(recorder)) == (raised(error), ["request", TURN])


async def test_client_without_a_key(recorder, provider, monkeypatch):
    """A key that is missing is found when the client is made, before any middleware runs."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    error = await fail(agent_of(provider, config=config(provider, api_key=None)))

    assert told(recorder) == raised(error)


async def test_prompt_that_fails(recorder, provider):
    """A prompt that is made by a function fails before any middleware runs."""

    def prompt(event: Any) -> str:
        raise PolicyError("no prompt")

    await fail(Agent(ASSISTANT, prompt, config=config(provider)))

    assert recorder.story() == _story(POLICY_ERROR, "no prompt", "prompt")


async def test_reply_that_goes_on(recorder):
    """A conversation that goes on by `reply.ask` fails in a turn of the same agent."""
    with Provider(Sequence([Text("fine"), BOOM])) as provider:
        reply = await agent_of(provider).ask("hello")
        with pytest.raises(Exception) as caught, autogen_otel.request("req-42"):  # noqa: PT011 - compared below
            await reply.ask("go on")

    assert told(recorder) == raised(caught.value)


async def test_turn_that_nobody_waits_for(recorder):
    """A run that is left without its result drops what it failed with; it is recorded."""
    with Provider(BOOM) as provider, autogen_otel.request("req-42"):
        async with agent_of(provider).run("hello") as run:
            run.start()
            await asyncio.wait([run._AgentRun__task], timeout=10)

    assert {**recorder.story(), "message": "boom"} == _story("openai.InternalServerError", "boom", "request")


def _story(type_: str, message: str, function: str, **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "message": message,
        "function": function,
        "agent": ASSISTANT,
        "tool": None,
        "request": "req-42",
        "kind": "raised",
        "masked": [False],
        **more,
    }
