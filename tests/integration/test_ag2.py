"""A failing turn of an ag2 agent, sent over OTLP to a real Jaeger and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .programs import send
from .spans import by_id, exceptions, tree

if TYPE_CHECKING:
    from .backends import Jaeger
    from .spans import Span

pytestmark = pytest.mark.integration
pytest.importorskip("ag2", reason="ag2 1.x is not installed")
pytest.importorskip("openai", reason="openai is not installed")

TURN = """
    import asyncio

    import autogen_otel
    from ag2 import Agent
    from ag2.config import OpenAIConfig
    from autogen_otel.demo.provider import Provider, Sequence, echo_tools, insufficient_quota
    from openai import RateLimitError

    autogen_otel.instrument()
    POLICIES = {}

    def lookup_policy(policy_id: str) -> str:
        "A tool."
        return POLICIES[policy_id]

    async def main(base_url):
        config = OpenAIConfig("gpt-4o-mini", api_key="sk-" + "a" * 48, base_url=base_url, max_retries=0)
        assistant = Agent("assistant", config=config, tools=[lookup_policy])
        with autogen_otel.request("req-42"):
            await assistant.ask('call lookup_policy {"policy_id": "p9"}')

    with Provider(Sequence([echo_tools, insufficient_quota()])) as provider:
        try:
            asyncio.run(main(provider.base_url))
        except RateLimitError:
            pass
"""
SERVICE = "policies-ag2"


@pytest.fixture(scope="module")
def turn(jaeger: Jaeger) -> None:
    """Run the agent in a process of its own."""
    send(TURN, jaeger, SERVICE)


def find(jaeger: Jaeger, wanted: dict[str, str]) -> list[Span]:
    """Return the spans of the trace that is found by these attributes, when all have arrived."""
    return jaeger.find(wanted, service=SERVICE, until=lambda found: len(found) == 7)


@pytest.fixture
def spans(jaeger: Jaeger, turn: None) -> list[Span]:
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
def test_failing_turn_is_found(jaeger: Jaeger, turn: None, wanted: dict[str, str]) -> None:
    """Jaeger finds the turn by request ID, by the types of the original exceptions and by the tool, as one tree."""
    assert tree(find(jaeger, wanted)) == (
        (
            "request",
            (
                "invoke_agent assistant",
                ("chat gpt-4o-mini", ("POST",)),
                ("execute_tool lookup_policy",),
                ("chat gpt-4o-mini", ("POST",)),
            ),
        ),
    )


def test_each_original_exception_stands_once(spans: list[Span]) -> None:
    """Both exceptions are on the span in which they were raised, and on no other."""
    found = [
        (span["name"], event["exception.type"], span["attributes"].get("autogen.fault.masked", False))
        for span in spans
        for event in exceptions(span)
    ]
    assert [one for one in found if not one[0].startswith("POST")] == [
        ("execute_tool lookup_policy", "KeyError", True),
        ("chat gpt-4o-mini", "openai.RateLimitError", False),
    ]


def test_every_span_carries_the_request(spans: list[Span]) -> None:
    """Each span, those of HTTP attempts too, carries request ID and agent, and hangs on a span of the same trace."""
    known = by_id(spans)
    assert (
        {span["attributes"]["autogen.request.id"] for span in spans},
        [span["name"] for span in spans if span["parent_id"] and span["parent_id"] not in known],
        [span["attributes"].get("gen_ai.agent.name") for span in spans if span["name"] == "POST"],
    ) == ({"req-42"}, [], ["assistant", "assistant"])


def test_the_request_tells_the_original_exception(spans: list[Span]) -> None:
    """The request's span says what was raised by which agent, and the spans that it passed through are ERROR."""
    request = next(span for span in spans if span["name"] == "request")["attributes"]
    failed = [span["name"] for span in spans if span["status"] == "ERROR" and span["name"] != "POST"]
    assert (request["autogen.fault.type"], request["autogen.fault.agent"], failed) == (
        "openai.RateLimitError",
        "assistant",
        [
            "request",
            "invoke_agent assistant",
            "execute_tool lookup_policy",
            "chat gpt-4o-mini",
        ],
    )
