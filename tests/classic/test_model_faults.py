"""Each place where classic AutoGen loses what a model call failed with."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from opentelemetry import baggage, context
from support.classic import (
    ASSISTANT,
    ATTEMPTS,
    HTTPX,
    RETRYING,
    VERSION,
    a_chat,
    assistant_of,
    autogen,
    chain,
    chat,
    config,
    count_without_download,
    llm_config,
    needs,
    pair,
    raised,
    refusing,
    told,
    tune,
    user_of,
)

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import (
    BrokenJson,
    Drop,
    DropMidway,
    Hang,
    Html,
    NoChoices,
    Provider,
    Status,
    echo_tools,
    insufficient_quota,
    per_model,
    rate_limit_exceeded,
)

# openai's client tries again after so many seconds.
SOON = 0.001
BOOM = Status(500, "boom", retry_after=SOON)
BAD_NAME = "Invalid 'messages[2].name': string does not match pattern. Expected a string that matches the pattern ..."


def fail(provider: Provider, *, timeout: float = 5, **more: Any) -> BaseException:
    """Chat in request req-42 and return what the application catches."""
    assistant, user = pair(provider, **more)
    tune(assistant, timeout=timeout)
    with pytest.raises(Exception) as caught, autogen_otel.request("req-42"):  # noqa: PT011 - each test looks at it
        chat(user, assistant, "hello")
    return caught.value


def models(recorder: Any) -> list[tuple[Any, ...]]:
    """Return of each model call: model, place in the config_list, statuses of its attempts, error."""
    keys = (names.REQUEST_MODEL, names.MODEL_CONFIG_INDEX, names.MODEL_ATTEMPT_STATUSES, names.ERROR_TYPE)
    return [tuple(span.attributes.get(key) for key in keys) for span in recorder.spans if span.name.startswith("chat ")]


def wrong(recorder: Any) -> list[str]:
    """Return the names of the spans whose status is ERROR, without those of HTTP attempts."""
    return [span.name for span in recorder.spans if not span.status.is_ok and span.name != "POST"]


# What the application sees unchanged


@pytest.mark.parametrize(
    ("reply", "type_"),
    [
        (rate_limit_exceeded(SOON), "RateLimitError"),
        (insufficient_quota(SOON), "RateLimitError"),
        (BOOM, "InternalServerError"),
        (Status(400, "bad"), "BadRequestError"),
        (Status(400, "filtered", error_code="content_filter"), "BadRequestError"),
        (Status(401, "who are you"), "AuthenticationError"),
    ],
)
def test_error_of_the_provider_is_recorded_as_it_is(recorder, reply, type_):
    """An HTTP error is told with its type, message, place, agent and request."""
    with Provider(reply) as provider:
        error = fail(provider)

    cause = (f"{HTTPX}.HTTPStatusError", "context")
    assert (told(recorder), chain(recorder)) == (raised(error), [(f"openai.{type_}", ""), cause])


@pytest.mark.parametrize(
    ("reply", "causes"),
    [
        (Drop(), [f"{HTTPX}.RemoteProtocolError", f"{HTTPX.replace('x', 'core', 1)}.RemoteProtocolError"]),
        (None, [f"{HTTPX}.ConnectError", f"{HTTPX.replace('x', 'core', 1)}.ConnectError", "ConnectionRefusedError"]),
    ],
    ids=["drop", "refused"],
)
def test_broken_connection_is_recorded_with_its_causes(recorder, reply, causes):
    """`Connection error.` is told with the exceptions of httpx and the socket that caused it."""
    with Provider(reply or echo_tools) as provider:
        error = fail(provider, **({} if reply else {"base_url": refusing()}))

    types = [type_ for type_, _ in chain(recorder)]
    assert (told(recorder), types) == (raised(error), ["openai.APIConnectionError", *causes])


@pytest.mark.parametrize(
    ("reply", "type_", "function"),
    [
        (BrokenJson(), "json.decoder.JSONDecodeError", "raw_decode"),
        (Html(), "AttributeError", "_cost_with_customized_price"),
        (NoChoices(), "IndexError", "_generate_oai_reply_from_client"),
    ],
)
def test_answer_that_is_none_is_recorded(recorder, reply, type_, function):
    """A 200 that holds no answer fails somewhere in a library; the agent and request are told with it."""
    with Provider(reply) as provider:
        error = fail(provider)

    assert told(recorder) == raised(error, type=type_, function=function)


@needs(0, 10)
@pytest.mark.parametrize("client", ["responses", "responses_v2"])
def test_client_of_the_responses_api_is_a_model_call_too(recorder, provider, client):
    """AutoGen's other clients of openai are observed alike; this provider does not know their API."""
    entry = config(provider, api_type=client)
    del entry["price"]
    assistant = assistant_of(entry)

    with pytest.raises(Exception, match="404") as caught, autogen_otel.request("req-42"):
        chat(user_of(assistant), assistant, "hello")

    assert (told(recorder), models(recorder)) == (
        raised(caught.value),
        [("gpt-4o-mini", 0, (404,), "openai.NotFoundError")],
    )


# What AutoGen makes another exception of


def test_timeout_is_told_by_what_timed_out(recorder):
    """The application gets a builtin TimeoutError; recorded and handed back is openai's."""
    with Provider(Hang()) as provider:
        error = fail(provider, timeout=0.1)

    original = autogen_otel.original_exception(error)
    assert (type(error), told(recorder), chain(recorder)[:2]) == (
        TimeoutError,
        raised(original),
        [("openai.APITimeoutError", ""), (f"{HTTPX}.ReadTimeout", "cause")],
    )


async def test_timeout_of_an_async_chat_is_told_by_what_timed_out(recorder):
    """An executor makes yet another TimeoutError of it; the chain that leads to openai's is given back."""
    with Provider(Hang()) as provider:
        assistant = tune(assistant_of(config(provider)), timeout=0.1)
        with pytest.raises(TimeoutError) as caught, autogen_otel.request("req-42"):
            await a_chat(user_of(assistant), assistant, "hello")

    original = autogen_otel.original_exception(caught.value)
    assert (type(original).__name__, told(recorder)) == ("APITimeoutError", raised(original))


@needs(0, 9)
def test_value_error_about_a_name_is_told_by_the_400(recorder):
    """`This error typically occurs when the agent name ...` was a BadRequestError, and that is recorded."""
    with Provider(Status(400, BAD_NAME)) as provider:
        error = fail(provider)

    original = autogen_otel.original_exception(error)
    assert (type(error), told(recorder), recorder.fault.fields[names.HTTP_STATUS], original.status_code) == (
        ValueError,
        raised(original),
        400,
        400,
    )


# What AutoGen survives


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("broken", ["500", "refused", "timeout"])
def test_fallback_shows_each_attempt(recorder, broken, asynchronous):
    """The first entry of a config_list fails, the second answers: both calls are spans, and the fault is masked."""
    steps = {"gpt-4o": {"500": BOOM, "timeout": Hang()}.get(broken, echo_tools)}
    with Provider(per_model(steps)) as provider:
        more = {"base_url": refusing()} if broken == "refused" else {}
        assistant = tune(assistant_of(config(provider, model="gpt-4o", **more), config(provider)), timeout=0.2)

        with autogen_otel.request("req-42"):
            if asynchronous:
                answer = asyncio.run(a_chat(user_of(assistant), assistant, "hello"))
            else:
                answer = chat(user_of(assistant), assistant, "hello")

    found = {key: told(recorder)[key] for key in ("agent", "request", "masked")}
    status, type_ = {
        "500": (500, "openai.InternalServerError"),
        "refused": (0, "openai.APIConnectionError"),
        "timeout": (0, "openai.APITimeoutError"),
    }[broken]
    assert (answer, found, models(recorder), wrong(recorder)) == (
        "hello TERMINATE",
        {"agent": ASSISTANT, "request": "req-42", "masked": [True]},
        [("gpt-4o", 0, (status,) * ATTEMPTS, type_), ("gpt-4o-mini", 1, (200,), None)],
        ["chat gpt-4o"],
    )


def test_fallback_that_fails_too_is_two_faults(recorder):
    """When the last entry fails as well, the application sees its fault; that of the first is masked."""
    with Provider(per_model({"gpt-4o": BOOM}, otherwise=Status(400, "bad"))) as provider:
        assistant = assistant_of(config(provider, model="gpt-4o"), config(provider))

        with pytest.raises(Exception, match="bad"), autogen_otel.request("req-42"):
            chat(user_of(assistant), assistant, "hello")

    settled = {fact.fault.type: fact.masked for fact in recorder.facts.settlements}
    assert settled == {"openai.InternalServerError": True, "openai.BadRequestError": False}


@pytest.mark.parametrize("in_request", [True, False])
def test_fallback_of_a_wrapper_alone(recorder, in_request):
    """`OpenAIWrapper.create`, called by the application itself, is one workflow with both attempts."""
    with Provider(per_model({"gpt-4o": BOOM})) as provider:
        wrapper = autogen.OpenAIWrapper(**llm_config(config(provider, model="gpt-4o"), config(provider)))
        message = {"role": "user", "content": "hello"}

        if in_request:
            with autogen_otel.request("req-42"):
                wrapper.create(messages=[message])
        else:
            wrapper.create(messages=[message])

    assert (models(recorder), recorder.masked, wrong(recorder), len(recorder.traces)) == (
        [("gpt-4o", 0, (500,) * ATTEMPTS, "openai.InternalServerError"), ("gpt-4o-mini", 1, (200,), None)],
        [True],
        ["chat gpt-4o"],
        1,
    )


def test_failure_of_a_wrapper_alone(recorder):
    """Its failure is the application's to see."""
    with Provider(BOOM) as provider:
        wrapper = autogen.OpenAIWrapper(**llm_config(config(provider)))

        with pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
            wrapper.create(messages=[{"role": "user", "content": "hello"}])

    assert told(recorder) == raised(caught.value, agent=None)


class Resetting:
    """A model client of the application whose connection is always reset."""

    def __init__(self, config: dict[str, Any], **more: Any) -> None:
        self.model = config["model"]

    def create(self, params: dict[str, Any]) -> Any:
        raise ConnectionResetError("by peer")

    def message_retrieval(self, response: Any) -> list[str]:
        return []

    def cost(self, response: Any) -> float:
        return 0.0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {}


def test_error_of_another_client_is_not_survived(recorder, provider):
    """An error that is none of openai's is raised at once: the healthy second entry is never tried."""
    assistant = assistant_of(
        {"model": "mine", "model_client_cls": "Resetting", **({"api_key": "-"} if VERSION == (0, 9) else {})},
        config(provider),
    )
    assistant.register_model_client(Resetting)

    with pytest.raises(ConnectionResetError) as caught, autogen_otel.request("req-42"):
        chat(user_of(assistant), assistant, "hello")

    assert (told(recorder), models(recorder)) == (
        raised(caught.value, function="create"),
        [("mine", 0, None, "ConnectionResetError")],
    )


@needs(0, 10)
def test_round_robin_fails_on_each_broken_entry(recorder):
    """Each second call fails though the other entry is healthy; the failed call names its place in the config_list."""
    with Provider(per_model({"gpt-4o": BOOM})) as provider:
        configs = llm_config(config(provider), config(provider, model="gpt-4o"), routing_method="round_robin")
        assistant = autogen.AssistantAgent(ASSISTANT, llm_config=configs)
        user = user_of(assistant)

        chat(user, assistant, "hello")
        with pytest.raises(Exception, match="boom"), autogen_otel.request("req-42"):
            chat(user, assistant, "hello")

    assert models(recorder) == [("gpt-4o-mini", 0, (200,), None), ("gpt-4o", 1, (500,), "openai.InternalServerError")]


# What a span of a model call tells


def test_model_call_tells_tokens_and_provider(recorder, provider):
    """Tokens, models, attempts and the provider's request ID stand on the span."""
    assistant, user = pair(provider)

    chat(user, assistant, "hello")

    (span,) = recorder.named("chat gpt-4o-mini")
    (received,) = provider.received
    found = {
        key: value for key, value in span.attributes.items() if key.startswith(("gen_ai", "autogen.", "http", "server"))
    }
    del found[names.REQUEST_ID], found[names.CLIENT_INSTANCE]
    assert (span.kind.name, found) == (
        "CLIENT",
        {
            names.OPERATION_NAME: "chat",
            names.PROVIDER_NAME: "openai",
            names.SERVER_ADDRESS: "127.0.0.1",
            names.SERVER_PORT: int(provider.base_url.rpartition(":")[2].partition("/")[0]),
            names.AGENT_NAME: ASSISTANT,
            names.REQUEST_MODEL: "gpt-4o-mini",
            names.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
            names.RESPONSE_ID: "chatcmpl-provider-1",
            names.FINISH_REASONS: ("stop",),
            names.INPUT_TOKENS: found[names.INPUT_TOKENS],
            names.OUTPUT_TOKENS: 2,
            names.MODEL_CONFIG_INDEX: 0,
            names.MODEL_ATTEMPTS: 1,
            names.MODEL_ATTEMPT_STATUSES: (200,),
            names.PROVIDER_REQUEST_ID: received.request_id,
            names.HTTP_STATUS: 200,
            names.REQUESTS_IN_FLIGHT: 1,
        },
    )


def test_rate_limit_that_the_client_has_hidden(recorder):
    """Two 429s before an answer are told, with each attempt's status, though no exception ever left the client."""
    replies = iter([rate_limit_exceeded(SOON), rate_limit_exceeded(SOON)])
    with Provider(lambda asked: next(replies, None) or echo_tools(asked)) as provider:
        assistant, user = pair(provider, **RETRYING)
        chat(user, assistant, "hello")

    (span,) = recorder.named("chat gpt-4o-mini")
    assert (span.attributes[names.MODEL_ATTEMPTS], span.attributes[names.MODEL_ATTEMPT_STATUSES], wrong(recorder)) == (
        3,
        (429, 429, 200),
        [],
    )


def test_rate_limit_after_all_retries(recorder):
    """A 429 after the client's own retries is told with the number of attempts and when to come back."""
    with Provider(rate_limit_exceeded(SOON)) as provider:
        fail(provider, **RETRYING)

    (span,) = recorder.named("chat gpt-4o-mini")
    keys = (names.MODEL_ATTEMPTS, names.MODEL_ATTEMPT_STATUSES, names.HTTP_STATUS, names.RETRY_AFTER)
    more = (names.PROVIDER_REQUEST_ID, names.PROVIDER_ERROR_CODE, names.FAULT_TRANSIENT, names.ERROR_TYPE)
    assert [span.attributes.get(key) for key in (*keys, *more)] == [
        3,
        (429, 429, 429),
        429,
        "1",
        "req_provider_3",
        "rate_limit_exceeded",
        True,
        "openai.RateLimitError",
    ]


# HTTP attempts


def test_each_attempt_is_a_span(recorder):
    """The three attempts of a retried call are three HTTP spans below it, each with its status."""
    with Provider(rate_limit_exceeded(SOON)) as provider:
        fail(provider, **RETRYING)

    (call,) = recorder.named("chat gpt-4o-mini")
    attempts = [
        (
            span.parent.span_id == call.context.span_id,
            span.attributes[names.REQUEST_ID],
            span.attributes[names.AGENT_NAME],
        )
        for span in recorder.named("POST")
    ]
    assert attempts == [(True, "req-42", ASSISTANT)] * 3


def test_provider_gets_the_trace_and_nothing_else(recorder, provider):
    """`traceparent` of the attempt goes to the provider; the baggage and the request's ID do not."""
    assistant, user = pair(provider)
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        with autogen_otel.request("req-42"):
            chat(user, assistant, "hello")
    finally:
        context.detach(token)

    ((received,), (attempt,)) = provider.received, recorder.named("POST")
    trace = f"00-{attempt.context.trace_id:032x}-{attempt.context.span_id:016x}"
    sent = received.headers
    assert (sent["traceparent"][:-3], "baggage" in sent, "req-42" in str(sent) + str(received.body)) == (
        trace,
        False,
        False,
    )


def test_calls_of_the_application_stay_as_they_are(recorder, provider):
    """A call of the same client outside a request makes no span and carries no `traceparent`."""
    openai = pytest.importorskip("openai")
    assistant, user = pair(provider)
    chat(user, assistant, "hello")
    recorder.application.spans.clear()

    client = openai.OpenAI(api_key="sk-mine", base_url=provider.base_url)
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])

    assert (recorder.tree(), "traceparent" in provider.received[-1].headers) == ([], False)


# Streams and caches


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stream without the network."""
    count_without_download(monkeypatch)


@pytest.mark.usefixtures("counting")
def test_streamed_call_is_one_span_with_its_tokens(recorder, provider):
    """A streamed answer is told when it is whole."""
    assistant = tune(assistant_of(config(provider)), stream=True)

    answer = chat(user_of(assistant), assistant, "hello there")

    (span,) = recorder.named("chat gpt-4o-mini")
    keys = (names.REQUEST_STREAM, names.OUTPUT_TOKENS, names.RESPONSE_MODEL, names.MODEL_ATTEMPT_STATUSES)
    assert (answer, [span.attributes.get(key) for key in keys]) == (
        "hello there TERMINATE",
        [True, 3 if VERSION >= (0, 10) else 4, "gpt-4o-mini-2024-07-18", (200,)],
    )


@pytest.mark.usefixtures("counting")
def test_stream_that_breaks_off_is_recorded(recorder):
    """A connection that goes away in the middle of a stream fails the model call."""
    with Provider(DropMidway()) as provider:
        assistant = tune(assistant_of(config(provider)), stream=True)
        with pytest.raises(Exception, match=r"[Cc]onnection") as caught, autogen_otel.request("req-42"):
            chat(user_of(assistant), assistant, "hello")

    assert (told(recorder), f"{HTTPX}.RemoteProtocolError" in [type_ for type_, _ in chain(recorder)]) == (
        raised(caught.value),
        True,
    )


def test_cached_answer_is_marked_and_uses_no_tokens(recorder, provider, tmp_path):
    """An answer from AutoGen's cache is a model call without attempts and without tokens."""
    assistant, user = pair(provider)
    with autogen.Cache.disk(cache_seed=1, cache_path_root=str(tmp_path)) as cache:
        chat(user, assistant, "hello", cache=cache)
        used = recorder.points(names.TOKEN_USAGE)
        chat(user, assistant, "hello", cache=cache)

    calls = [
        (span.name, *(span.attributes.get(key) for key in (names.CACHE_HIT, names.MODEL_ATTEMPTS, names.OUTPUT_TOKENS)))
        for span in recorder.named("chat gpt-4o-mini")
    ]
    assert (len(provider.received), calls, [point.sum for point in recorder.points(names.TOKEN_USAGE)]) == (
        1,
        [("chat gpt-4o-mini", None, 1, 2), ("chat gpt-4o-mini", True, None, None)],
        [point.sum for point in used],
    )


def test_cached_answer_after_a_failed_entry(recorder, tmp_path):
    """The second entry answers from the cache: the first one's fault is masked, the cached answer is marked."""
    with Provider(per_model({"gpt-4o": BOOM})) as provider, autogen.Cache.disk(1, str(tmp_path)) as cache:
        assistant = assistant_of(config(provider, model="gpt-4o"), config(provider))
        user = user_of(assistant)
        chat(user, assistant, "hello", cache=cache)
        recorder.application.spans.clear()
        chat(user, assistant, "hello", cache=cache)

    assert (models(recorder), recorder.masked) == (
        [("gpt-4o", 0, (500,) * ATTEMPTS, "openai.InternalServerError"), ("gpt-4o-mini", 1, None, None)],
        [True, True],
    )


def test_client_that_is_replaced_is_no_cache(recorder, provider):
    """A call that cannot be observed, because an object's own method was replaced, is not taken for a cached answer."""
    assistant, user = pair(provider)
    client = assistant.client._clients[0]
    client.create = functools.partial(type(client).create, client)

    answer = chat(user, assistant, "hello")

    assert (answer, models(recorder)) == ("hello TERMINATE", [])


# Another instrumentation of model calls


def chats(recorder: Any) -> list[tuple[str, str]]:
    """Return the model calls: request ID, and whose span it is."""
    return [
        (span.attributes[names.REQUEST_ID], span.instrumentation_scope.name)
        for span in recorder.spans
        if span.attributes.get(names.OPERATION_NAME) == "chat"
    ]


@pytest.fixture
def genai_openai() -> Any:
    """Switch on OpenTelemetry's instrumentation of openai."""
    yield from _switched_on("opentelemetry.instrumentation.genai.openai")


@pytest.fixture(params=["opentelemetry.instrumentation.genai.openai", "openinference.instrumentation.openai"])
def another(request: pytest.FixtureRequest) -> Any:
    """Switch on an instrumentation of openai; they wrap it in different places."""
    yield from _switched_on(request.param)


def _switched_on(package: str) -> Any:
    instrumentor = pytest.importorskip(package).OpenAIInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()


@pytest.mark.usefixtures("another")
async def test_no_second_span_beside_another_instrumentation(recorder, provider):
    """With another instrumentation of openai a model call is one span, theirs, with our request ID."""
    assistant, user = pair(provider)

    with autogen_otel.request("req-42"):
        await a_chat(user, assistant, "hello")

    between = [span for span in recorder.spans if span.instrumentation_scope.name.endswith("openai")]
    ours = [span.name for span in recorder.spans if span.name.startswith("chat ") and span not in between]
    assert ([span.attributes[names.REQUEST_ID] for span in between], ours) == (["req-42"], [])


@pytest.mark.usefixtures("genai_openai")
def test_fault_beside_opentelemetrys_own(recorder):
    """Their span has ended when the fault is known, so the exception stands on ours around it; a fallback is masked."""
    with Provider(per_model({"gpt-4o": BOOM})) as provider, autogen_otel.request("req-42"):
        assistant = assistant_of(config(provider, model="gpt-4o"), config(provider))
        chat(user_of(assistant), assistant, "hello")

    events = [(span.name, event.attributes[names.EXCEPTION_TYPE]) for span in recorder.spans for event in span.events]
    (line,) = recorder.events("fault")
    assert (events, recorder.masked, "trace_id" in line) == (
        [("invoke_agent assistant", "openai.InternalServerError")],
        [True],
        True,
    )


@needs(0, 10)
@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_no_second_span_beside_autogens_own(application, provider, monkeypatch, request, first):
    """With AutoGen's own tracing a model call is one span, theirs, with our request ID; the order does not matter."""
    opentelemetry = pytest.importorskip("autogen.opentelemetry")
    # It has no way to take itself back.
    monkeypatch.setattr(autogen.OpenAIWrapper, "create", autogen.OpenAIWrapper.create)
    if first == "ours":
        autogen_otel.instrument()
    from opentelemetry import trace

    opentelemetry.instrument_llm_wrapper(tracer_provider=trace.get_tracer_provider())
    recorder = request.getfixturevalue("recorder")
    assistant, user = pair(provider)

    with autogen_otel.request("req-42"):
        await a_chat(user, assistant, "hello")

    ((request_id, scope),) = chats(recorder)
    assert (request_id, scope.startswith("autogen_otel")) == ("req-42", False)
