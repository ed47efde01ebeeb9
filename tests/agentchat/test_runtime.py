"""Messages of `autogen_core`: the request goes along, and no exception of a handler is lost."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections import Counter
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import (
    AgentId,
    ClosureAgent,
    DefaultInterventionHandler,
    DefaultTopicId,
    DropMessage,
    SingleThreadedAgentRuntime,
    TypeSubscription,
)
from autogen_core.exceptions import MessageDroppedException
from opentelemetry import trace
from support.agentchat import Saying, operations, raised, raising, told
from support.core import Ask, News, Unknown, Working, add

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.settings import Settings
from autogen_otel.operations.current import current_operation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


_app = logging.getLogger("app")
TENANT: ContextVar[str] = ContextVar("tenant")
POLICIES: dict[str, str] = {}
# More often than the loop turns until a runtime that has nothing to do has stopped.
TURNS = 100


@asynccontextmanager
async def running(**more: Any) -> AsyncIterator[SingleThreadedAgentRuntime]:
    """Run a runtime that belongs to no request, as a server starts one."""
    runtime = SingleThreadedAgentRuntime(**more)
    runtime.start()
    yield runtime
    if runtime._run_context is not None:
        await runtime.stop()


async def lookup(agent: Working, text: str) -> str:
    """Look a policy up."""
    return POLICIES[text]


async def outcome(awaitable: Any) -> Any:
    """Return what comes out, or the exception."""
    try:
        return await awaitable
    except BaseException as error:  # noqa: BLE001 - the test compares it
        return error


async def turn() -> None:
    """Let the loop turn so often that only what hangs is still there."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def team_of(*members: Any, runtime: Any = None, turns: int = 3, name: str = "team") -> RoundRobinGroupChat:
    """Return a team on a runtime that it shares with others."""
    return RoundRobinGroupChat(
        list(members), termination_condition=MaxMessageTermination(turns), runtime=runtime, name=name
    )


# The request goes along


def test_team_on_a_shared_runtime_is_one_trace(recorder):
    """Each run of a team on a shared runtime is one trace, in which no span belongs to nobody."""

    async def main() -> None:
        async with running() as runtime:

            async def ask(request_id: str) -> None:
                with autogen_otel.request(request_id):
                    members = Saying(f"first_{request_id}"), Saying(f"second_{request_id}")
                    await team_of(*members, runtime=runtime).run(task="hello")

            await asyncio.gather(ask("one"), ask("two"))

    asyncio.run(main())

    trees = [
        line
        for one in ("one", "two")
        for line in (
            "request",
            "  invoke_workflow team",
            f"    invoke_agent first_{one}",
            f"    invoke_agent second_{one}",
        )
    ]
    owners = Counter((span.context.trace_id, span.attributes.get(names.REQUEST_ID)) for span in recorder.spans)
    assert (operations(recorder), len(recorder.traces), sorted(owner for _, owner in owners)) == (
        trees,
        2,
        ["one", "two"],
    )


def test_agents_see_the_request_of_who_sent_the_message(recorder):
    """A handler has the sender's request ID, current trace and logger's variables, and its sender gets the answer."""
    seen = []

    async def look(agent: Working, text: str) -> str:
        _app.warning("seen")
        tenant = structlog.contextvars.get_contextvars().get("tenant")
        seen.append((text, autogen_otel.current_request_id(), tenant, trace.get_current_span().get_span_context()))
        return f"{text}!"

    async def forward(agent: Working, text: str) -> str:
        return await agent.ask("look", text)

    async def main() -> list[str]:
        async with running() as runtime:
            await add(runtime, "look", look)
            await add(runtime, "forward", forward)

            async def ask(number: str) -> str:
                with autogen_otel.request(number), structlog.contextvars.bound_contextvars(tenant=f"t{number}"):
                    return str((await runtime.send_message(Ask(number), AgentId("forward", "default"))).text)

            return await asyncio.gather(ask("1"), ask("2"))

    answers = asyncio.run(main())

    requests = {span.attributes[names.REQUEST_ID]: span.context.trace_id for span in recorder.named("request")}
    lines = {(line["request_id"], line["agent_name"]) for line in recorder.events("seen")}
    assert (answers, [(text, who, tenant, context.trace_id) for text, who, tenant, context in seen], lines) == (
        ["1!", "2!"],
        [("1", "1", "t1", requests["1"]), ("2", "2", "t2", requests["2"])],
        {("1", "look"), ("2", "look")},
    )


def test_answers_nest_and_events_lie_flat(recorder):
    """Who is asked stands below who asks; what a handler publishes stands beside it, however long the chain."""

    async def relay(agent: Working, text: str) -> str:
        if int(text):
            await agent.tell(str(int(text) - 1))
        return await agent.ask("answering", text)

    async def main() -> None:
        async with running() as runtime:
            await add(runtime, "relaying", relay, topic="default")
            await add(runtime, "other", relay, topic="default")
            await add(runtime, "answering")
            with autogen_otel.request("req-42"):
                await runtime.publish_message(News("2"), DefaultTopicId())
                await runtime.stop_when_idle()

    asyncio.run(main())

    tree = operations(recorder)
    assert (Counter(tree), len(recorder.traces), set(recorder.request_ids())) == (
        {
            "request": 1,
            "  invoke_agent relaying": 3,
            "  invoke_agent other": 3,
            "    invoke_agent answering": 6,
        },
        1,
        {"req-42"},
    )


def test_chain_of_events_outside_any_request_is_one_request(recorder):
    """The first handler of a message that nobody's request has sent opens one, and what it publishes belongs to it."""

    async def relay(agent: Working, text: str) -> None:
        if int(text):
            await agent.tell(str(int(text) - 1), "default" if int(text) % 2 else "odd")

    async def main() -> None:
        async with running() as runtime:
            await add(runtime, "even", relay, topic="default")
            await add(runtime, "odd", relay, topic="odd")
            await runtime.publish_message(News("4"), DefaultTopicId())
            await runtime.stop_when_idle()

    asyncio.run(main())

    ids = {operation.request_id for operation in recorder.facts.operations}
    parents = {operation.parent_id for operation in recorder.facts.operations[1:]}
    assert (len(recorder.facts.operations), len(ids), parents) == (5, 1, {recorder.facts.operations[0].id})


def test_runtime_started_in_a_request_serves_everyone(recorder):
    """A message that is sent outside any request is not counted to the request in which the runtime was started."""

    async def main() -> None:
        with autogen_otel.request("first"):
            runtime = SingleThreadedAgentRuntime()
            runtime.start()
            await add(runtime, "agent")
            await runtime.send_message(Ask("1"), AgentId("agent", "default"))
        await runtime.send_message(Ask("2"), AgentId("agent", "default"))
        with autogen_otel.request("second"):
            await runtime.send_message(Ask("3"), AgentId("agent", "default"))
        await runtime.stop()

    asyncio.run(main())

    owners = [one.request_id for one in recorder.facts.operations if one.name == "agent"]
    assert [owners[0], owners[1] in {"first", "second"}, owners[2], len(recorder.traces)] == [
        "first",
        False,
        "second",
        3,
    ]


def test_variables_of_the_application_stay_as_the_runtime_has_them(recorder):
    """A variable that is set where the runtime was started keeps its value in handlers; a sender's own is added."""
    only_here: ContextVar[str] = ContextVar("only_here")
    seen = []

    async def look(agent: Working, text: str) -> str:
        seen.append((TENANT.get(), only_here.get()))
        return text

    async def send(runtime: Any) -> None:
        TENANT.set("sender")
        only_here.set("sender")
        await runtime.send_message(Ask("1"), AgentId("looking", "default"))

    async def main() -> None:
        TENANT.set("runtime")
        async with running() as runtime:
            await add(runtime, "looking", look)
            await asyncio.create_task(send(runtime))

    asyncio.run(main())

    assert seen == [("runtime", "sender")]


def test_nothing_of_a_request_outlives_its_messages(recorder):
    """A runtime, and an agent that goes on sending, keep no context of the requests that they have served."""

    class Held:
        """What a request holds in a context variable."""

    var: ContextVar[Any] = ContextVar("held")
    alive = []

    async def send(runtime: Any) -> None:
        held = Held()
        alive.append(weakref.ref(held))
        var.set(held)
        with autogen_otel.request():
            await runtime.send_message(Ask("1"), AgentId("agent", "default"))
            await runtime.publish_message(News("1"), DefaultTopicId())
            await outcome(runtime.send_message(Ask("1"), AgentId("nobody", "default")))

    async def main() -> list[Any]:
        async with running() as runtime:
            await add(runtime, "agent", topic="default")
            for _ in range(3):
                await asyncio.create_task(send(runtime))
            for _ in range(2):
                await runtime.send_message(Ask("last"), AgentId("agent", "default"))
            gc.collect()
            return [reference() for reference in alive]

    assert asyncio.run(main()) == [None, None, None]


def test_chain_of_messages_keeps_no_operation(recorder):
    """Agents that send to and fro without waiting keep nothing of the messages before."""
    kept = []
    over = asyncio.Event()

    async def volley(agent: Working, text: str) -> str:
        operation = current_operation()
        depth = 0
        while operation is not None:
            operation, depth = operation.parent, depth + 1
        kept.append(depth)
        if int(text):
            asyncio.get_running_loop().create_task(agent.ask(text_of(agent), str(int(text) - 1)))
        else:
            over.set()
        return text

    def text_of(agent: Working) -> str:
        return "pong" if agent.id.type == "ping" else "ping"

    async def main() -> None:
        async with running() as runtime:
            await add(runtime, "ping", volley)
            await add(runtime, "pong", volley)
            with autogen_otel.request("req-42"):
                await runtime.send_message(Ask("50"), AgentId("ping", "default"))
                await over.wait()

    asyncio.run(main())

    assert (len(kept), max(kept)) == (51, 2)


def test_agent_type_with_a_uuid_is_named_without_it(recorder):
    """The name of an operation has few values, though an application makes an agent for each session."""

    async def main() -> None:
        async with running() as runtime:
            types = ("writer_3fa85f64-5717-4562-b3fc-2c963f66afa6", "3fa85f6457174562b3fc2c963f66afa6")
            for agent_type in types:
                await add(runtime, agent_type)
                with autogen_otel.request("req-42"):
                    await runtime.send_message(Ask("1"), AgentId(agent_type, "default"))

    asyncio.run(main())

    found = [one for one in recorder.facts.operations if one.kind.value == "invoke_agent"]
    assert [(one.name, one.agent_name, one.attributes[names.AGENT_ID]) for one in found] == [
        ("writer", "writer", "writer_3fa85f64-5717-4562-b3fc-2c963f66afa6/default"),
        ("Working", "Working", "3fa85f6457174562b3fc2c963f66afa6/default"),
    ]


# Failures


def test_failure_of_who_is_asked_reaches_who_asks(recorder):
    """The exception of a handler that is waited for is recorded where it was raised, and reaches the application."""

    async def forward(agent: Working, text: str) -> str:
        return await agent.ask("looking", text)

    async def main() -> BaseException:
        async with running() as runtime:
            await add(runtime, "looking", lookup)
            await add(runtime, "forwarding", forward)
            with pytest.raises(KeyError) as caught, autogen_otel.request("req-42"):
                await runtime.send_message(Ask("p9"), AgentId("forwarding", "default"))
            return caught.value

    error = asyncio.run(main())

    assert (told(recorder), operations(recorder)) == (
        raised(error, agent="looking"),
        ["request!", "  invoke_agent forwarding!", "    invoke_agent looking!"],
    )


def test_failure_that_an_agent_answers_on_is_masked(recorder):
    """An agent that catches what another one raised has answered on it."""

    async def careful(agent: Working, text: str) -> str:
        found = await outcome(agent.ask("looking", text))
        return type(found).__name__

    async def main() -> str:
        async with running() as runtime:
            await add(runtime, "looking", lookup)
            await add(runtime, "careful", careful)
            with autogen_otel.request("req-42"):
                return str((await runtime.send_message(Ask("p9"), AgentId("careful", "default"))).text)

    answer = asyncio.run(main())

    assert (answer, recorder.fault.agent_name, recorder.masked, operations(recorder)) == (
        "KeyError",
        "looking",
        [True],
        ["request", "  invoke_agent careful", "    invoke_agent looking!"],
    )


def test_failure_of_an_event_handler_that_is_dropped_is_told(recorder):
    """A runtime drops what the handler of an event raises, and nobody gets it: it fails the request."""

    async def main() -> list[Any]:
        async with running() as runtime:
            await add(runtime, "looking", lookup, topic="default")
            with autogen_otel.request("req-42"):
                return [await runtime.publish_message(News("p9"), DefaultTopicId()), await runtime.stop_when_idle()]

    seen = asyncio.run(main())

    story = recorder.story()
    assert (seen, story) == (
        [None, None],
        {
            "type": "KeyError",
            "message": "'p9'",
            "function": "lookup",
            "agent": "looking",
            "tool": None,
            "request": "req-42",
            "kind": "raised",
            "masked": [False],
        },
    )
    assert operations(recorder) == ["request!", "  invoke_agent looking!"]


def test_failure_of_an_event_handler_is_not_answered_by_who_waits_for_something_else(recorder):
    """What is dropped below an agent that goes on is not masked by it: it has never heard of it."""

    async def tell(agent: Working, text: str) -> str:
        await agent.tell(text)
        return await agent.ask("slow", text)

    async def ask(agent: Working, text: str) -> str:
        return await agent.ask("telling", text)

    async def slow(agent: Working, text: str) -> str:
        await failed.wait()
        return text

    async def fail(agent: Working, text: str) -> str:
        failed.set()
        return await lookup(agent, text)

    failed = asyncio.Event()

    async def main() -> None:
        async with running() as runtime:
            await add(runtime, "looking", fail, topic="default")
            await add(runtime, "asking", ask)
            await add(runtime, "telling", tell)
            await add(runtime, "slow", slow)
            with autogen_otel.request("req-42"):
                await runtime.send_message(Ask("p9"), AgentId("asking", "default"))

    asyncio.run(main())

    assert (recorder.fault.type, recorder.fault.agent_name, recorder.masked) == ("KeyError", "looking", [False])


def test_failure_of_an_event_handler_that_is_raised_later_is_told_once(recorder):
    """A runtime that is told not to drop raises the exception when it is stopped; it is one fault."""

    async def main() -> BaseException:
        async with running(ignore_unhandled_exceptions=False) as runtime:
            await add(runtime, "looking", lookup, topic="default")
            with pytest.raises(KeyError) as caught, autogen_otel.request("req-42"):
                await runtime.publish_message(News("p9"), DefaultTopicId())
                await runtime.stop_when_idle()
            return caught.value

    error = asyncio.run(main())

    assert told(recorder) == raised(error, agent="looking")


def test_closure_agent_is_an_agent(recorder):
    """The exception of a closure is told with the type under which it was registered."""

    async def closing(_: Any, message: News, __: Any) -> None:
        raise LookupError(message.text)

    async def main() -> None:
        async with running() as runtime:
            await ClosureAgent.register_closure(
                runtime, "closing", closing, subscriptions=lambda: [TypeSubscription("default", "closing")]
            )
            with autogen_otel.request("req-42"):
                await runtime.publish_message(News("p9"), DefaultTopicId())
                await runtime.stop_when_idle()

    asyncio.run(main())

    story = recorder.story()
    assert [story[key] for key in ("type", "message", "function", "agent", "request", "masked")] == [
        "LookupError",
        "p9",
        "closing",
        "closing",
        "req-42",
        [False],
    ]


class Intervening(DefaultInterventionHandler):
    """A handler that does what a function says, to one kind of messages."""

    def __init__(self, kind: str, act: Any) -> None:
        self._kind, self._act = kind, act

    def _do(self, kind: str, message: Any) -> Any:
        return self._act() if kind == self._kind else message

    async def on_send(self, message: Any, *, message_context: Any, recipient: Any) -> Any:
        return self._do("send", message)

    async def on_publish(self, message: Any, *, message_context: Any) -> Any:
        return self._do("publish", message)

    async def on_response(self, message: Any, *, sender: Any, recipient: Any) -> Any:
        return self._do("response", message)


def intervene(kind: str, act: Any) -> list[Any]:
    """Send a message on which a handler acts, stop the runtime at once, and return what came out of both."""
    found: list[Any] = []

    async def send_and_stop(runtime: Any) -> None:
        with autogen_otel.request("req-42"):
            if kind == "publish":
                found.append(await outcome(runtime.publish_message(News("1"), DefaultTopicId())))
            else:
                found.append(await outcome(runtime.send_message(Ask("1"), AgentId("agent", "default"))))
        found.append(await outcome(runtime.stop_when_idle()))

    async def main() -> list[Any]:
        async with running(intervention_handlers=[Intervening(kind, act)]) as runtime:
            await add(runtime, "agent", topic="default")
            going = asyncio.create_task(send_and_stop(runtime))
            await turn()
            going.cancel()
            await going
            return found

    return asyncio.run(main())


@pytest.mark.parametrize("kind", ["send", "publish", "response"])
def test_intervention_handler_that_raises_is_told_and_so_is_the_hang(recorder, kind):
    """What a handler raises is recorded in the message's request, and that its runtime never stops, before it hangs."""
    error = PermissionError("not allowed")

    sent, stopped = intervene(kind, raising(error))

    first, hang = recorder.facts.faults
    assert (
        sent is error,
        type(stopped).__name__,
        (first.type, first.message, first.raised_at.function.rpartition(".")[2], first.request_id),
        (hang.type, hang.message),
        recorder.masked,
    ) == (
        kind != "publish",
        "CancelledError",
        ("PermissionError", "not allowed", "fail", "req-42"),
        (
            "runtime_never_idle",
            f"the runtime waits for ever for messages: Intervening.on_{kind} raised for one of request req-42",
        ),
        [False, False],
    )


@pytest.mark.parametrize("kind", ["send", "publish", "response"])
def test_intervention_handler_that_drops_is_told_when_the_runtime_hangs(recorder, kind):
    """To drop a message is no fault, but the runtime that is stopped after it hangs, and that is told before."""
    sent, stopped = intervene(kind, lambda: DropMessage)

    faults = [(fault.type, fault.message) for fault in recorder.facts.faults if fault.type == "runtime_never_idle"]
    assert (type(sent), type(stopped).__name__, faults) == (
        type(None) if kind == "publish" else MessageDroppedException,
        "CancelledError",
        [
            (
                "runtime_never_idle",
                f"the runtime waits for ever for messages: Intervening.on_{kind} dropped one of request req-42",
            )
        ],
    )


def test_intervention_handler_works_in_the_request_of_the_message(recorder):
    """A handler that lets messages pass logs the request, and its span belongs to the request's trace."""
    seen = []

    def look_for(message: Any) -> Any:
        def look() -> Any:
            seen.append(autogen_otel.current_request_id())
            return message

        return look

    intervene("send", look_for(Ask("1")))
    intervene("response", look_for(Ask("1")))
    intervene("publish", look_for(News("1")))

    spans = recorder.named("autogen intercept Intervening")
    assert (seen, {span.attributes.get(names.REQUEST_ID) for span in spans}, recorder.facts.faults) == (
        ["req-42"] * 3,
        {"req-42"},
        [],
    )


def test_unknown_recipient_is_told(recorder):
    """A message to nobody fails in the request that has sent it."""

    async def forward(agent: Working, text: str) -> str:
        return await agent.ask("nobody", text)

    async def main() -> BaseException:
        async with running() as runtime:
            await add(runtime, "forwarding", forward)
            with autogen_otel.request("req-42"):
                return await outcome(runtime.send_message(Ask("1"), AgentId("forwarding", "default")))

    error = asyncio.run(main())

    assert (recorder.fault.message, told(recorder)) == ("Recipient not found", raised(error, agent="forwarding"))


@pytest.mark.parametrize("publishing", [False, True])
def test_agent_that_cannot_be_made_is_told(recorder, publishing):
    """What a factory raises is recorded with the agent, though the runtime drops it where the message is an event."""

    def factory() -> Working:
        raise ConnectionError("no database")

    async def main() -> Any:
        async with running() as runtime:
            await Working.register(runtime, "broken", factory, skip_class_subscriptions=True)
            await runtime.add_subscription(TypeSubscription("default", "broken"))
            with autogen_otel.request("req-42"):
                if publishing:
                    await runtime.publish_message(News("1"), DefaultTopicId())
                    return await runtime.stop_when_idle()
                return await outcome(runtime.send_message(Ask("1"), AgentId("broken", "default")))

    seen = asyncio.run(main())

    story = recorder.story()
    assert (type(seen).__name__, [story[key] for key in ("type", "message", "function", "agent", "request")]) == (
        "NoneType" if publishing else "ConnectionError",
        ["ConnectionError", "no database", "factory", "broken", "req-42"],
    )
    assert recorder.masked == [False]


def test_question_without_a_handler_is_told(recorder):
    """Who asks an agent that has no handler for the question gets None; that is told, and an event is not."""

    async def main() -> list[Any]:
        async with running() as runtime:
            await add(runtime, "deaf", topic="default")
            with autogen_otel.request("req-42"):
                answer = await runtime.send_message(Unknown("1"), AgentId("deaf", "default"))
                await runtime.publish_message(Unknown("2"), DefaultTopicId())
                await runtime.stop_when_idle()
                return [answer]

    seen = asyncio.run(main())

    fault = recorder.fault
    assert (seen, fault.type, fault.message, fault.agent_name, fault.request_id, recorder.masked) == (
        [None],
        "unhandled_message",
        "deaf/default has no handler for Unknown",
        "deaf",
        "req-42",
        [True],
    )
    assert operations(recorder) == ["request", "  invoke_agent deaf!"]


# AutoGen's own spans


def test_healthy_agents_of_a_failed_team_show_no_error(recorder):
    """When one of five members fails, the spans of its own message and of no other member's are errors."""
    members = [Saying("broken", raising(ValueError("boom"))), *(Saying(f"healthy{number}") for number in range(4))]

    async def main() -> None:
        with pytest.raises(RuntimeError), autogen_otel.request("req-42"):
            await team_of(*members).run(task="hello")

    asyncio.run(main())

    failed = [span for span in recorder.spans if span.status.status_code.name == "ERROR"]
    spans = [span.name.partition("_")[0] for span in failed if span.name.startswith("autogen")]
    exceptions = [(span.name, event.name) for span in recorder.spans for event in span.events]
    lines = [line for line in recorder.logs if line["logger"] == "autogen_core" and line["level"] == "error"]
    assert (spans, exceptions, len(recorder.facts.faults), len(lines)) == (
        ["autogen process broken"],
        [("invoke_agent broken", "exception")],
        1,
        1,
    )


class NoTracer(trace.NoOpTracer):
    """A tracer whose spans are of no trace, as all are without a provider in OpenTelemetry 1.39."""

    def start_span(self, *args: Any, **kwargs: Any) -> Any:
        return trace.INVALID_SPAN


class NoProvider(trace.NoOpTracerProvider):
    """What an application gives a runtime that is to make no spans."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        return NoTracer()


def test_runtime_that_makes_no_spans_hides_none_of_ours(recorder):
    """A handler stands below the request though AutoGen's spans between the two are of no trace."""

    async def main() -> None:
        async with running(tracer_provider=NoProvider()) as runtime:
            await add(runtime, "agent")
            with autogen_otel.request("req-42"):
                await runtime.send_message(Ask("1"), AgentId("agent", "default"))

    asyncio.run(main())

    assert recorder.tree() == ["request", "  invoke_agent agent"]


def test_names_of_message_spans_are_few(recorder):
    """Each run of a team has keys of its own, which stand in an attribute and not in the name; so do an agent's."""

    async def main() -> None:
        await team_of(Saying("a")).run(task="go")
        async with running() as runtime:
            await add(runtime, "agent", topic="default")
            for session in ("session-1", "session-2"):
                await runtime.send_message(Ask("1"), AgentId("agent", session))
                await runtime.publish_message(News("1"), DefaultTopicId("default", session))
            await runtime.stop_when_idle()

    asyncio.run(main())

    spans = [span for span in recorder.spans if span.name.startswith("autogen ")]
    assert (
        [name for name in {span.name for span in spans} if any(letter.isdigit() for letter in name)],
        {span.name for span in spans if "agent" in span.name},
        {span.attributes["messaging.destination"] for span in spans} >= {"agent.(session-1)-A", "agent.(session-2)-A"},
    ) == (
        [],
        {f"autogen {step} agent" for step in ("create", "send", "process")},
        True,
    )


@pytest.mark.parametrize("content", [False, True])
def test_messages_stay_private(application, content):
    """A message stands on AutoGen's span of its handling only for those who ask for content, and without secrets."""
    application.spans.clear()
    autogen_otel.instrument(Settings(capture_content=content))

    async def main() -> None:
        async with running() as runtime:
            await add(runtime, "agent", topic="default")
            await runtime.send_message(Ask("my card, password=hunter2"), AgentId("agent", "default"))
            await runtime.publish_message(News("my card"), DefaultTopicId())
            await runtime.stop_when_idle()

    asyncio.run(main())

    spans = application.spans.get_finished_spans()
    texts = [str(span.attributes.get("message")) for span in spans if "message" in span.attributes]
    assert (len(texts), any("my card" in text for text in texts), "hunter2" in str(texts)) == (
        (3 if content else 0),
        content,
        False,
    )


# Under load


def test_200_requests_on_one_runtime_keep_their_ids(recorder):
    """200 runs of ten teams on one shared runtime, 20 at a time: no foreign request ID, and one trace for each."""

    class Loud(Saying):
        async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
            await asyncio.sleep(0)
            _app.warning(messages[-1].content if self.name.startswith("first") else "second")
            return await super().on_messages(messages, cancellation_token)

    async def main() -> None:
        async with running() as runtime:
            idle: asyncio.Queue[Any] = asyncio.Queue()
            for number in range(10):
                members = Loud(f"first{number}"), Loud(f"second{number}")
                idle.put_nowait(team_of(*members, runtime=runtime, name=f"team{number}"))
            limit = asyncio.Semaphore(20)

            async def ask(number: int) -> None:
                async with limit:
                    team = await idle.get()
                    with autogen_otel.request(f"req-{number}"):
                        await team.reset()
                        await team.run(task=f"req-{number}")
                    idle.put_nowait(team)

            await asyncio.gather(*(ask(number) for number in range(200)))

    asyncio.run(main())

    spans = [span for span in recorder.spans if not span.name.startswith("create_agent")]
    pairs = {(span.attributes.get(names.REQUEST_ID), span.context.trace_id) for span in spans}
    lines = [(line["event"], line.get("request_id")) for line in recorder.logs if line["logger"] == "app"]
    foreign = [line for line in lines if line[0] not in {"second", line[1]}]
    agents = Counter(one.request_id for one in recorder.facts.operations if one.kind.value == "invoke_agent")
    expected = {f"req-{number}" for number in range(200)}
    assert (len(pairs), {request_id for request_id, _ in pairs}, foreign, agents, len(lines)) == (
        200,
        expected,
        [],
        dict.fromkeys(expected, 2),
        400,
    )
