"""What AutoGen 0.7 does becomes a tree of operations: each call once, whichever way it is made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from autogen_agentchat.agents import CodeExecutorAgent, MessageFilterAgent, SocietyOfMindAgent, UserProxyAgent
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig, PerSourceFilter
from autogen_agentchat.base import ChatAgent, Handoff, Response
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import StructuredMessage, TextMessage
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core.code_executor import CodeBlock
from autogen_core.models import ChatCompletionClient, CreateResult, RequestUsage, UserMessage
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from pydantic import BaseModel
from support.agentchat import Saying, assistant_of, client_of, operations

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import ChatRequest, Provider, Sequence, Text, ToolCalls


async def run(agent: Any, task: str = "go") -> Any:
    return await agent.run(task=task)


async def run_stream(agent: Any, task: str = "go") -> Any:
    return [item async for item in agent.run_stream(task=task)][-1]


@pytest.fixture(params=[run, run_stream])
def ask(request: pytest.FixtureRequest) -> Any:
    """Run an agent or a team, or read its stream."""
    return request.param


def lookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    return f"policy {policy_id}"


CALL = 'call lookup_policy {"policy_id": "p9"}'


async def test_assistant(recorder, provider, ask):
    """An agent's turn, two model calls and the tool between them."""
    await ask(assistant_of(provider, lookup_policy), CALL)

    assert operations(recorder) == [
        "invoke_agent assistant",
        "  chat gpt-4o-mini",
        "  execute_tool lookup_policy",
        "  chat gpt-4o-mini",
    ]


async def test_agent_asked_by_its_own_method(recorder, provider):
    """`on_messages` has no span of AutoGen's; it has one of ours, once."""
    from autogen_core import CancellationToken

    await assistant_of(provider).on_messages([TextMessage(content="go", source="user")], CancellationToken())

    assert operations(recorder) == ["invoke_agent assistant", "  chat gpt-4o-mini"]


async def test_round_robin(recorder, provider, ask):
    """A team is a workflow; each turn of a member is below it."""
    await ask(RoundRobinGroupChat([assistant_of(provider), Saying("b")], max_turns=3))

    assert operations(recorder) == [
        "invoke_workflow RoundRobinGroupChat",
        "  invoke_agent assistant",
        "    chat gpt-4o-mini",
        "  invoke_agent b",
        "  invoke_agent assistant",
        "    chat gpt-4o-mini",
    ]


async def test_selector(recorder, ask):
    """The model call that selects the speaker is the selection's, not an agent's."""
    with Provider(Text("b")) as provider:
        await ask(SelectorGroupChat([Saying("a"), Saying("b")], client_of(provider), max_turns=1))

    (chat,) = recorder.named("chat gpt-4o-mini")
    assert (operations(recorder), names.AGENT_NAME in chat.attributes) == (
        ["invoke_workflow SelectorGroupChat", "  select_speaker", "    chat gpt-4o-mini", "  invoke_agent b"],
        False,
    )


async def test_swarm(recorder, ask):
    """A handoff is a tool call."""
    with Provider(Sequence([ToolCalls(("transfer_to_b", "{}")), Text("hi")])) as provider:
        first = assistant_of(provider, name="a", handoffs=[Handoff(target="b")])
        await ask(Swarm([first, Saying("b")], termination_condition=MaxMessageTermination(5)))

    assert operations(recorder)[:4] == [
        "invoke_workflow Swarm",
        "  invoke_agent a",
        "    chat gpt-4o-mini",
        "    execute_tool transfer_to_b",
    ]


def ledger(chat: ChatRequest) -> Text:
    """Answer as MagenticOne's orchestrator wants it: one agent speaks, then all is done."""
    if "JSON" not in json.dumps(chat.messages[-1]):
        return Text("a plan")
    done = any("hi from a" in json.dumps(message) for message in chat.messages)
    entry = {"reason": "so", "answer": done}
    return Text(
        json.dumps(
            {
                "is_request_satisfied": entry,
                "is_progress_being_made": {"reason": "so", "answer": True},
                "is_in_loop": {"reason": "so", "answer": False},
                "instruction_or_question": {"reason": "so", "answer": "speak"},
                "next_speaker": {"reason": "so", "answer": "a"},
            }
        )
    )


async def test_magentic_one(recorder, ask):
    """The orchestrator's model calls are the team's own."""
    with Provider(ledger) as provider:
        team = MagenticOneGroupChat([Saying("a", lambda: "hi from a")], client_of(provider), max_turns=3)
        await ask(team)

    tree = operations(recorder)
    assert (tree[0], {line for line in tree[1:] if "chat" not in line}, len(tree) > 5) == (
        "invoke_workflow MagenticOneGroupChat",
        {"  invoke_agent a"},
        True,
    )


async def test_graph_flow(recorder, ask):
    """Nodes that run at once are siblings."""
    builder, start, nodes = DiGraphBuilder(), Saying("a"), [Saying("x"), Saying("y")]
    builder.add_node(start)
    for node in nodes:
        builder.add_node(node).add_edge(start, node)

    await ask(GraphFlow([start, *nodes], graph=builder.build()))

    assert sorted(operations(recorder)) == [
        "  invoke_agent a",
        "  invoke_agent x",
        "  invoke_agent y",
        "invoke_workflow GraphFlow",
    ]


async def test_team_in_a_team(recorder, ask):
    """The inner team is a workflow inside the outer one, by its own name."""
    inner = RoundRobinGroupChat([Saying("a")], max_turns=1, name="inner")

    await ask(RoundRobinGroupChat([inner], max_turns=1))

    assert operations(recorder) == [
        "invoke_workflow RoundRobinGroupChat",
        "  invoke_workflow inner",
        "    invoke_agent a",
    ]


async def test_society_of_mind(recorder, provider, ask):
    """A team inside an agent, which then asks the model."""
    inner = RoundRobinGroupChat([Saying("a")], max_turns=1, name="inner")

    await ask(SocietyOfMindAgent("society", inner, model_client=client_of(provider)))

    assert operations(recorder) == [
        "invoke_agent society",
        "  invoke_workflow inner",
        "    invoke_agent a",
        "  chat gpt-4o-mini",
    ]


async def test_message_filter(recorder, ask):
    """An agent around an agent has a turn of its own."""
    filtered = MessageFilterAgent(
        "filter",
        Saying("a"),
        filter=MessageFilterConfig(per_source=[PerSourceFilter(source="user", position="last", count=1)]),
    )

    await ask(filtered)

    assert operations(recorder) == ["invoke_agent filter", "  invoke_agent a"]


async def test_agent_as_tool(recorder, provider, ask):
    """An agent that is a tool has its turn below the tool call."""
    await ask(assistant_of(provider, AgentTool(Saying("inner"))), 'call inner {"task": "go"}')

    assert operations(recorder) == [
        "invoke_agent assistant",
        "  chat gpt-4o-mini",
        "  execute_tool inner",
        "    invoke_agent inner",
        "  chat gpt-4o-mini",
    ]


async def test_team_as_tool(recorder, provider, ask):
    """A team that is a tool has its run below the tool call."""
    tool = TeamTool(RoundRobinGroupChat([Saying("a")], max_turns=1), name="team", description="A team.")

    await ask(assistant_of(provider, tool), 'call team {"task": "go"}')

    assert operations(recorder)[2:5] == [
        "  execute_tool team",
        "    invoke_workflow RoundRobinGroupChat",
        "      invoke_agent a",
    ]


async def test_code_executor(recorder, tmp_path, ask):
    """Code that an agent runs; its exception is in the output only."""
    agent = CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(work_dir=tmp_path))

    await ask(agent, "```python\n{}['p9']\n```")

    (code,) = recorder.named("execute_code LocalCommandLineCodeExecutor")
    fault = recorder.fault
    assert (
        operations(recorder),
        code.attributes[names.CODE_EXIT_CODE],
        (fault.type, fault.message, fault.agent_name, fault.kind.value, recorder.masked),
    ) == (
        ["invoke_agent coder", "  execute_code LocalCommandLineCodeExecutor!"],
        1,
        ("KeyError", "'p9'", "coder", "code_failed", [True]),
    )


async def test_code_that_takes_too_long(recorder, tmp_path):
    """A5: an executor that loses patience answers with an exit code, and so does our fault."""
    agent = CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=1))

    with autogen_otel.request("req-42"):
        await agent.run(task="```python\nimport time\n\ntime.sleep(60)\n```")

    (code,) = recorder.named("execute_code LocalCommandLineCodeExecutor")
    assert (recorder.story(), code.attributes[names.CODE_EXIT_CODE]) == (
        {
            "type": "timeout",
            "message": "exit code 124",
            "function": None,
            "agent": "coder",
            "tool": None,
            "request": "req-42",
            "kind": "code_failed",
            "masked": [True],
        },
        124,
    )


async def test_code_executor_of_the_application(recorder, tmp_path):
    """A subclass of an executor has its code run once."""
    from autogen_core import CancellationToken

    await Executor(work_dir=tmp_path).execute_code_blocks([CodeBlock(code="1", language="python")], CancellationToken())

    assert operations(recorder) == ["execute_code Executor"]


class Executor(LocalCommandLineCodeExecutor):
    """An executor that calls its parent's method."""

    async def execute_code_blocks(self, code_blocks: Any, cancellation_token: Any) -> Any:
        return await super().execute_code_blocks(code_blocks, cancellation_token)


async def test_human_input(recorder, ask):
    """The time a human takes is an operation of its own."""
    await ask(UserProxyAgent("user", input_func=lambda prompt: "yes"))

    assert operations(recorder) == ["invoke_agent user", "  await_input user"]


async def test_structured_answer(recorder, ask):
    """A model call whose answer is parsed by openai's client."""

    class Answer(BaseModel):
        text: str

    with Provider(Text('{"text": "hi"}')) as provider:
        result = await ask(assistant_of(provider, output_content_type=Answer))

    (chat,) = recorder.named("chat gpt-4o-mini")
    assert (isinstance(result.messages[-1], StructuredMessage), chat.attributes[names.RESPONSE_MODEL]) == (
        True,
        "gpt-4o-mini-2024-07-18",
    )


class Client(ChatCompletionClient):
    """A model client of the application's, without any provider."""

    def _result(self) -> CreateResult:
        usage = RequestUsage(prompt_tokens=3, completion_tokens=2)
        return CreateResult(finish_reason="stop", content="hi", usage=usage, cached=False)

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        return self._result()

    def create_stream(self, *args: Any, **kwargs: Any) -> Any:
        async def stream() -> Any:
            yield "hi"
            yield self._result()

        return stream()

    async def close(self) -> None:
        pass

    def actual_usage(self) -> Any:
        return RequestUsage(prompt_tokens=0, completion_tokens=0)

    total_usage = actual_usage

    def count_tokens(self, *args: Any, **kwargs: Any) -> int:
        return 0

    remaining_tokens = count_tokens

    @property
    def capabilities(self) -> Any:
        return self.model_info

    @property
    def model_info(self) -> Any:
        keys = ("vision", "function_calling", "json_output", "structured_output")
        return {**dict.fromkeys(keys, False), "family": "unknown"}

    def _to_config(self) -> Any:
        raise NotImplementedError

    @classmethod
    def _from_config(cls, config: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("stream", [False, True])
async def test_client_of_the_application(recorder, stream):
    """A client class that nobody knows is observed too; its `create_stream` is a plain function."""
    from autogen_agentchat.agents import AssistantAgent

    await AssistantAgent("a", model_client=Client(), model_client_stream=stream).run(task="go")

    (chat,) = recorder.named("chat Client")
    assert (operations(recorder), chat.attributes[names.INPUT_TOKENS], chat.attributes[names.OUTPUT_TOKENS]) == (
        ["invoke_agent a", "  chat Client"],
        3,
        2,
    )


class Foreign(ChatAgent):
    """A member of a team that is no BaseChatAgent."""

    name, description = "foreign", "It is none of AutoGen's."
    produced_message_types = (TextMessage,)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        return Response(chat_message=TextMessage(content="hi", source=self.name))

    async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
        yield await self.on_messages(messages, cancellation_token)

    async def run(self, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def run_stream(self, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def on_reset(self, cancellation_token: Any) -> None:
        pass

    on_pause = on_resume = on_reset

    async def save_state(self) -> Any:
        return {}

    async def load_state(self, state: Any) -> None:
        pass

    async def close(self) -> None:
        pass

    def _to_config(self) -> Any:
        raise NotImplementedError

    @classmethod
    def _from_config(cls, config: Any) -> Any:
        raise NotImplementedError


async def test_member_of_another_kind(recorder):
    """Its class is met when the team first asks it."""
    await RoundRobinGroupChat([Foreign()], max_turns=1).run(task="go")

    assert operations(recorder) == ["invoke_workflow RoundRobinGroupChat", "  invoke_agent foreign"]


async def test_client_used_as_a_stream(recorder, provider):
    """`create_stream` past any agent."""
    async for _ in client_of(provider).create_stream([UserMessage(content="hello", source="user")]):
        pass

    assert operations(recorder) == ["chat gpt-4o-mini"]
