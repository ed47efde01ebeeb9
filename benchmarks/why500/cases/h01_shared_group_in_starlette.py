"""H1. Behind Starlette, requests share what a group keeps its talk in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.why500 import oracles
from benchmarks.why500.asgi import in_starlette
from benchmarks.why500.case import AGENT, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ALL
NEEDS = ("starlette",)
HOLD_OUT = True


def serve(app: App) -> None:
    """A group chat in threads; members of fresh teams; a stream for each room, and there are few rooms."""
    handle = {"classic": _group, "agentchat": _members, "ag2": _rooms}[app.line.name](app)
    questions = app.ask(20, 28, lambda number: f"Discuss {number} in room {number % 3}.")
    app.answers += in_starlette(handle, questions, app.rng.randint(6, 9))


def proof(app: App) -> Proof:
    """Users read each other's tokens."""
    return oracles.crosstalk(app)


def _group(app: App) -> Any:
    import autogen

    from benchmarks.why500.lines.classic import ends, last

    model = app.line.model(app)
    members = [autogen.AssistantAgent(name, llm_config=model) for name in app.words.agents[:2]]
    user = autogen.UserProxyAgent(
        app.words.user, human_input_mode="NEVER", code_execution_config=False, is_termination_msg=ends
    )
    group = autogen.GroupChat([user, *members], messages=[], max_round=3, speaker_selection_method="round_robin")
    manager = autogen.GroupChatManager(group, llm_config=model)
    return lambda question: last(user.initiate_chat(manager, message=question.text, silent=True))


def _members(app: App) -> Any:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.conditions import MaxMessageTermination
    from autogen_agentchat.teams import RoundRobinGroupChat

    members: list[Any] = [
        AssistantAgent(name, model_client=app.line.model(app).shared) for name in app.words.agents[:2]
    ]

    async def handle(question: Question) -> str:
        team = RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(3))
        return await app.line.ask_async(team, question.text)

    return handle


def _rooms(app: App) -> Any:
    from ag2 import MemoryStream

    agent = app.line.agents(app, app.line.model(app))
    rooms = [MemoryStream() for _ in range(3)]

    async def handle(question: Question) -> str:
        room = int(question.text.split("room ")[1].rstrip("."))
        return await app.line.ask_async(agent, question.text, stream=rooms[room])

    return handle
