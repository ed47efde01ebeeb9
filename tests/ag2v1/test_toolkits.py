"""The tools that ag2 brings itself: MCP servers, shells and sandboxes. What they fail with is told like any tool's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.ag2 import ASSISTANT, agent_of, ask, fail, raised, told
from support.wire import answering

from autogen_otel.core import names

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent
from ag2.tools import LocalEnvironment, SandboxCodeTool, SandboxShellTool

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """
from mcp.server.{module} import {server}

server = {server}("server")


@server.tool()
def boom(policy_id: str) -> str:
    raise KeyError(f"mcp {{policy_id}}")


@server.tool()
def leave() -> str:
    import os

    os._exit(3)


server.run()
"""


def story(tool: str | None, type_: str, **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "agent": ASSISTANT,
        "tool": tool,
        "request": "req-42",
        "kind": "raised",
        "masked": [True],
        **more,
    }


class Broken(LocalEnvironment):
    """A place to run commands in that cannot be opened."""

    def open(self, *_: Any, **__: Any) -> Any:
        raise OSError("no space left")


# MCP


def toolkit(command: str, *args: str) -> Any:
    """Return the tools of an MCP server."""
    mcp = pytest.importorskip("ag2.tools.toolkits.mcp_server", exc_type=ImportError)
    pytest.importorskip("mcp", reason="mcp is not installed")
    try:
        return mcp.MCPToolkit(mcp.MCPStdioServerConfig(command=command, args=list(args)))
    except ImportError as error:
        pytest.skip(str(error))


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """Return the tools of a server that has two."""
    path = tmp_path / "server.py"
    try:
        import mcp.server.mcpserver  # noqa: F401

        path.write_text(SERVER.format(module="mcpserver", server="MCPServer"))
    except ImportError:
        path.write_text(SERVER.format(module="fastmcp", server="FastMCP"))
    return toolkit(sys.executable, str(path))


async def test_tool_of_a_server_that_fails_is_told(recorder, provider, server):
    """What an MCP server says becomes an exception that nobody has raised; it is told with the tool that it is of."""
    await ask(agent_of(provider, server), 'call boom {"policy_id": "p9"}')

    said = recorder.fault.message
    assert ({**recorder.story(), "message": "Error executing tool boom" in said}, recorder.fault.raised_at) == (
        story("boom", "RuntimeError", message=True, function=None),
        None,
    )


async def test_server_that_dies_is_told(recorder, provider, server):
    """The exception of the connection is told, from ag2 1.0.6 on without the group of tasks in which it comes."""
    await ask(agent_of(provider, server), "call leave {}")

    innermost = recorder.fault.chain[0]
    while innermost.members:
        innermost = innermost.members[0]
    told_ = {**recorder.story(), "type": innermost.type.lower(), "message": innermost.message, "function": None}
    assert (told_, innermost.frames != ()) == (
        story("leave", "mcp.shared.exceptions.mcperror", message="Connection closed", function=None),
        True,
    )


async def test_server_that_does_not_start_is_told(recorder, provider):
    """The tools are asked for before the model is; there is no tool yet to blame."""
    error = await fail(agent_of(provider, toolkit("/nonexistent")))

    assert (told(recorder)["type"], told(recorder)) == ("FileNotFoundError", raised(error))


# Shells and sandboxes


async def test_shell_that_cannot_be_opened_is_told(recorder, provider):
    """What a backend of the shell raises is the tool's."""
    shell = SandboxShellTool(Broken())

    await ask(agent_of(provider, shell), 'call run_shell_command {"command": "ls"}')

    assert recorder.story() == story("run_shell_command", "OSError", message="no space left", function="open")


async def test_bash_of_anthropic_that_cannot_be_opened_is_told(recorder):
    """Anthropic's own tool makes its event by itself, past the function that every other tool is."""
    pytest.importorskip("anthropic", reason="anthropic is not installed")
    builtin = pytest.importorskip("ag2.tools.builtin.anthropic_bash", reason="this version of ag2 does not have it")
    from ag2.config import AnthropicConfig

    answer = {
        "id": "one",
        "type": "message",
        "role": "assistant",
        "model": "some-model",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    call = {"type": "tool_use", "id": "call_1", "name": "bash", "input": {"command": "ls"}}
    first = {**answer, "content": [call], "stop_reason": "tool_use"}
    last = {**answer, "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}

    with answering(200, first, last) as url:
        config = AnthropicConfig("some-model", api_key="k", base_url=url)
        await ask(Agent(ASSISTANT, config=config, tools=[builtin.AnthropicBashTool(Broken())]), "hello")

    (span,) = recorder.named("execute_tool bash")
    assert (recorder.story(), span.attributes[names.TOOL_CALL_ID]) == (
        story("bash", "OSError", message="no space left", function="open"),
        "call_1",
    )


async def test_code_that_fails_in_a_sandbox_is_told(recorder, provider, tmp_path):
    """Only its output tells what code has raised; the exception in it is told, with its line."""
    tool = SandboxCodeTool(LocalEnvironment(tmp_path))
    code = r"{\"a\": 1}[\"b\"]"

    await ask(agent_of(provider, tool), f'call run_code {{"language": "python", "code": "{code}"}}')

    (span,) = recorder.named("execute_code CodeAdapter")
    frame = recorder.fault.raised_at
    assert (
        recorder.story(),
        (frame.file, frame.line),
        [span.attributes[key] for key in (names.CODE_EXIT_CODE, names.CODE_LANGUAGES, names.AGENT_NAME)],
    ) == (
        story("run_code", "KeyError", message="'b'", kind="code_failed", function="<module>"),
        ("<string>", 1),
        [1, ("python",), ASSISTANT],
    )
