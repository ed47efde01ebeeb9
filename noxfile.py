"""The matrix: Python versions, each AutoGen line alone and all together, the oldest OpenTelemetry, none, the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lines", "pythons", "oldest", "alone", "wheel"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
MAIN = "3.11"
# The providers that ag2 can talk to, as far as they have a client that comes in seconds, and its tools.
PROVIDERS = "openai,tracing,mcp,anthropic,gemini,mistral,ollama"
LINES = {
    "autogen-0.14-openai-2": ["autogen==0.14.1", "openai>=2,<3"],
    # With servers of agents, and with whoever else makes spans of model calls.
    "autogen-0.14-beside": [
        "autogen[a2a]==0.14.1",
        "a2a-sdk[http-server]>=1.1,<2",
        "openai>=2,<3",
        "opentelemetry-instrumentation-genai-openai",
        "openinference-instrumentation-openai",
    ],
    "autogen-0.9": ["autogen==0.9", "openai==1.99.9"],
    "pyautogen-0.9": ["pyautogen==0.9", "openai==1.99.9"],
    "pyautogen-0.2": ["pyautogen==0.2.35", "openai>=1.58,<2"],
    "pyautogen-0.10": [
        "pyautogen==0.10.0",
        "openai>=2,<3",
        *nox.project.dependency_groups(PROJECT, "agentchat", "agents"),
    ],
    "ag2-1.2": [f"ag2[{PROVIDERS},a2a,bedrock,zai]==1.2.1"],
    "ag2-1.0": [f"ag2[{PROVIDERS}]==1.0.0"],
}
# All three lines in one process. The extras `openai` of autogen and ag2 contradict each other, therefore without.
TOGETHER = ["autogen==0.14.1", "ag2==1.2.1", "openai>=3.27,<4", *nox.project.dependency_groups(PROJECT, "agentchat")]
HOST = ["tests/classic", "tests/agentchat", "tests/ag2v1", "tests/contracts"]
EVERYTHING_BUT_SERVERS = ["tests", "--ignore=tests/integration"]


def install(session: nox.Session, *packages: str) -> None:
    """Install the tree with what the tests need, and the given packages, resolved together."""
    session.install("-e", ".[cli,otlp]", *nox.project.dependency_groups(PROJECT, "test"), *packages)


def pytest(session: nox.Session, *what: str) -> None:
    """Run tests; what the caller adds on the command line comes last."""
    session.run("pytest", "-q", "-n", "2", *what, *session.posargs)


@nox.session(python=MAIN)
@nox.parametrize("line", list(LINES))
def lines(session: nox.Session, line: str) -> None:
    """Test the adapter on each version of AutoGen that it supports."""
    install(session, *LINES[line])
    pytest(session, *HOST)


@nox.session(python=[python for python in PYTHONS if python != MAIN])
def pythons(session: nox.Session) -> None:
    """Test everything on each Python but the one on which `make test` runs."""
    install(session, *TOGETHER)
    pytest(session, *EVERYTHING_BUT_SERVERS)


@nox.session(python=MAIN)
def oldest(session: nox.Session) -> None:
    """Test with the oldest OpenTelemetry, structlog and wrapt that the package allows."""
    pins = [
        "opentelemetry-api==1.39.0",
        "opentelemetry-sdk==1.39.0",
        "opentelemetry-instrumentation-httpx==0.60b0",
        "opentelemetry-exporter-otlp-proto-http==1.39.0",
        "structlog==24.1.0",
        "wrapt==1.17.0",
    ]
    agentchat = nox.project.dependency_groups(PROJECT, "agentchat")
    install(session, "autogen==0.14.1", "openai>=2,<3", *agentchat, *pins)
    pytest(session, *HOST, "tests/telemetry")


@nox.session(python=MAIN)
def alone(session: nox.Session) -> None:
    """Test without any AutoGen: importing and `instrument()` work, and `doctor` says what is missing."""
    install(session)
    pytest(session, *EVERYTHING_BUT_SERVERS)


@nox.session(python=MAIN)
def wheel(session: nox.Session) -> None:
    """Build the wheel, and run the tests against it in a folder without the tree."""
    away = Path(session.create_tmp()) / "away"
    shutil.rmtree(away, ignore_errors=True)
    away.mkdir()
    session.run("uv", "build", "--quiet", "--wheel", "--out-dir", str(away), external=True)
    (built,) = away.glob("*.whl")
    session.install(f"{built}[cli,otlp]", *nox.project.dependency_groups(PROJECT, "test"), *TOGETHER)
    shutil.copytree("tests", away / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("pyproject.toml", away)
    session.chdir(away)
    session.run("autogen-otel", "doctor")
    pytest(session, *HOST, "tests/telemetry", "tests/demo")
