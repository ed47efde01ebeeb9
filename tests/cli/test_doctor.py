"""`autogen-otel doctor` in healthy and in broken surroundings."""

from __future__ import annotations

import http.server
import json
import re
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.cli.check import Level
from autogen_otel.cli.check_environment import environment
from autogen_otel.cli.check_telemetry import store
from autogen_otel.cli.probe import probe
from autogen_otel.instrumentation import ADAPTERS
from autogen_otel.telemetry import exporters

from .conftest import bare_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes traces from whoever has the key, and knows no other signal."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = 404 if self.path != "/v1/traces" else 200 if self.headers.get("Api-Key") == "42" else 401
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[str]:
    """Run a server at which traces are taken."""
    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def nobody() -> str:
    """Give an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def doctor(*arguments: str, **environ: str) -> tuple[int, Any]:
    """Run the command in a process of its own and return its exit code and what it has found."""
    pytest.importorskip("rich", reason="the extra `cli` is not installed")
    ran = subprocess.run(
        [sys.executable, "-m", "autogen_otel", "doctor", "--json", *arguments],
        env=bare_environment(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    return ran.returncode, json.loads(ran.stdout)["findings"]


def texts(findings: list[dict[str, str]], level: str) -> list[str]:
    """Return what was found of a level."""
    return [finding["text"] for finding in findings if finding["level"] == level]


def test_healthy_installation_has_no_problem(tmp_path):
    """Where AutoGen is patched and the store can be written, the exit code is 0; nothing is written by looking."""
    pytest.importorskip("autogen", reason="classic AutoGen is not installed")
    code, findings = doctor(AUTOGEN_OTEL_STORE=str(tmp_path), OTEL_SERVICE_NAME="insurance")

    patches = [finding["text"] for finding in findings if finding["topic"] == "patches"]
    assert (code, texts(findings, "problem"), list(tmp_path.iterdir())) == (0, [], [])
    assert re.fullmatch(r"\d+ woven, \d+ waiting until .* modules, \d+ absent .* \(--verbose lists them\)", patches[0])
    assert any("woven autogen.agentchat.conversable_agent:ConversableAgent.execute_function" in one for one in patches)


def test_unsupported_version_names_what_is_missing(tmp_path):
    """A module `autogen` without the places that are patched: each of them is named, and the exit code is 1."""
    package = tmp_path / "autogen" / "agentchat"
    package.mkdir(parents=True)
    (tmp_path / "autogen" / "__init__.py").write_text("from autogen.agentchat import conversable_agent")
    (package / "__init__.py").touch()
    (package / "conversable_agent.py").write_text("class ConversableAgent:\n    def generate_reply(self): ...\n")

    code, findings = doctor(PYTHONPATH=str(tmp_path), AUTOGEN_OTEL_STORE=str(tmp_path))
    problems = [text.partition(": ")[0] for text in texts(findings, "problem")]
    assert (code, "absent autogen.agentchat.conversable_agent:ConversableAgent.execute_function" in problems) == (
        1,
        True,
    )
    assert "absent autogen.agentchat.conversable_agent:ConversableAgent.generate_reply" not in problems


@pytest.mark.parametrize(("version", "module"), [("0.13.2", "autogen"), ("1.2.1", "ag2")])
def test_distribution_ag2_is_told_with_the_module_it_brings(tmp_path, version, module):
    """Below 1 the distribution `ag2` is classic AutoGen, from 1 on it is another library: doctor says which."""
    information = tmp_path / f"ag2-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ag2\nVersion: {version}\n")
    (information / "RECORD").write_text(f"{module}/version.py,,\nag2-{version}.dist-info/METADATA,,\n")
    # Python 3.12 leaves out files that do not exist. A folder without `__init__.py` does not hide the module itself.
    (tmp_path / module).mkdir()
    (tmp_path / module / "version.py").touch()

    _, findings = doctor(PYTHONPATH=str(tmp_path), AUTOGEN_OTEL_STORE=str(tmp_path))

    assert f"ag2 {version}, import {module}" in texts(findings, "ok")


def test_broken_installation_is_told(tmp_path):
    """A module `autogen` that cannot be imported is a problem, not a crash."""
    pytest.importorskip("autogen", reason="classic AutoGen is not installed")
    (tmp_path / "autogen.py").write_text("import nonsense_that_is_not_installed")

    code, findings = doctor(PYTHONPATH=str(tmp_path), AUTOGEN_OTEL_STORE=str(tmp_path), OTEL_SDK_DISABLED="true")
    assert (code, texts(findings, "problem")[0]) == (
        1,
        "import autogen fails: ModuleNotFoundError: No module named 'nonsense_that_is_not_installed'",
    )
    assert "OTEL_SDK_DISABLED is set: nothing is recorded, instrument() does nothing" in texts(findings, "problem")


def test_endpoint_that_answers_is_well(collector):
    """An endpoint that takes an empty export answers; the headers of the exporter are sent along."""
    found = probe(
        "traces",
        grpc=False,
        environ={"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=42"},
    )

    assert (found.ok, found.text, found.url) == (True, "answers", f"{collector}/v1/traces")


@pytest.mark.parametrize(("signal", "status"), [("traces", 401), ("metrics", 404)])
def test_endpoint_that_refuses_is_told_with_its_status(collector, signal, status):
    """Missing credentials, and a place that does not know the signal, are told apart from one that is not there."""
    found = probe(signal, grpc=False, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": collector})

    assert (found.ok, found.status) == (False, status)


@pytest.mark.parametrize("grpc", [True, False])
def test_endpoint_that_is_not_there_is_told(nobody, grpc):
    """Nobody listens: that is what it says."""
    found = probe("traces", grpc=grpc, environ={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": nobody})

    assert (found.ok, "refused" in found.text) == (False, True)


def test_endpoint_that_never_answers_costs_two_seconds(monkeypatch):
    """A place that takes connections and says nothing does not hang the doctor."""
    monkeypatch.setattr("autogen_otel.cli.probe.SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        found = probe("logs", grpc=False, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": url})

    assert (found.ok, found.text) == (False, "does not answer: timed out")


@pytest.mark.parametrize("url", ["localhost:4318", "http://[::1", "ftp://x", "http://127.0.0.1:99999", "nonsense"])
def test_endpoint_that_is_no_url_is_told(url):
    """What is no URL does not answer, and is no crash."""
    assert [probe("traces", grpc=grpc, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": url}).ok for grpc in (False, True)] == [
        False,
        False,
    ]


def test_password_in_an_endpoint_is_not_printed(nobody):
    """User and password stay out of what is printed."""
    url = nobody.replace("http://", "http://user:secret@")
    found = probe("traces", grpc=False, environ={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url})

    assert (found.url, "secret" in found.text) == (nobody, False)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("no_such", "correct the name"),
        ("otlp_proto_grpc", "pip install opentelemetry-exporter-otlp-proto-grpc"),
    ],
)
def test_exporter_that_is_not_installed_is_a_problem(tmp_path, name, fix):
    """It is said what to install where that is known, and nothing is recommended by a name that nobody knows."""
    if exporters.entry_of(exporters.TRACES, name):
        pytest.skip(f"{name} is installed")

    _, findings = doctor(AUTOGEN_OTEL_STORE=str(tmp_path), OTEL_TRACES_EXPORTER=name)

    text = f"traces should go to {name}, but its exporter is not installed: they go to the local store"
    assert [finding["fix"] for finding in findings if finding["text"] == text] == [fix]


def levels(**environ: str) -> list[str]:
    """Return how bad a variable is."""
    return [finding.level.value for finding in environment({"OTEL_SERVICE_NAME": "insurance", **environ})]


def test_traps_in_the_environment_are_named():
    """Each variable that does something else than one thinks has its line."""
    assert [
        levels(),
        levels(OTEL_SDK_DISABLED="true"),
        levels(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="redis,httpx"),
        levels(OTEL_PROPAGATORS="tracecontext,baggage"),
        levels(OTEL_TRACES_SAMPLER="parentbased_traceidratio"),
        levels(AUTOGEN_OTEL_LOG_LEVEL="WARNING"),
        levels(AUTOGEN_OTEL_LOG_LEVEL="loud"),
        levels(OTEL_SERVICE_NAME=""),
    ] == [[], ["problem"], ["warning"], ["warning"], ["note"], ["warning"], ["warning"], ["note"]]


def test_store_that_cannot_be_written_is_a_problem(tmp_path: Path):
    """A path that is a file is named with the reason; it matters less where an endpoint is set."""
    path = tmp_path / "store"
    path.touch()

    assert [[finding.level for finding in store(path, used=used)] for used in (True, False)] == [
        [Level.PROBLEM],
        [Level.WARNING],
    ]


def test_store_that_is_not_there_yet_is_not_made(tmp_path: Path):
    """Looking leaves no folder behind."""
    findings = [finding.text for finding in store(tmp_path / "a" / "b", used=True)]

    assert (findings, list(tmp_path.iterdir())) == (
        [f"the local store {tmp_path / 'a' / 'b'}: 0.0 MiB, can be written"],
        [],
    )


@pytest.mark.skipif(any(find_spec(adapter.module) for adapter in ADAPTERS), reason="an AutoGen is installed")
def test_missing_autogen_is_told(tmp_path):
    """Without any AutoGen doctor says so, and nothing else is wrong."""
    code, findings = doctor(AUTOGEN_OTEL_STORE=str(tmp_path))

    assert (code, texts(findings, "problem")) == (1, ["no AutoGen is installed"])
