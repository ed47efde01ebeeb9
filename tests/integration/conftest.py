"""The servers that integration tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from .backends import Collector, Jaeger
from .server import CONFIGS, binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CollectorFactory = Callable[..., Collector]


def _needed(name: str) -> Path:
    path = binary(name)
    if path is None:
        message = f"there is no {name} binary: `make backends` builds it"
        if os.environ.get("AUTOGEN_OTEL_REQUIRE_BACKENDS") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def jaeger() -> Iterator[Jaeger]:
    """Give a Jaeger that is ready; all tests of a run share it, each under its own service name or request ID."""
    with Jaeger(_needed("jaeger")) as server:
        yield server


@pytest.fixture(scope="session")
def collector_binary() -> Path:
    """Give the path of the Collector's binary."""
    return _needed("collector")


@pytest.fixture(scope="session")
def collector_factory(collector_binary: Path) -> CollectorFactory:
    """Give a function that makes a Collector of a file in `collector/` and its environment; `with` starts it."""

    def make(config: str, **environment: str) -> Collector:
        return Collector(collector_binary, CONFIGS / config, environment)

    return make
