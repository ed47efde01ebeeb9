"""A failing chat of classic AutoGen, sent over OTLP to a real Jaeger and read back."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from .programs import run, send
from .spans import by_id, exceptions, tree

if TYPE_CHECKING:
    from pathlib import Path

    from .backends import Jaeger
    from .conftest import CollectorFactory

pytestmark = pytest.mark.integration
pytest.importorskip("autogen", reason="classic AutoGen is not installed")

CHAT = """
    import autogen_otel
    from autogen import AssistantAgent, UserProxyAgent, register_function
    from autogen_otel.demo.provider import Provider, rate_limit_exceeded, Sequence, echo_tools

    autogen_otel.instrument()
    POLICIES = {}

    def lookup_policy(policy_id: str) -> str:
        return POLICIES[policy_id]

    with Provider(Sequence([rate_limit_exceeded(0.01), echo_tools])) as provider:
        entry = {"model": "gpt-4o-mini", "api_key": "sk-" + "a" * 48, "base_url": provider.base_url, "price": [0, 0]}
        assistant = AssistantAgent("assistant", llm_config={"config_list": [entry], "cache_seed": None})
        user = UserProxyAgent(
            "user", human_input_mode="NEVER", code_execution_config=False,
            is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
        )
        register_function(lookup_policy, caller=assistant, executor=user, name="lookup_policy", description="A tool.")
        with autogen_otel.request("req-42"):
            user.initiate_chat(assistant, message='call lookup_policy {"policy_id": "p9"}', silent=True)
"""


@pytest.fixture(scope="module")
def chat(jaeger: Jaeger) -> str:
    """Run the chat in a process of its own; return the name of its service."""
    send(CHAT, jaeger, "policies")
    return "policies"


@pytest.mark.parametrize(
    "wanted",
    [{"autogen.request.id": "req-42"}, {"exception.type": "KeyError"}, {"gen_ai.tool.name": "lookup_policy"}],
    ids=lambda wanted: next(iter(wanted)),
)
def test_failing_chat_is_found(jaeger: Jaeger, chat: str, wanted: dict[str, str]) -> None:
    """Jaeger finds the chat by request ID, by the type of the original exception and by the tool, as one tree."""
    spans = jaeger.find(wanted, service=chat, until=lambda found: len(found) == 12)

    assert tree(spans) == (
        (
            "request",
            (
                "invoke_workflow user -> assistant",
                ("invoke_agent assistant", ("chat gpt-4o-mini", ("POST",), ("POST",))),
                ("invoke_agent user", ("execute_tool lookup_policy",)),
                ("invoke_agent assistant", ("chat gpt-4o-mini", ("POST",))),
                ("invoke_agent user",),
            ),
        ),
    )


def test_original_exception_is_on_the_tools_span(jaeger: Jaeger, chat: str) -> None:
    """The exception event stands once, on the tool's span, which is marked as masked."""
    spans = jaeger.find({"autogen.request.id": "req-42"}, service=chat, until=lambda found: len(found) == 12)

    found = [
        (span["name"], event["exception.type"], event["exception.message"], span["attributes"]["autogen.fault.masked"])
        for span in spans
        for event in exceptions(span)
        if event["exception.type"] == "KeyError"
    ]
    assert found == [("execute_tool lookup_policy", "KeyError", "'p9'", True)]


def test_every_span_carries_the_request(jaeger: Jaeger, chat: str) -> None:
    """Each span, those of HTTP attempts too, carries request ID and agent, and hangs on a span of the same trace."""
    spans = jaeger.find({"autogen.request.id": "req-42"}, service=chat, until=lambda found: len(found) == 12)

    known = by_id(spans)
    assert (
        {span["attributes"]["autogen.request.id"] for span in spans},
        [span["name"] for span in spans if span["parent_id"] and span["parent_id"] not in known],
        {span["attributes"].get("gen_ai.agent.name") for span in spans if span["name"] == "POST"},
    ) == ({"req-42"}, [], {"assistant"})


def test_model_span_tells_its_attempts(jaeger: Jaeger, chat: str) -> None:
    """The 429 that the client's retry has hidden is on the model's span: attempts and their statuses."""
    spans = jaeger.find({"autogen.request.id": "req-42"}, service=chat, until=lambda found: len(found) == 12)

    calls = [span["attributes"] for span in spans if span["name"] == "chat gpt-4o-mini"]
    statuses = [(call["autogen.model.attempts"], list(call["autogen.model.attempt_statuses"])) for call in calls]
    assert sorted(statuses) == [(1, [200]), (2, [429, 200])]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the chat without any endpoint; return the local store that it leaves."""
    path = tmp_path_factory.mktemp("chat") / "store"
    run(CHAT, AUTOGEN_OTEL_STORE=str(path), OTEL_SERVICE_NAME="stored")
    return path


def test_collector_reads_the_local_store(jaeger: Jaeger, collector_factory: CollectorFactory, store: Path) -> None:
    """The Collector's file receiver sends a store to Jaeger as it stands, and nothing is missing."""
    collector = collector_factory(
        "store.yaml",
        AUTOGEN_OTEL_STORE=str(store),
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        OTELCOL_LOGS_TO="[debug]",
    )
    with collector:
        spans = jaeger.find({"autogen.request.id": "req-42"}, service="stored", until=lambda found: len(found) == 12)

    assert [span["name"] for span in spans if exceptions(span) and span["name"].startswith("execute_tool")] == [
        "execute_tool lookup_policy"
    ]


def test_jaegers_upload_reads_the_local_store(jaeger: Jaeger, store: Path) -> None:
    """What Jaeger's web page does with an uploaded file of the store gives all spans of the request.

    The page joins the lines of the file into one document and posts it to /api/transform.
    """
    (file,) = store.glob("traces-*.jsonl")
    resource_spans = [one for line in file.read_text().splitlines() for one in json.loads(line)["resourceSpans"]]
    upload = urllib.request.Request(
        f"{jaeger.query_url}/api/transform",
        data=json.dumps({"resourceSpans": resource_spans}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(upload, timeout=10) as response:
        (trace,) = json.load(response)["data"]

    assert len(trace["spans"]) == 12
