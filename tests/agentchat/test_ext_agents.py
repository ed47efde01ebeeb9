"""Agents of `autogen_ext` that make a text of what fails: the exception is told, with its agent and its tool."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from autogen_core import CancellationToken
from support.agentchat import ASSISTANT, client_of, line_of, operations, told

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Status

if TYPE_CHECKING:
    from collections.abc import Callable

POLICIES: dict[str, str] = {}
CALLS = {
    "raises": ("lookup_policy", '{"policy_id": "p9"}'),
    "is unknown": ("nope", "{}"),
    "has no arguments": ("lookup_policy", "{"),
}


def lookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    return POLICIES[policy_id]


async def answer(agent: Any, task: str = "hello") -> str:
    """Run an agent in request req-42 and return its answer."""
    with autogen_otel.request("req-42"):
        result = await agent.run(task=task)
    return str(result.messages[-1].content)


# Agents with a hosted model


class Assistants:
    """OpenAI's API of assistants: a run that wants one tool call, and then says what came out of it."""

    def __init__(self, name: str, arguments: str) -> None:
        self._call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        self._output: str | None = None

    def __call__(self, request: Any) -> tuple[int, Any]:
        path = request.url.path.partition("/v1")[2]
        if path.endswith("submit_tool_outputs"):
            (output,) = json.loads(request.content)["tool_outputs"]
            self._output = output["output"]
        if "/runs/" in path:
            return 200, self._run()
        if path.endswith("/runs") and request.method == "POST":
            return 200, {**self._run(), "status": "queued"}
        if path.endswith("/messages") and request.method == "GET":
            return 200, self._messages()
        return 200, {"id": "any", "object": "thread", "created_at": 0, "model": "gpt-4o-mini", "tools": []}

    def _run(self) -> dict[str, Any]:
        done = self._output is not None
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [self._call]}}
        return {
            "id": "run_1",
            "object": "thread.run",
            "status": "completed" if done else "requires_action",
            "required_action": None if done else action,
        }

    def _messages(self) -> dict[str, Any]:
        if self._output is None:
            return {"object": "list", "data": [], "has_more": False}
        text = {"type": "text", "text": {"value": self._output, "annotations": []}}
        return {"object": "list", "data": [{"id": "msg_1", "role": "assistant", "content": [text]}], "has_more": False}


def openai_assistant(name: str, arguments: str) -> Any:
    """Return OpenAI's assistant, with a client that is answered in this process."""
    module = pytest.importorskip("autogen_ext.agents.openai")
    import openai

    httpx = pytest.importorskip("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")
    api = Assistants(name, arguments)

    async def respond(request: Any) -> Any:
        status, body = api(request)
        return httpx.Response(status, json=body)

    client = openai.AsyncOpenAI(
        api_key="sk-" + "a" * 48,
        max_retries=0,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(respond)),
    )
    return module.OpenAIAssistantAgent(
        name=ASSISTANT,
        description="An assistant.",
        client=client,
        model="gpt-4o-mini",
        instructions="Answer.",
        tools=[lookup_policy],
    )


def azure_agent(name: str, arguments: str) -> Any:
    """Return Azure's agent, with a project that does what Azure's would do."""
    module = pytest.importorskip("autogen_ext.agents.azure", exc_type=ImportError)
    models = pytest.importorskip("azure.ai.agents.models")
    said: list[str] = []

    async def some(*args: Any, **kwargs: Any) -> Any:
        return SimpleNamespace(id="any")

    async def run(*args: Any, **kwargs: Any) -> Any:
        if said:
            return SimpleNamespace(id="run_1", status=models.RunStatus.COMPLETED)
        call = models.RequiredFunctionToolCall(
            id="call_1", function=models.RequiredFunctionToolCallDetails(name=name, arguments=arguments)
        )
        action = models.SubmitToolOutputsAction(submit_tool_outputs=models.SubmitToolOutputsDetails(tool_calls=[call]))
        return SimpleNamespace(id="run_1", status=models.RunStatus.REQUIRES_ACTION, required_action=action)

    async def submit(*args: Any, tool_outputs: Any, **kwargs: Any) -> Any:
        said.append(tool_outputs[0].output)
        return await run()

    async def messages(*args: Any, **kwargs: Any) -> Any:
        for text in said:
            content = models.MessageTextContent(text=models.MessageTextDetails(value=text, annotations=[]))
            yield models.ThreadMessage(id="msg_1", role="assistant", content=[content])

    agents = SimpleNamespace(
        create_agent=some,
        threads=SimpleNamespace(create=some),
        messages=SimpleNamespace(create=some, list=messages),
        runs=SimpleNamespace(create=run, get=run, submit_tool_outputs=submit),
    )
    return module.AzureAIAgent(
        name=ASSISTANT,
        description="An agent.",
        project_client=SimpleNamespace(agents=agents),
        deployment_name="gpt-4o-mini",
        instructions="Answer.",
        tools=[lookup_policy],
    )


@pytest.mark.parametrize("make", [openai_assistant, azure_agent])
async def test_tool_of_a_hosted_agent_that_raises_is_told(recorder, make):
    """A3: the model is told `Error: 'p9'`; the exception is told with its line."""
    said = await answer(make(*CALLS["raises"]))

    (span,) = recorder.named("execute_tool lookup_policy")
    assert (said, told(recorder), span.attributes[names.TOOL_CALL_ID]) == (
        "Error: 'p9'",
        {
            "type": "KeyError",
            "message": "'p9'",
            "function": "lookup_policy",
            "place": f"{__file__}:{line_of(lookup_policy, 'return POLICIES')}",
            "agent": ASSISTANT,
            "tool": "lookup_policy",
            "request": "req-42",
            "kind": "raised",
            "masked": [True],
        },
        "call_1",
    )


@pytest.mark.parametrize("make", [openai_assistant, azure_agent])
@pytest.mark.parametrize(
    ("call", "type_", "kind"),
    [
        ("is unknown", "ValueError", "unknown_tool"),
        ("has no arguments", "json.decoder.JSONDecodeError", "bad_arguments"),
    ],
)
async def test_call_of_a_hosted_agent_that_reaches_no_tool_is_told(recorder, make, call, type_, kind):
    """A3: a tool that the model made up, and arguments that are no JSON, are no exception of a tool."""
    await answer(make(*CALLS[call]))

    story = told(recorder)
    assert [story[key] for key in ("type", "kind", "agent", "tool", "request", "masked")] == [
        type_,
        kind,
        ASSISTANT,
        CALLS[call][0],
        "req-42",
        [True],
    ]


# Surfers


def file_surfer(provider: Provider, path: Any) -> Any:
    """Return a surfer of files below a folder."""
    module = pytest.importorskip("autogen_ext.agents.file_surfer", exc_type=ImportError)
    return module.FileSurfer(ASSISTANT, client_of(provider), base_path=str(path))


def web_surfer(provider: Provider) -> Any:
    """Return a surfer of the web that has no browser yet."""
    module = pytest.importorskip("autogen_ext.agents.web_surfer", exc_type=ImportError)
    return module.MultimodalWebSurfer(ASSISTANT, client_of(provider))


async def test_file_surfer_that_answers_with_a_traceback_is_told(recorder, provider, tmp_path, monkeypatch):
    """A4: what a tool of the surfer raises is told in that tool, and the run looks well."""
    surfer = file_surfer(provider, tmp_path)

    def convert(path: str) -> Any:
        raise MemoryError("too large")

    (tmp_path / "large.pdf").write_text("")
    monkeypatch.setattr(surfer._browser._markdown_converter, "convert_local", convert)
    said = await answer(surfer, f'call open_path {{"path": "{tmp_path / "large.pdf"}"}}')

    assert (said.startswith("File surfing error:"), told(recorder), operations(recorder)) == (
        True,
        {
            "type": "MemoryError",
            "message": "too large",
            "function": "convert",
            "place": f"{__file__}:{line_of(test_file_surfer_that_answers_with_a_traceback_is_told, 'raise Memory')}",
            "agent": ASSISTANT,
            "tool": "open_path",
            "request": "req-42",
            "kind": "raised",
            "masked": [True],
        },
        ["request", f"  invoke_agent {ASSISTANT}", "    chat gpt-4o-mini", "    execute_tool open_path!"],
    )


async def test_file_surfer_that_misses_an_argument_is_told(recorder, provider, tmp_path):
    """A4: a call without its path never reaches the tool."""
    await answer(file_surfer(provider, tmp_path), "call open_path {}")

    story = told(recorder)
    assert [story[key] for key in ("type", "message", "function", "agent", "tool", "request", "kind", "masked")] == [
        "KeyError",
        "'path'",
        "_generate_reply",
        ASSISTANT,
        "open_path",
        "req-42",
        "bad_arguments",
        [True],
    ]


@pytest.mark.parametrize("surfer", ["files", "web"])
async def test_surfer_that_answers_with_a_failed_model_call_is_told(recorder, tmp_path, surfer, surfing):
    """A4: a failure of the provider is told on the model call, once; the agent answers on."""
    with Provider(Status(500)) as provider:
        said = await answer(file_surfer(provider, tmp_path) if surfer == "files" else surfing(provider))

    story = told(recorder)
    assert (
        "surfing error:" in said,
        [story[key] for key in ("type", "function", "agent", "tool", "request", "masked")],
        operations(recorder),
    ) == (
        True,
        ["openai.InternalServerError", "request", ASSISTANT, None, "req-42", [True]],
        ["request", f"  invoke_agent {ASSISTANT}", "    chat gpt-4o-mini!"],
    )


async def test_surfer_that_answers_with_its_cancellation_is_told(recorder, provider, tmp_path):
    """A4: a surfer catches a cancellation too, makes its answer of it, and goes on."""
    surfer, token = file_surfer(provider, tmp_path), CancellationToken()
    token.cancel()

    with autogen_otel.request("req-42"):
        result = await surfer.run(task="hello", cancellation_token=token)

    fault = recorder.fault
    assert (
        "surfing error:" in result.messages[-1].content,
        (fault.type, fault.agent_name, fault.request_id, recorder.masked),
    ) == (True, ("asyncio.exceptions.CancelledError", ASSISTANT, "req-42", [True]))


async def test_web_surfer_without_a_browser_is_told(recorder, provider, tmp_path, monkeypatch):
    """A4: the browser that is not installed is the surfer's answer; playwright's exception is told."""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    surfer = web_surfer(provider)

    said = await answer(surfer)
    await surfer._playwright.stop()

    story = told(recorder)
    assert (said.startswith("Web surfing error:"), [story[key] for key in ("type", "agent", "request", "masked")]) == (
        True,
        ["playwright._impl._errors.Error", ASSISTANT, "req-42", [True]],
    )


@pytest.fixture
def surfing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Provider], Any]:
    """Let a web surfer have a page though there is no browser."""
    image = pytest.importorskip("PIL.Image")
    picture = io.BytesIO()
    image.new("RGB", (64, 64)).save(picture, "PNG")

    class Anything:
        """A page of which nothing is known."""

        url = "about:blank"

        async def screenshot(self, **_: Any) -> bytes:
            return picture.getvalue()

        async def title(self) -> str:
            return "title"

        async def get_interactive_rects(self, _: Any) -> dict[str, Any]:
            return {}

        async def get_visual_viewport(self, _: Any) -> dict[str, int]:
            return dict.fromkeys(
                ("pageTop", "pageLeft", "height", "width", "scrollHeight", "scrollWidth", "clientHeight"), 64
            )

        async def get_focused_rect_id(self, _: Any) -> None:
            return None

        async def get_page_metadata(self, _: Any) -> dict[str, Any]:
            return {}

        async def get_visible_text(self, _: Any) -> str:
            return ""

        async def click_id(self, _: Any, identifier: str) -> None:
            raise LookupError(f"no element {identifier}")

    def make(provider: Provider) -> Any:
        surfer = web_surfer(provider)
        surfer.did_lazy_init, surfer._page, surfer._playwright_controller = True, Anything(), Anything()
        return surfer

    return make


async def test_tool_of_a_web_surfer_that_raises_is_told(recorder, provider, surfing):
    """A4: what a tool of the surfer raises is told in that tool."""
    said = await answer(surfing(provider), 'call click {"target_id": "7"}')

    (span,) = recorder.named("execute_tool click")
    story = told(recorder)
    assert (
        said.startswith("Web surfing error:"),
        [story[key] for key in ("type", "message", "function", "agent", "tool", "request", "masked")],
        span.attributes[names.TOOL_CALL_ID],
    ) == (
        True,
        ["LookupError", "no element 7", "click_id", ASSISTANT, "click", "req-42", [True]],
        "call_1_1",
    )
