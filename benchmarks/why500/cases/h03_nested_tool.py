"""H3. A helper that another agent asks has a tool, and that raises an exception of the application's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.demo.provider import Slow, ToolCalls
from autogen_otel.demo.provider.chat import text_of
from benchmarks.why500 import oracles
from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"tool_exception": TOOL}
LINES = ALL
HOLD_OUT = True


class OutOfRange(Exception):  # noqa: N818 - named by somebody who does not say Error
    """Its text has several lines, and the first one says little."""

    def __init__(self, item: str) -> None:
        super().__init__(f"refused\nitem: {item}\nsee the handbook")


def script(app: App) -> Script:
    """A model that asks the helper where there is one to be asked."""

    def delegating(chat: ChatRequest) -> Reply:
        names = {str(tool.get("function", {}).get("name")) for tool in chat.tools}
        helper = next((name for name in names if name not in app.used_tools), None)
        if helper and chat.messages[-1]["role"] == "user":
            argument = "task" if app.line.name == "agentchat" else "objective"
            return Slow(app.latency, ToolCalls((helper, {argument: text_of(chat.last_user_message)})))
        return app.think(chat)

    return delegating


def serve(app: App) -> None:
    """A nested chat; an agent as a tool of another one, elsewhere."""

    def measure(item: str) -> str:
        if item.startswith("z"):
            raise OutOfRange(item)
        return f"found {item}"

    tool = app.tool(measure, app.words.tools[2])
    handle = {"classic": _nested, "agentchat": _as_tool, "ag2": _subagent}[app.line.name](app, tool)
    every = app.rng.randint(3, 5)

    def text(number: int) -> str:
        item = f"z{number}" if number % every == 1 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    app.loop(handle, app.ask(20, 26, text), at_once=app.rng.randint(2, 5))


def proof(app: App) -> Proof:
    """The model was told of each error."""
    missing = [question for question in app.asked if "What about z" in question.text]
    return oracles.told(app, lambda question: question.text.split("What about ")[1].split("?")[0], missing)


def _nested(app: App, tool: Any) -> Any:
    import autogen

    from benchmarks.why500.lines.classic import last

    model = app.line.model(app)

    async def handle(question: Question) -> str:
        helper, runner = app.line.agents(app, model, tool, name=app.words.agents[1])
        front = autogen.ConversableAgent(app.words.agents[0], llm_config=False, human_input_mode="NEVER")
        visitor = autogen.ConversableAgent(app.words.user, llm_config=False, human_input_mode="NEVER")
        asked = {"chat_id": 1, "recipient": helper, "sender": runner, "message": question.text}
        front.register_nested_chats([{**asked, "summary_method": "last_msg"}], trigger=visitor, use_async=True)
        result = await visitor.a_initiate_chat(front, message="Please ask.", max_turns=1, silent=True)
        return last(result)

    return handle


def _as_tool(app: App, tool: Any) -> Any:
    from autogen_agentchat.tools import AgentTool

    model = app.line.model(app)

    async def handle(question: Question) -> str:
        helper = app.line.agents(app, model, tool, name=app.words.agents[1])
        front = app.line.agents(app, model, AgentTool(helper, return_value_as_last_message=True))
        return await app.line.ask_async(front, question.text)

    return handle


def _subagent(app: App, tool: Any) -> Any:
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        helper = app.line.agents(app, model, tool, name=app.words.agents[1])
        front = app.line.agents(app, model, helper.as_tool(description="Ask the helper."))
        return await app.line.ask_async(front, question.text)

    return handle
