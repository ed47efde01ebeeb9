"""H20. Groups inside groups, all of them made for the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.demo.provider import Slow, ToolCalls
from autogen_otel.demo.provider.chat import text_of
from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """A model that hands on what it is asked, as long as there is somebody to hand it to."""

    def delegating(chat: ChatRequest) -> Reply:
        if chat.tools and chat.messages[-1]["role"] == "user":
            name = str(chat.tools[0]["function"]["name"])
            return Slow(app.latency, ToolCalls((name, {"objective": text_of(chat.last_user_message)})))
        return app.think(chat)

    return delegating


def serve(app: App) -> None:
    """A group one of whose members asks another group; a team in a team; a helper's helper."""
    handle = {"classic": _groups, "agentchat": _teams, "ag2": _helpers}[app.line.name](app)
    app.loop(handle, app.ask(20, 26, lambda number: f"Agree on number {number}."), at_once=app.rng.randint(4, 8))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app)


def _groups(app: App) -> Any:
    import autogen

    from benchmarks.why500.lines.classic import last

    model = app.line.model(app)
    first, second, third, _ = app.words.agents

    def group(*members: Any) -> Any:
        chat = autogen.GroupChat(list(members), messages=[], max_round=3, speaker_selection_method="round_robin")
        return autogen.GroupChatManager(chat, llm_config=model)

    async def handle(question: Question) -> str:
        visitor = autogen.ConversableAgent(app.words.user, llm_config=False, human_input_mode="NEVER")
        chair = autogen.ConversableAgent(first, llm_config=False, human_input_mode="NEVER")
        inner = group(chair, autogen.AssistantAgent(second, llm_config=model))
        outer = group(visitor, chair, autogen.AssistantAgent(third, llm_config=model))
        asked = {"recipient": inner, "message": question.text, "summary_method": "last_msg", "chat_id": 1}
        chair.register_nested_chats([asked], trigger=outer, use_async=True)
        return last(await visitor.a_initiate_chat(outer, message=question.text, silent=True))

    return handle


def _teams(app: App) -> Any:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.conditions import MaxMessageTermination
    from autogen_agentchat.teams import RoundRobinGroupChat

    model = app.line.model(app)
    first, second, third, _ = app.words.agents

    async def handle(question: Question) -> str:
        members: list[Any] = [AssistantAgent(name, model_client=model.client()) for name in (first, second)]
        inner = RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(3), name="inner")
        lonely = AssistantAgent(third, model_client=model.client())
        outer = RoundRobinGroupChat([inner, lonely], termination_condition=MaxMessageTermination(3))
        return await app.line.ask_async(outer, question.text)

    return handle


def _helpers(app: App) -> Any:
    model = app.line.model(app)
    first, second, third, _ = app.words.agents

    async def handle(question: Question) -> str:
        last = app.line.agents(app, model, name=third)
        middle = app.line.agents(app, model, last.as_tool(description="Ask further."), name=second)
        front = app.line.agents(app, model, middle.as_tool(description="Ask the helper."), name=first)
        return await app.line.ask_async(front, question.text)

    return handle
