"""A failing team of autogen_agentchat, sent over OTLP to a real Jaeger and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .programs import send
from .spans import by_id, exceptions, tree

if TYPE_CHECKING:
    from .backends import Jaeger
    from .spans import Span

pytestmark = pytest.mark.integration
pytest.importorskip("autogen_agentchat", reason="autogen_agentchat is not installed")
pytest.importorskip("autogen_ext.models.openai", reason="autogen-ext[openai] is not installed")

TEAM = """
    import asyncio

    import autogen_otel
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.teams import RoundRobinGroupChat
    from autogen_core.tools import FunctionTool
    from autogen_ext.models.openai import OpenAIChatCompletionClient
    from autogen_otel.demo.provider import Provider, insufficient_quota, per_model

    autogen_otel.instrument()
    POLICIES = {}

    def lookup_policy(policy_id: str) -> str:
        return POLICIES[policy_id]

    async def main(base_url):
        def client(model):
            return OpenAIChatCompletionClient(model=model, api_key="sk-" + "a" * 48, base_url=base_url, max_retries=0)

        tool = FunctionTool(lookup_policy, name="lookup_policy", description="A tool.")
        members = [
            AssistantAgent("assistant", client("gpt-4o-mini"), tools=[tool]),
            AssistantAgent("reviewer", client("gpt-4o")),
        ]
        with autogen_otel.request("req-42"):
            await RoundRobinGroupChat(members, max_turns=2).run(task='call lookup_policy {"policy_id": "p9"}')

    with Provider(per_model({"gpt-4o": insufficient_quota()})) as provider:
        try:
            asyncio.run(main(provider.base_url))
        except RuntimeError:
            pass
"""
SERVICE = "policies-agentchat"


@pytest.fixture(scope="module")
def team(jaeger: Jaeger) -> None:
    """Run the team in a process of its own."""
    send(TEAM, jaeger, SERVICE)


def find(jaeger: Jaeger, wanted: dict[str, str]) -> list[Span]:
    """Return the spans of the trace that is found by these attributes, when all have arrived."""
    return jaeger.find(wanted, service=SERVICE, until=lambda found: len(found) == 9)


@pytest.fixture
def spans(jaeger: Jaeger, team: None) -> list[Span]:
    """Give all spans of the request."""
    return find(jaeger, {"autogen.request.id": "req-42"})


@pytest.mark.parametrize(
    "wanted",
    [
        {"autogen.request.id": "req-42"},
        {"exception.type": "openai.RateLimitError"},
        {"exception.type": "KeyError"},
        {"gen_ai.tool.name": "lookup_policy"},
    ],
    ids=lambda wanted: " ".join(wanted.values()),
)
def test_failing_team_is_found(jaeger: Jaeger, team: None, wanted: dict[str, str]) -> None:
    """Jaeger finds the run by request ID, by the types of the original exceptions and by the tool, as one tree."""
    assert tree(find(jaeger, wanted)) == (
        (
            "request",
            (
                "invoke_workflow RoundRobinGroupChat",
                ("invoke_agent assistant", ("chat gpt-4o-mini", ("POST",)), ("execute_tool lookup_policy",)),
                ("invoke_agent reviewer", ("chat gpt-4o", ("POST",))),
            ),
        ),
    )


def test_each_original_exception_stands_once(spans: list[Span]) -> None:
    """Both exceptions are on the span in which they were raised; the RuntimeError that the team makes is on none."""
    found = [
        (span["name"], event["exception.type"], span["attributes"].get("autogen.fault.masked", False))
        for span in spans
        for event in exceptions(span)
    ]
    assert [one for one in found if not one[0].startswith("POST")] == [
        ("execute_tool lookup_policy", "KeyError", True),
        ("chat gpt-4o", "openai.RateLimitError", False),
    ]


def test_every_span_carries_the_request(spans: list[Span]) -> None:
    """Each span, those of HTTP attempts too, carries request ID and agent, and hangs on a span of the same trace."""
    known = by_id(spans)
    assert (
        {span["attributes"]["autogen.request.id"] for span in spans},
        [span["name"] for span in spans if span["parent_id"] and span["parent_id"] not in known],
        [span["attributes"].get("gen_ai.agent.name") for span in spans if span["name"] == "POST"],
    ) == ({"req-42"}, [], ["assistant", "reviewer"])


def test_the_request_tells_the_original_exception(spans: list[Span]) -> None:
    """The request's span says what was raised by which agent, and the spans that it passed through are ERROR."""
    request = next(span for span in spans if span["name"] == "request")["attributes"]
    failed = [span["name"] for span in spans if span["status"] == "ERROR" and span["name"] != "POST"]
    assert (request["autogen.fault.type"], request["autogen.fault.agent"], failed) == (
        "openai.RateLimitError",
        "reviewer",
        [
            "request",
            "invoke_workflow RoundRobinGroupChat",
            "execute_tool lookup_policy",
            "invoke_agent reviewer",
            "chat gpt-4o",
        ],
    )
