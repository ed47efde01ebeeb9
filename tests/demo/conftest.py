"""Fixtures of the demo's tests: providers that end with the test, and clients that do not retry."""

from contextlib import ExitStack

import pytest

from autogen_otel.demo.provider import Provider, echo_tools

openai = pytest.importorskip("openai")


@pytest.fixture
def serve():
    """Start providers: `serve(script, **settings)`; they stop with the test."""
    with ExitStack() as stack:
        yield lambda script=echo_tools, **settings: stack.enter_context(Provider(script, **settings))


@pytest.fixture
def connect():
    """Make OpenAI clients that do not retry: `connect(provider, **settings)`; they close with the test."""
    with ExitStack() as stack:

        def make(provider, **settings):
            # A connection is not used again after five idle seconds, and a busy machine may pause for so long.
            limits = type(openai.DEFAULT_CONNECTION_LIMITS)(keepalive_expiry=None)
            # Certificates take 40 ms to load, for nothing.
            http_client = openai.DefaultHttpxClient(verify=False, limits=limits)
            settings = {"api_key": "k", "base_url": provider.base_url, "max_retries": 0, **settings}
            return stack.enter_context(openai.OpenAI(http_client=http_client, **settings))

        yield make


@pytest.fixture
def pair(monkeypatch):
    """Make a user proxy and an assistant: `pair(provider, tools={...})`, ready to chat.

    Settings are those of the model (`stream=True`); `functions` selects the older API.
    """
    autogen = pytest.importorskip("autogen")
    from support.classic import config, count_without_download, llm_config, tune

    count_without_download(monkeypatch)

    def make(provider, tools=None, *, name="assistant", functions=None, **settings):
        tools = tools or {}
        model = llm_config(config(provider), **({"functions": functions} if functions else {}))
        assistant = autogen.AssistantAgent(name, system_message="You look things up.", llm_config=model)
        user = autogen.UserProxyAgent(
            "user",
            human_input_mode="NEVER",
            code_execution_config=False,
            max_consecutive_auto_reply=3,
            is_termination_msg=lambda message: (message.get("content") or "").endswith("TERMINATE"),
            function_map=tools if functions else None,
        )
        for tool_name, tool in () if functions else tools.items():
            autogen.register_function(tool, caller=assistant, executor=user, name=tool_name, description=tool_name)
        return user, tune(assistant, **settings)

    return make
