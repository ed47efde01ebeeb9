"""H33. Agents are made with a few examples of how to talk, and users say just what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.demo.provider import Slow, Text
from benchmarks.why500.case import Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True
_EXAMPLES = (("Good morning", "Good morning, what can I do?"), ("Where is my order?", "Please tell me its number."))


def script(app: App) -> Script:
    """A model that has learnt from the examples."""
    learnt = dict(_EXAMPLES)

    def polite(chat: ChatRequest) -> Reply:
        said = str(chat.last_user_message.get("content"))
        return Slow(app.latency, Text(f"{learnt[said]} TERMINATE" if app.line.name == "classic" else learnt[said]))

    return polite


def serve(app: App) -> None:
    """Every request makes an agent with the examples in its history."""
    ask = asking(app)

    async def handle(question: Question) -> str:
        number = int(question.text.rpartition(" ")[2])
        answer: str = await ask(_EXAMPLES, _EXAMPLES[number % 2][0])
        return answer

    app.loop(handle, app.ask(20, 30, lambda number: f"This is {number}"), at_once=app.rng.randint(3, 8))


def proof(app: App) -> Proof:
    """The model was given the examples and one question each time, and everybody read what the examples say."""
    expected = 2 * len(_EXAMPLES) + 1
    odd = [
        seen
        for seen in app.provider.received
        if sum(message["role"] in {"user", "assistant"} for message in seen.body["messages"]) != expected
    ]
    wrong = [
        answer
        for answer in app.answers
        if answer.status != 200 or not any(said in answer.text for _, said in _EXAMPLES)
    ]
    return Proof(not odd and not wrong, f"{len(wrong)} of {len(app.answers)} wrong, {len(odd)} odd prompts")


def asking(app: App) -> Any:
    """Return a function that asks a fresh agent, which has a history: pairs of what was said and answered."""
    return {"classic": _classic, "agentchat": _agentchat, "ag2": _ag2}[app.line.name](app)


def _classic(app: App) -> Any:
    model = app.line.model(app)

    async def ask(history: Iterable[tuple[str, str]], text: str) -> str:
        assistant, user = app.line.agents(app, model)
        for said, answer in history:
            assistant.chat_messages[user] += [
                {"role": "user", "content": said, "name": user.name},
                {"role": "assistant", "content": answer, "name": assistant.name},
            ]
        return await app.line.ask_async((assistant, user), text, clear_history=False)

    return ask


def _agentchat(app: App) -> Any:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_core.model_context import UnboundedChatCompletionContext
    from autogen_core.models import AssistantMessage, UserMessage

    model = app.line.model(app)

    async def ask(history: Iterable[tuple[str, str]], text: str) -> str:
        before: list[Any] = []
        for said, answer in history:
            before += [UserMessage(content=said, source="user"), AssistantMessage(content=answer, source="assistant")]
        context = UnboundedChatCompletionContext(initial_messages=before)
        agent = AssistantAgent(app.words.agents[0], model_client=model.client(), model_context=context)
        return await app.line.ask_async(agent, text)

    return ask


def _ag2(app: App) -> Any:
    from ag2 import MemoryStream
    from ag2.events import ModelMessage, ModelRequest, ModelResponse

    model = app.line.model(app)

    async def ask(history: Iterable[tuple[str, str]], text: str) -> str:
        stream = MemoryStream()
        events: list[Any] = []
        for said, answer in history:
            events += [ModelRequest.ensure_request([said]), ModelResponse(ModelMessage(answer))]
        await stream.history.replace(events)
        return await app.line.ask_async(app.line.agents(app, model), text, stream=stream)

    return ask
