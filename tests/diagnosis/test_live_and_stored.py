"""What is found in stored telemetry is what was found when it happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.load import each

if TYPE_CHECKING:
    from autogen_otel.diagnosis.seen import Diagnosis

HERE = Path(__file__).parent


class Ran(NamedTuple):
    """A run of `mixed_requests.py`: its store, and the verdicts that were reached meanwhile, by request."""

    store: Path
    live: dict[str, Any]


def run(store: Path, **environment: str) -> Ran:
    """Run the requests in a process of their own."""
    pytest.importorskip("autogen", reason="classic AutoGen is not installed")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_OTEL_"))}
    ran = subprocess.run(
        [sys.executable, str(HERE / "mixed_requests.py")],
        env={**kept, "PYTHONPATH": str(HERE.parent), "AUTOGEN_OTEL_STORE": str(store), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    return Ran(store, {one["request"]: one for one in told})


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run the requests once, with everything stored."""
    return run(tmp_path_factory.mktemp("mixed"))


def gathered(store: Path, pattern: str = "*") -> Gathered:
    """Read the files of a store whose names match."""
    found = Gathered()
    for file in sorted(store.glob(pattern)):
        if not file.name.startswith("metrics"):
            for _ in each(file, found.take):
                pass
    return found


def verdicts(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return verdicts as the program prints its own."""
    from mixed_requests import as_data

    told = [as_data(one.verdict, lambda id_: f"{id_:016x}") for one in diagnosis.requests if one.verdict]
    return {one["request"]: one for one in told}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program be imported."""
    monkeypatch.syspath_prepend(str(HERE))


def test_stored_spans_and_logs_tell_what_was_found_live(ran):
    """From the local store the same requests get the same findings, with the same evidence, blame and words."""
    assert verdicts(diagnose(gathered(ran.store))) == ran.live


def test_spans_alone_tell_what_was_found_live(ran):
    """A tracing backend has no log records: the spans alone say the same."""
    assert verdicts(diagnose(gathered(ran.store, "traces*"))) == ran.live


def test_each_kind_of_request_gets_its_cause(ran):
    """Of the requests that were made to fail each has its cause, and of the healthy ones none has any."""
    found = Counter(
        (one["request"].rpartition("-")[0] or one["request"], one["findings"][0]["cause"]) for one in ran.live.values()
    )

    assert found == {
        ("req", "tool_exception"): 1,
        ("req-unknown", "tool_exception"): 1,
        ("req-status", "provider"): 2,
        ("req-status", "configuration"): 2,
        ("req-429", "rate_limit"): 3,
        ("req-shared", "shared_state"): 4,
        ("req-victim", "async_boundary"): 2,
        ("req", "cancelled"): 1,
    }


def test_log_records_alone_tell_the_causes(tmp_path):
    """Where all spans were sampled away, the log records tell the same causes of the same requests."""
    sampled_away = run(tmp_path / "store", OTEL_TRACES_SAMPLER="always_off")
    found = gathered(sampled_away.store)

    told = {name: [one["failed"], one["findings"][0]["summary"]] for name, one in verdicts(diagnose(found)).items()}
    assert (len(found.spans), told) == (
        0,
        {name: [one["failed"], one["findings"][0]["summary"]] for name, one in sampled_away.live.items()},
    )


def test_faults_alone_tell_what_they_prove(tmp_path):
    """At log level ERROR, without spans, the exceptions with which requests ended are all there is."""
    quiet = run(tmp_path / "store", OTEL_TRACES_SAMPLER="always_off", AUTOGEN_OTEL_LOG_LEVEL="ERROR")

    told = verdicts(diagnose(gathered(quiet.store)))
    assert {name: one["findings"][0]["cause"] for name, one in told.items()} == {
        **dict.fromkeys(("req-status-0", "req-status-3"), "provider"),
        **dict.fromkeys(("req-status-1", "req-status-2"), "configuration"),
        **dict.fromkeys(("req-429-0", "req-429-1", "req-429-2"), "rate_limit"),
        **dict.fromkeys(("req-victim-0", "req-victim-1"), "undetermined"),
    }
