"""S3. One team is made with the module and answers several requests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.demo.provider import Slow, ToolCalls
from benchmarks.why500 import oracles
from benchmarks.why500.case import AGENT, Proof

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ("classic", "agentchat", "ag2")


def serve(app: App) -> None:
    """A group chat; a round-robin team, which says that it is running; an AG2 helper with one stream for all."""
    ask = {"classic": _group, "agentchat": _team, "ag2": _helper}[app.line.name](app)
    app.loop(ask, app.ask(20, 26, lambda number: f"Settle case {number}."), at_once=app.rng.randint(3, 7))


def script(app: App) -> Script:
    """A model that hands everything to the helper, where there is one."""

    def delegating(chat: ChatRequest) -> Reply:
        if chat.tools and chat.messages[-1]["role"] == "user":
            objective = f"Settle the case of [rq:{chat.tokens[-1]}]."
            return Slow(app.latency, ToolCalls((f"task_{app.words.agents[1]}", {"objective": objective})))
        return app.think(chat)

    return delegating


def proof(app: App) -> Proof:
    """Users read each other's tokens, or are turned away because another one's request runs."""
    mixed = oracles.crosstalk(app)
    if app.line.name != "agentchat":
        return mixed
    turned_away = frozenset(
        answer.question.id for answer in app.answers if answer.error and "already running" in answer.error.message
    )
    everybody = frozenset(question.id for question in app.asked)
    return Proof(bool(turned_away), f"{len(turned_away)} of {len(app.answers)} turned away", turned_away, everybody)


def _group(app: App) -> Any:
    import autogen

    from benchmarks.why500.lines.classic import ends, last

    model = app.line.model(app)
    members = [autogen.AssistantAgent(name, llm_config=model) for name in app.words.agents[:3]]
    user = autogen.UserProxyAgent(
        app.words.user, human_input_mode="NEVER", code_execution_config=False, is_termination_msg=ends
    )
    group = autogen.GroupChat([user, *members], messages=[], max_round=4, speaker_selection_method="round_robin")
    manager = autogen.GroupChatManager(group, llm_config=model)

    async def ask(question: Question) -> str:
        return last(await user.a_initiate_chat(manager, message=question.text, silent=True))

    return ask


def _team(app: App) -> Any:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.conditions import MaxMessageTermination
    from autogen_agentchat.teams import RoundRobinGroupChat

    members: list[Any] = [
        AssistantAgent(name, model_client=app.line.model(app).shared) for name in app.words.agents[:2]
    ]
    team = RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(3))

    async def ask(question: Question) -> str:
        return await app.line.ask_async(team, question.text)

    return ask


def _helper(app: App) -> Any:
    from ag2 import Agent, MemoryStream

    model = app.line.model(app)
    helper = Agent(app.words.agents[1], "You help.", config=model)
    tool = helper.as_tool(description="Ask the helper.", stream=MemoryStream())
    front = Agent(app.words.agents[0], "You answer.", config=model, tools=[tool])

    async def ask(question: Question) -> str:
        return await app.line.ask_async(front, question.text)

    return ask
