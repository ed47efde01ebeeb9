"""A provider for the tests on real chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autogen_otel.demo.provider import Provider, echo_tools

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Run a provider that calls the tools it is told to call."""
    with Provider(echo_tools) as provider:
        yield provider


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let openai's client try again at once."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
