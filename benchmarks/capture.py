"""What it costs to turn an exception into data, beside what OpenTelemetry's `record_exception` costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import httpx2
import openai
import openai._base_client
from opentelemetry import trace

from autogen_otel.core.facts import Kind
from autogen_otel.faults.capture import capture
from autogen_otel.operations.opening import open_operation
from benchmarks.clock import microseconds

if TYPE_CHECKING:
    from benchmarks.hosts.classic import Host


def compare(host: Host, times: int) -> dict[str, list[float]]:
    """Return the microseconds of each capture, by case: a tool's KeyError, an error of openai with two causes.

    The two ways take turns, on the same exception.
    """
    operation = open_operation(Kind.TOOL, "benchmark").fact
    tracer = trace.get_tracer("benchmark")
    found: dict[str, list[float]] = {}
    for name, error in (("tool", host.tool_error()), ("openai", _openai_error())):
        ours = found.setdefault(name, [])
        theirs = found.setdefault(f"{name} record_exception", [])
        for _ in range(times):
            ours.append(microseconds(lambda error=error: capture(error, operation)))  # type: ignore[misc]
            span = tracer.start_span("benchmark")
            theirs.append(microseconds(lambda error=error, span=span: span.record_exception(error)))  # type: ignore[misc]
            span.end()
    return found


class _Client(openai.OpenAI):
    """A client that really sends; `Host` takes that away from all others."""

    request = openai._base_client.SyncAPIClient.request


def _openai_error() -> openai.APIConnectionError:
    """Return a connection that failed: the error of openai, made from that of httpx, made from that of the system."""

    def refuse(request: httpx2.Request) -> NoReturn:
        try:
            _connect()
        except ConnectionRefusedError as error:
            raise httpx2.ConnectError(str(error), request=request) from error

    http_client = httpx2.Client(transport=httpx2.MockTransport(refuse))
    client = _Client(api_key="sk-" + "a" * 48, max_retries=0, http_client=http_client)
    try:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "How long?"}])
    except openai.APIConnectionError as error:
        return error
    raise AssertionError("the call did not fail")


def _connect() -> NoReturn:
    raise ConnectionRefusedError(111, "Connection refused")
