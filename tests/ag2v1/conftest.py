"""A provider for each test of ag2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autogen_otel.demo.provider import Provider, echo_tools

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let clients load one certificate and not all of them: 40 ms for each client, and none is used on loopback."""
    certifi = pytest.importorskip("certifi")
    end = "-----END CERTIFICATE-----\n"
    first = Path(certifi.where()).read_text().partition(end)[0] + end
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(first[first.index("-----BEGIN") :])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        patch.delenv("SSL_CERT_DIR", raising=False)
        yield


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Run a provider that calls the tools it is told to call."""
    with Provider(echo_tools) as provider:
        yield provider


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let openai's client try again at once."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)
