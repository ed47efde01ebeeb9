"""H2. Agents are made for each request, and all of them are given one history that lies in the module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.why500 import oracles
from benchmarks.why500.case import AGENT, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """A list of messages of fresh group chats; a model context of fresh agents; a storage behind fresh streams."""
    handle = {"classic": _messages, "agentchat": _context, "ag2": _storage}[app.line.name](app)
    app.loop(handle, app.ask(20, 26, lambda number: f"Go on with number {number}."), at_once=app.rng.randint(3, 6))


def proof(app: App) -> Proof:
    """Users read each other's tokens, or the model did."""
    return oracles.crosstalk(app)


def _messages(app: App) -> Any:
    import autogen

    from benchmarks.why500.lines.classic import ends, last

    said: list[dict[str, Any]] = []
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        members = [autogen.AssistantAgent(name, llm_config=model) for name in app.words.agents[:3]]
        user = autogen.UserProxyAgent(
            app.words.user, human_input_mode="NEVER", code_execution_config=False, is_termination_msg=ends
        )
        group = autogen.GroupChat([user, *members], messages=said, max_round=3)
        manager = autogen.GroupChatManager(group, name=app.words.agents[3], llm_config=model)
        return last(await user.a_initiate_chat(manager, message=question.text, silent=True))

    return handle


def _context(app: App) -> Any:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_core.model_context import BufferedChatCompletionContext

    context = BufferedChatCompletionContext(buffer_size=40)
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        agent = AssistantAgent(app.words.agents[0], model_client=model.client(), model_context=context)
        return await app.line.ask_async(agent, question.text)

    return handle


def _storage(app: App) -> Any:
    from uuid import uuid4

    from ag2 import MemoryStream
    from ag2.history import MemoryStorage

    storage, conversation = MemoryStorage(), uuid4()
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        stream = MemoryStream(storage, id=conversation)
        return await app.line.ask_async(app.line.agents(app, model), question.text, stream=stream)

    return handle
