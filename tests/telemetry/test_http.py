"""A span for each HTTP attempt inside a request, and nothing outside one."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from autogen_otel.diagnosis.load import StoredSpan, load

CALL = """
    import {first}
    import autogen_otel
    autogen_otel.instrument()
    import {second}
    import {third}
    from autogen_otel.demo.provider import Provider
    from opentelemetry import baggage, context
    with Provider() as provider:
        context.attach(baggage.set_baggage("user", "Erika"))
        for client in (httpx, httpx2):
            with autogen_otel.request(client.__name__):
                client.post(provider.base_url + "/chat/completions", json={{"model": "m", "messages": []}})
            client.post(provider.base_url + "/chat/completions", json={{"model": "m", "messages": []}})
        sent = [("traceparent" in one.headers, "baggage" in one.headers) for one in provider.received]
        print(sent)
"""


@pytest.mark.parametrize("order", [("os", "httpx", "httpx2"), ("os", "httpx2", "httpx"), ("httpx", "httpx2", "os")])
def test_attempts_are_spans_inside_requests_only(tmp_path, order):
    """Whichever is imported first and when, httpx and httpx2 have one span inside a request and none outside.

    The request sends `traceparent`, the call outside does not, and the application's baggage is never sent.
    """
    pytest.importorskip("httpx")
    pytest.importorskip("httpx2")
    script = textwrap.dedent(CALL.format(first=order[0], second=order[1], third=order[2]))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"AUTOGEN_OTEL_STORE": str(tmp_path), "AUTOGEN_OTEL_LOG_LEVEL": "WARNING"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    spans = [record for record in load(tmp_path) if isinstance(record, StoredSpan) and record.name == "POST"]
    assert (done.stdout.strip(), sorted(span.attributes["autogen.request.id"] for span in spans)) == (
        str([(True, False), (False, False)] * 2),
        ["httpx", "httpx2"],
    )
