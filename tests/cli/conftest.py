"""A store that real chats have filled, and the command line run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


class Ran(NamedTuple):
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str


def bare_environment(**more: str) -> dict[str, str]:
    """Return the environment without what would change where telemetry goes."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_OTEL_"))}
    return {**kept, "PYTHONPATH": str(HERE.parent), **more}


@pytest.fixture(scope="session")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a store with the chats of `chats.py`, in a process of their own that is killed in the end."""
    pytest.importorskip("autogen", reason="classic AutoGen is not installed")
    store = tmp_path_factory.mktemp("chats")
    ran = subprocess.run(
        [sys.executable, str(HERE / "chats.py")],
        env=bare_environment(AUTOGEN_OTEL_STORE=str(store), OTEL_SERVICE_NAME="insurance"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 9, ran.stderr[-3000:]
    return store


@pytest.fixture
def store(chats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of that store, as the local store."""
    copy = tmp_path / "store"
    shutil.copytree(chats, copy)
    monkeypatch.setenv("AUTOGEN_OTEL_STORE", str(copy))
    return copy


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run the command line in this process."""
    pytest.importorskip("typer", reason="the extra `cli` is not installed")
    from autogen_otel.cli.app import app

    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            app(arguments)
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run
