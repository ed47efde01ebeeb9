"""The scripted provider: what a client gets for each reply, and what the provider says about it afterwards."""

import asyncio
import json
import os
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from autogen_otel.demo.provider import (
    BrokenJson,
    Drop,
    DropMidway,
    Hang,
    Html,
    NoChoices,
    RateLimit,
    Sequence,
    Slow,
    Status,
    Text,
    ToolCalls,
    failing_first,
    insufficient_quota,
    per_model,
    rate_limit_exceeded,
)

openai = pytest.importorskip("openai")

LOOKUP = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
USER = {"role": "user", "content": "hello"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "found"}


def ask(client, text="hello", *, model="gpt-4o-mini", **settings):
    """Ask for a completion of one user message."""
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **settings)


def say(client, text="hello", **settings):
    """Return the text that the model answers to one user message."""
    return ask(client, text, **settings).choices[0].message.content


def failure(call, *args, **settings):
    """Return what the call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller compares it
        call(*args, **settings)
    return caught.value


class TestCompletions:
    def test_is_complete(self, serve, connect):
        """A completion has all that a client may rely on."""
        completion = ask(connect(serve(Text("one two three"))))

        assert {
            "id": completion.id,
            "model": completion.model,
            "object": completion.object,
            "system_fingerprint": completion.system_fingerprint,
            "usage": (
                completion.usage.prompt_tokens,
                completion.usage.completion_tokens,
                completion.usage.total_tokens,
            ),
            "request_id": completion._request_id,
            "choice": (
                completion.choices[0].message.role,
                completion.choices[0].message.content,
                completion.choices[0].finish_reason,
            ),
        } == {
            "id": "chatcmpl-provider-1",
            "model": "gpt-4o-mini-2024-07-18",
            "object": "chat.completion",
            "system_fingerprint": "fp_provider",
            "usage": (8, 3, 11),
            "request_id": "req_provider_1",
            "choice": ("assistant", "one two three", "stop"),
        }

    def test_tool_calls(self, serve, connect):
        """Tool calls carry unique IDs and their arguments as they were given, valid or not."""
        choice = ask(connect(serve(ToolCalls(("a", {"x": 1}), ("b", '{"x":'))))).choices[0]

        assert (
            choice.finish_reason,
            [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls],
        ) == ("tool_calls", [("call_1_1", "a", '{"x": 1}'), ("call_1_2", "b", '{"x":')])

    def test_dated_model(self, serve, connect):
        """A model that is asked for by its release answers under that name."""
        assert ask(connect(serve()), model="gpt-4o-2024-08-06").model == "gpt-4o-2024-08-06"

    def test_async_client(self, serve):
        """An asynchronous client gets its answers, also many at once."""
        provider = serve()

        async def main():
            async with openai.AsyncOpenAI(api_key="k", base_url=provider.base_url) as client:
                questions = [{"role": "user", "content": f"q{n}"} for n in range(10)]
                create = client.chat.completions.create
                return await asyncio.gather(*(create(model="m", messages=[question]) for question in questions))

        answers = [completion.choices[0].message.content for completion in asyncio.run(main())]

        assert answers == [f"q{n} TERMINATE" for n in range(10)]

    def test_models(self, serve, connect):
        """A client can list the models."""
        assert [model.id for model in connect(serve()).models.list()] == ["gpt-4o-mini", "gpt-4o"]

    def test_unknown_url(self, serve, connect):
        """Another endpoint is answered as OpenAI answers an invalid URL."""
        error = failure(connect(serve()).embeddings.create, model="m", input="x")

        assert (error.status_code, error.body["message"]) == (404, "Invalid URL (POST /v1/embeddings)")


class TestStreaming:
    def test_text(self, serve, connect):
        """A streamed text arrives word by word and ends with its reason and, if wanted, the usage."""
        chunks = list(ask(connect(serve(Text("one two"))), stream=True, stream_options={"include_usage": True}))

        assert [
            (choice.delta.role, choice.delta.content, choice.finish_reason)
            for chunk in chunks
            for choice in chunk.choices
        ] + [chunks[-1].usage.total_tokens] == [
            ("assistant", "", None),
            (None, "one", None),
            (None, " two", None),
            (None, None, "stop"),
            10,
        ]

    def test_no_usage_unless_wanted(self, serve, connect):
        """Without `include_usage` no event has a usage."""
        assert {chunk.usage for chunk in ask(connect(serve(Text("one"))), stream=True)} == {None}

    def test_tool_calls(self, serve, connect):
        """The pieces of streamed tool calls add up to the calls."""
        calls = {}
        for chunk in ask(connect(serve(ToolCalls(("a", {"x": 1}), ("b", {"y": 2})))), stream=True):
            for piece in chunk.choices[0].delta.tool_calls or ():
                call = calls.setdefault(piece.index, {"id": piece.id, "name": piece.function.name, "arguments": ""})
                call["arguments"] += piece.function.arguments

        assert calls == {
            0: {"id": "call_1_1", "name": "a", "arguments": '{"x": 1}'},
            1: {"id": "call_1_2", "name": "b", "arguments": '{"y": 2}'},
        }

    def test_function_call(self, serve, connect):
        """The pieces of a streamed call of the older API add up to the call."""
        chunks = ask(connect(serve(ToolCalls(("a", {"x": 1})))), stream=True, functions=[LOOKUP["function"]])
        pieces = [chunk.choices[0].delta.function_call for chunk in chunks]
        name, *_ = (piece.name for piece in pieces if piece)

        assert (name, "".join(piece.arguments for piece in pieces if piece)) == ("a", '{"x": 1}')

    def test_drop_midway(self, serve, connect):
        """A stream that is cut off delivers its first half, then the client fails."""
        words = []
        with suppress(Exception):  # openai 1 lets the error of httpx through, openai 3 raises its own
            for chunk in ask(connect(serve(DropMidway(Text("a b c d e f")))), stream=True):
                words.append(chunk.choices[0].delta.content)  # noqa: PERF401 - what came before the error counts
            words.append("the end")

        assert words == ["", "a", " b", " c"]

    def test_error_before_the_stream(self, serve, connect):
        """An error that comes instead of a stream is an ordinary error."""
        assert failure(ask, connect(serve(Status(500))), stream=True).status_code == 500


class TestFailures:
    @pytest.mark.parametrize(
        ("reply", "error_type", "status"),
        [
            (rate_limit_exceeded(0.5), openai.RateLimitError, 429),
            (insufficient_quota(), openai.RateLimitError, 429),
            (Status(500), openai.InternalServerError, 500),
            (Status(503), openai.InternalServerError, 503),
            (Status(403, "no"), openai.PermissionDeniedError, 403),
            (Drop(), openai.APIConnectionError, 0),
            (DropMidway(), openai.APIConnectionError, 200),
            (DropMidway(ToolCalls(("a", {}))), openai.APIConnectionError, 200),
            (Hang(), openai.APITimeoutError, 0),
            (Slow(60, Text("late")), openai.APITimeoutError, 0),
            (BrokenJson(), json.JSONDecodeError, 200),
        ],
        ids=repr,
    )
    def test_exception(self, serve, connect, reply, error_type, status):
        """Each failure gives the client the exception that the real one gives, and the log its status."""
        provider = serve(reply)
        timeout = 0.1 if isinstance(reply, (Hang, Slow)) else 5

        error = failure(ask, connect(provider, timeout=timeout))
        provider.stop()

        assert (type(error), provider.statuses()) == (error_type, {status: 1})

    def test_rate_limit_details(self, serve, connect):
        """A rate limit says why, how long to wait, and under which ID the provider knows the request."""
        error = failure(ask, connect(serve(rate_limit_exceeded(1.5))))

        assert {
            "body": error.body,
            "request_id": error.request_id,
            "retry-after": error.response.headers["retry-after"],
            "retry-after-ms": error.response.headers["retry-after-ms"],
        } == {
            "body": {
                "message": "Rate limit reached for requests. Please try again in 1.5s.",
                "type": "requests",
                "param": None,
                "code": "rate_limit_exceeded",
            },
            "request_id": "req_provider_1",
            "retry-after": "2",
            "retry-after-ms": "1500",
        }

    def test_quota_details(self, serve, connect):
        """An exhausted quota is told from a rate limit by its code, and nobody is told to wait."""
        error = failure(ask, connect(serve(insufficient_quota())))

        assert (error.code, error.response.headers.get("retry-after")) == ("insufficient_quota", None)

    def test_html(self, serve, connect):
        """A page instead of an answer reaches the caller as a text."""
        assert ask(connect(serve(Html()))).splitlines()[0] == "<!DOCTYPE html>"

    def test_no_choices(self, serve, connect):
        """An answer without choices reaches the caller as it is, whole or streamed."""
        client = connect(serve(NoChoices()))

        assert [ask(client).choices, next(iter(ask(client, stream=True))).choices] == [[], []]

    def test_slow(self, serve, connect):
        """A slow reply is late by the time that was asked for, and otherwise as it would be."""
        provider = serve(Slow(0.05, Text("late")))
        answer = say(connect(provider))
        (record,) = provider.received

        assert (answer, 0.05 <= record.ended - record.started < 1) == ("late", True)

    def test_script_that_raises(self, serve, connect, monkeypatch):
        """A script that raises costs the client its connection, loudly; the provider goes on."""
        raised = []
        monkeypatch.setattr(threading, "excepthook", lambda thread: raised.append(thread.exc_type))

        def broken(chat):
            raise LookupError(chat.model)

        provider = serve(Sequence([broken, Text("fine")]))
        client = connect(provider)
        outcome = [type(failure(ask, client)), say(client)]
        provider.stop()

        assert [*outcome, *raised] == [openai.APIConnectionError, "fine", LookupError]


class TestEchoTools:
    def test_echo(self, serve, connect):
        """Without tools the answer repeats the user, tokens first."""
        assert (
            say(connect(serve()), "call lookup {} and [rq:a] [rq:b] [rq:a]")
            == "[rq:a] [rq:b] call lookup {} and TERMINATE"
        )

    def test_calls(self, serve, connect):
        """Each line that says so becomes a call; what only looks like one does not."""
        text = (
            '[rq:a] please\ncall lookup {"id": "p9"} [rq:a]\n  call now\ncall me back\ncall odd {"id":\ncall nil null'
        )
        message = ask(connect(serve()), text, tools=[LOOKUP]).choices[0].message

        assert (message.content, [(call.function.name, call.function.arguments) for call in message.tool_calls]) == (
            "[rq:a]",
            [("lookup", '{"id": "p9"}'), ("now", "{}"), ("odd", '{"id":'), ("nil", "null")],
        )

    def test_results(self, serve, connect):
        """After the results of tools the answer repeats them, with the tokens of the whole prompt."""
        second = {**CALL, "id": "c2"}
        messages = [
            {"role": "system", "content": [{"type": "text", "text": "[rq:s]"}]},
            {"role": "user", "content": "call lookup {} [rq:u]"},
            {**CALLING, "tool_calls": [CALL, second]},
            RESULT,
            {**RESULT, "tool_call_id": "c2", "content": "[rq:t] more"},
        ]
        completion = connect(serve()).chat.completions.create(model="m", messages=messages, tools=[LOOKUP])

        assert completion.choices[0].message.content == "[rq:s] [rq:u] [rq:t] found\n[rq:t] more TERMINATE"

    def test_functions(self, serve, connect):
        """A client of the older API gets a function call, and its result is repeated."""
        client, functions = connect(serve()), [LOOKUP["function"]]
        called = ask(client, 'call lookup {"id": 1}', functions=functions).choices[0]
        messages = [USER, called.message.to_dict(), {"role": "function", "name": "lookup", "content": "found"}]
        final = client.chat.completions.create(model="m", messages=messages, functions=functions)

        assert (
            called.finish_reason,
            called.message.function_call.name,
            called.message.function_call.arguments,
            final.choices[0].message.content,
        ) == ("function_call", "lookup", '{"id": 1}', "found TERMINATE")


class TestScripts:
    def test_sequence(self, serve, connect):
        """The n-th request gets the n-th step, and the last one repeats."""
        client = connect(serve(Sequence([Text("one"), lambda chat: Text(chat.model), Text("three")])))

        assert [say(client) for _ in range(4)] == ["one", "gpt-4o-mini", "three", "three"]

    def test_empty_sequence(self):
        """A sequence of nothing is refused."""
        assert str(failure(Sequence, [])) == "a sequence needs at least one step"

    def test_per_model(self, serve, connect):
        """Each model can have a script of its own."""
        client = connect(serve(per_model({"small": Text("s"), "big": Text("b")}, otherwise=Text("?"))))

        assert [say(client, model=model) for model in ("small", "big", "other")] == ["s", "b", "?"]

    def test_failing_first(self, serve, connect):
        """A client that retries gets through failures that pass, and says how often it tried."""
        provider = serve(failing_first(2, rate_limit_exceeded(0.001), Text("at last")))
        answer = say(connect(provider, max_retries=2))

        assert (
            answer,
            [(record.status, record.retry_count) for record in provider.received],
        ) == ("at last", [(429, 0), (429, 1), (200, 2)])


class TestRateLimit:
    def test_bucket(self, serve, connect):
        """A burst passes, then one request for each token that the clock brings; the bucket never holds more."""
        now = [0.0]
        client = connect(serve(RateLimit(2.0, 2, Text("ok"), clock=lambda: now[0])))

        def status(at):
            now[0] = at
            try:
                return say(client)
            except openai.RateLimitError as error:
                return error.response.headers["retry-after-ms"]

        times = [0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 100.0, 100.0, 100.0]

        assert [status(at) for at in times] == ["ok", "ok", "500", "250", "ok", "500", "ok", "ok", "500"]

    def test_quota(self, serve, connect):
        """The same bucket can refuse as an exhausted quota does."""
        client = connect(serve(RateLimit(0.001, 1, refuse=insufficient_quota, clock=lambda: 0.0)))

        assert (say(client), failure(ask, client).code) == ("hello TERMINATE", "insufficient_quota")

    def test_threads(self, serve, connect):
        """However many threads ask at once, no more get through than the bucket holds."""
        provider = serve(RateLimit(0.001, 7, clock=lambda: 0.0))
        client = connect(provider)
        with ThreadPoolExecutor(20) as pool:
            for _ in range(20):
                pool.submit(ask, client)

        assert provider.statuses() == {200: 7, 429: 13}


EMPTY = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
ROLE = (
    "Invalid value: 'oracle'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
)
STRAY = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
FOREIGN = "Invalid parameter: 'tool_call_id' of 'c2' not found in 'tool_calls' of previous message."
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: c1"
)
NULL = "Invalid value for 'content': expected a string, got null."
NAME = (
    "Invalid 'messages[0].name': string does not match pattern. Expected a string that matches the pattern "
    r"'^[^\s<|\\/>]+$'."
)
MISSING = "Missing required parameter: '{}'."
TYPE = "Invalid type for '{}': expected {}, but got something else instead."
CONTENT = "one of a string or array of objects"
TWO_CALLS = {**CALLING, "tool_calls": [CALL, {**CALL, "id": "c2"}]}
SECOND_RESULT = {**RESULT, "tool_call_id": "c2"}


class TestValidation:
    @pytest.mark.parametrize(
        ("messages", "param", "code", "message"),
        [
            ([], "messages", "empty_array", EMPTY),
            (None, "messages", "missing_required_parameter", MISSING.format("messages")),
            ("hi", "messages", "invalid_type", TYPE.format("messages", "an array of objects")),
            (["hi"], "messages[0]", "invalid_type", TYPE.format("messages[0]", "an object")),
            ([{"content": "hi"}], "messages[0].role", "missing_required_parameter", MISSING.format("messages[0].role")),
            ([USER, {"role": "oracle", "content": ""}], "messages[1].role", "invalid_value", ROLE),
            ([{**USER, "name": "two words"}], "messages[0].name", "invalid_value", NAME),
            (
                [{"role": "function", "content": "found"}],
                "messages[0].name",
                "missing_required_parameter",
                MISSING.format("messages[0].name"),
            ),
            (
                [{"role": "user"}],
                "messages[0].content",
                "missing_required_parameter",
                MISSING.format("messages[0].content"),
            ),
            (
                [{**USER, "content": 7}],
                "messages[0].content",
                "invalid_type",
                TYPE.format("messages[0].content", CONTENT),
            ),
            ([{"role": "assistant", "content": None}], "messages.[0].content", None, NULL),
            ([RESULT], "messages.[0].role", None, STRAY),
            ([USER, CALLING, RESULT, USER, RESULT], "messages.[4].role", None, STRAY),
            ([USER, CALLING, SECOND_RESULT], "messages.[2].tool_call_id", None, FOREIGN),
            ([USER, CALLING, USER], "messages.[2].role", None, UNANSWERED),
            ([USER, CALLING], "messages.[1].role", None, UNANSWERED),
            ([USER, TWO_CALLS, SECOND_RESULT], "messages.[2].role", None, UNANSWERED),
        ],
    )
    def test_messages(self, serve, connect, messages, param, code, message):
        """A prompt that OpenAI would refuse is refused in OpenAI's words."""
        error = failure(connect(serve()).chat.completions.create, model="m", messages=messages)

        assert (error.status_code, error.body) == (
            400,
            {"message": message, "type": "invalid_request_error", "param": param, "code": code},
        )

    def test_good_conversation(self, serve, connect):
        """A conversation as agents have it is accepted."""
        parts = [{"type": "text", "text": "look"}]
        messages = [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": parts, "name": "user_1"},
            CALLING,
            RESULT,
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "found"},
            USER,
        ]
        completion = connect(serve()).chat.completions.create(model="m", messages=messages)

        assert completion.choices[0].message.content == "hello TERMINATE"

    @pytest.mark.parametrize(
        ("key", "model", "error_type", "code"),
        [
            ("bad", "m", openai.AuthenticationError, "invalid_api_key"),
            ("k", "no-such-model", openai.NotFoundError, "model_not_found"),
            ("k", "", openai.BadRequestError, None),
        ],
    )
    def test_key_and_model(self, serve, connect, key, model, error_type, code):
        """A wrong key and a wrong model are refused with the exception of each."""
        error = failure(ask, connect(serve(), api_key=key), model=model)

        assert (type(error), error.code) == (error_type, code)

    def test_missing_key(self, serve):
        """A request without a key is refused."""
        assert raw(serve(), b'{"model": "m", "messages": []}') == 401

    def test_unreadable_body(self, serve):
        """A body that is no JSON object is refused."""
        assert [raw(serve(), body) for body in (b"{", b"[]")] == [400, 400]

    def test_lenient(self, serve, connect):
        """A provider that is not strict lets everything pass to its script."""
        client = connect(serve(Text("fine"), strict=False), api_key="bad")

        assert client.chat.completions.create(model="no-such-model", messages=[]).choices[0].message.content == "fine"


def raw(provider, body):
    """POST these bytes without a key; return the status."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port_of(provider))) as connection:
        connection.sendall(head.encode() + body)
        return int(connection.recv(12).split()[1])


def port_of(provider):
    """Return the port that the provider listens on."""
    return int(provider.base_url.split(":")[2].split("/")[0])


class TestLog:
    def test_record(self, serve, connect):
        """The record of a request says who asked what, whose data was in it, and what came of it."""
        provider = serve()
        messages = [{"role": "system", "content": "[rq:old]"}, {"role": "user", "content": "[rq:new]"}]
        connect(provider).chat.completions.create(model="m", messages=messages, extra_headers={"X-Trace": "t"})
        (record,) = provider.received

        assert {
            "request_id": record.request_id,
            "model": record.model,
            "status": record.status,
            "tokens": record.tokens,
            "user_tokens": record.user_tokens,
            "api_key": record.api_key,
            "header": record.headers["x-trace"],
            "retry_count": record.retry_count,
            "in order": record.started <= record.ended <= time.monotonic(),
            "body": record.body,
        } == {
            "request_id": "req_provider_1",
            "model": "m",
            "status": 200,
            "tokens": ("old", "new"),
            "user_tokens": ("new",),
            "api_key": "k",
            "header": "t",
            "retry_count": 0,
            "in order": True,
            "body": {"model": "m", "messages": messages},
        }

    def test_tokens_in_calls(self, serve, connect):
        """A token in the arguments of a call was in the prompt, too."""
        provider = serve()
        call = {**CALL, "function": {"name": "lookup", "arguments": '{"id": "[rq:x]"}'}}
        messages = [USER, {**CALLING, "tool_calls": [call]}, RESULT]
        connect(provider).chat.completions.create(model="m", messages=messages)

        assert provider.received[0].tokens == ("x",)

    def test_keep(self, serve, connect):
        """A log with a bound remembers the newest requests, but counts all."""
        provider = serve(keep=2)
        client = connect(provider)
        for _ in range(5):
            ask(client)

        assert ([record.number for record in provider.received], provider.statuses()) == ([4, 5], {200: 5})

    def test_open_request(self, serve, connect):
        """A request stands in the log from its arrival; its status and end follow with the answer."""
        seen = []

        def script(chat):
            seen.extend(provider.received)
            return Text("now")

        provider = serve(script)
        ask(connect(provider))
        seen.extend(provider.received)

        assert [(record.status, record.ended is not None) for record in seen] == [(0, False), (200, True)]

    def test_keep_alive(self, serve, connect):
        """Requests of one client travel on one connection, errors included; a dropped one is replaced."""
        provider = serve(Sequence([Text("a"), Status(500), Text("b"), Drop(), Text("c")]))
        client = connect(provider)
        for _ in range(5):
            with suppress(openai.OpenAIError):
                ask(client)
        first, *ports = (record.port for record in provider.received)

        assert [port == first for port in ports] == [True, True, True, False]

    def test_threads(self, serve, connect):
        """Under 20 threads each caller gets its own answer, and the log has each request once."""
        provider = serve()
        client = connect(provider)
        texts = [f"[rq:{n}]" for n in range(100)]
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda text: say(client, text), texts))

        assert (
            answers,
            [record.number for record in provider.received],
            Counter(record.tokens for record in provider.received),
        ) == ([f"{text} TERMINATE" for text in texts], list(range(1, 101)), {(str(n),): 1 for n in range(100)})


class TestLifecycle:
    @pytest.mark.parametrize("reply", [Hang(), Slow(60, Text("late"))], ids=repr)
    def test_stop_ends_what_hangs(self, serve, connect, reply):
        """A stop ends the requests that hang, at once, and the clients notice."""
        arrived = threading.Barrier(5)

        def script(chat):
            arrived.wait()
            return reply

        provider = serve(script)
        client = connect(provider, timeout=60)
        with ThreadPoolExecutor(4) as pool:
            errors = [pool.submit(failure, ask, client) for _ in range(4)]
            arrived.wait()
            before = time.monotonic()
            provider.stop()
            seconds = time.monotonic() - before

        assert (
            seconds < 0.2,
            [type(error.result()) for error in errors],
            provider.statuses(),
        ) == (True, [openai.APIConnectionError] * 4, {0: 4})

    def test_stop_leaves_no_thread(self, serve, connect):
        """After a stop no thread of the provider is left, and nobody listens; a second stop does nothing."""
        provider = serve()
        ask(connect(provider))
        provider.stop()
        provider.stop()

        assert (
            type(failure(ask, connect(provider))),
            [thread for thread in threading.enumerate() if thread.name == "provider"],
        ) == (openai.APIConnectionError, [])

    def test_restart(self, serve, connect):
        """A provider that is started again listens at the same place, and goes on counting."""
        provider = serve()
        client = connect(provider)
        ask(client)
        provider.stop()
        provider.start()
        ask(client)

        assert [record.number for record in provider.received] == [1, 2]

    def test_start_twice(self, serve):
        """A provider that listens cannot be started."""
        provider = serve()

        assert str(failure(provider.start)) == f"already listening on port {port_of(provider)}"

    def test_script_stops_its_provider(self, serve, connect):
        """A script may stop the provider that it serves: a crash in the middle of a request."""
        provider = serve(lambda chat: provider.stop() or Text("never seen"))

        assert type(failure(ask, connect(provider))) is openai.APIConnectionError

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
    def test_fork(self, serve, connect):
        """A forked child neither answers nor ends its parent's connections, nor keeps the port in use."""
        provider = serve()
        client = connect(provider)
        ask(client)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                provider.stop()
                os.close(writing)
                os.read(reading, 1)  # until the parent closes its end
            finally:
                os._exit(0)
        try:
            answer = say(client)
            provider.stop()
            refused = type(failure(ask, client))
        finally:
            os.close(writing)
            os.close(reading)
            os.waitpid(child, 0)

        assert (
            answer,
            len({record.port for record in provider.received}),
            refused,
        ) == ("hello TERMINATE", 1, openai.APIConnectionError)


class TestAutogen:
    def test_parallel_tools(self, serve, pair):
        """A chat of two agents calls two tools at once and ends with their results."""
        provider = serve()
        user, assistant = pair(provider, {"lookup": lookup, "price": price})
        chat = user.initiate_chat(assistant, message='[rq:7]\ncall lookup {"policy_id": "p9"}\ncall price {"n": 3}')

        assert (
            chat.chat_history[-1]["content"],
            [record.tokens for record in provider.received],
            provider.statuses(),
        ) == ("[rq:7] p9 is valid\n6 TERMINATE", [("7",), ("7",)], {200: 2})

    def test_asynchronous_and_streamed(self, serve, pair):
        """The same chat works asynchronously, and with streamed answers."""
        user, assistant = pair(serve(), {"lookup": lookup}, stream=True)
        chat = asyncio.run(user.a_initiate_chat(assistant, message='call lookup {"policy_id": "p9"} [rq:7]'))

        assert chat.chat_history[-1]["content"] == "[rq:7] p9 is valid TERMINATE"

    def test_functions(self, serve, pair):
        """The same chat works with the older API of functions."""
        parameters = {"type": "object", "properties": {"policy_id": {"type": "string"}}}
        functions = [{"name": "lookup", "description": "looks up", "parameters": parameters}]
        user, assistant = pair(serve(), {"lookup": lookup}, functions=functions)
        chat = user.initiate_chat(assistant, message='call lookup {"policy_id": "p9"} [rq:7]')

        assert chat.chat_history[-1]["content"] == "[rq:7] p9 is valid TERMINATE"

    @pytest.mark.parametrize(
        ("reply", "error_type"),
        [
            (rate_limit_exceeded(1), openai.RateLimitError),
            (Status(500), openai.InternalServerError),
            (Drop(), openai.APIConnectionError),
            (Hang(), TimeoutError),
            (BrokenJson(), json.JSONDecodeError),
            (Html(), AttributeError),
            (NoChoices(), IndexError),
        ],
        ids=repr,
    )
    def test_failure(self, serve, pair, reply, error_type):
        """What the model's failures are to the caller of a chat."""
        user, assistant = pair(serve(reply), timeout=0.1 if reply == Hang() else 5)

        assert type(failure(user.initiate_chat, assistant, message="hello")) is error_type

    def test_agent_name(self, serve, pair):
        """AutoGen recognises the refusal of an agent's name by its wording, which 0.2 does not know."""
        from support.classic import VERSION

        user, assistant = pair(serve(), name="a<b")
        user.initiate_chat(assistant, message="hello")
        error = failure(user.initiate_chat, assistant, message="hello", clear_history=False)

        assert type(error) is (ValueError if VERSION >= (0, 9) else openai.BadRequestError)

    def test_foreign_history(self, serve, pair):
        """A call without its result, left behind in a history, is refused as OpenAI does."""
        user, assistant = pair(serve(), {"lookup": lookup})
        user.initiate_chat(assistant, message='call lookup {"policy_id": "p9"}', max_turns=1)
        error = failure(user.initiate_chat, assistant, message="hello", clear_history=False)

        assert type(error) is openai.BadRequestError


def lookup(policy_id: str) -> str:
    """Look up a policy."""
    return f"{policy_id} is valid"


def price(n: int) -> str:
    """Say what n of them cost."""
    return str(2 * n)
