"""What tests of shared conversations need: a provider that answers when told to, and what stood in the prompts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.demo.provider import Provider, Text


def prompts(recorder: Any) -> dict[str, list[str]]:
    """Return for each request the requests whose messages stood in its prompts."""
    found: dict[str, list[str]] = {}
    for operation in recorder.facts.operations:
        if operation.kind is Kind.MODEL:
            found.setdefault(operation.request_id, []).extend(operation.attributes.get(names.FOREIGN_REQUESTS, ()))
    return found


class Slow(NamedTuple):
    """A provider, what it releases when a request has come, and what lets it answer."""

    provider: Provider
    entered: threading.Semaphore
    answer: threading.Event


@contextmanager
def slow_provider() -> Iterator[Slow]:
    """Run a provider that answers when it is told to, and tells when a request has come."""
    entered, answer = threading.Semaphore(0), threading.Event()

    def slowly(chat: Any) -> Text:
        entered.release()
        answer.wait(20)
        return Text("An answer.")

    with Provider(slowly) as provider:
        yield Slow(provider, entered, answer)
