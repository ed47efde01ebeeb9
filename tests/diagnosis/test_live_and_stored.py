"""What is found in stored telemetry is what was found when it happened."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from autogen_otel.core import names
from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.load import each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.diagnosis.seen import Diagnosis

SPANS = ("resourceSpans", "scopeSpans", "spans")
LOGS = ("resourceLogs", "scopeLogs", "logRecords")
LINES = {"classic": "autogen", "agentchat": "autogen_agentchat", "ag2": "ag2"}
CAUSES = {
    ("req-tool", "tool_exception/raised"): 1,
    ("req-unknown-tool", "tool_exception/unknown_tool"): 1,
    ("req-status", "provider/server_error"): 2,
    ("req-status", "configuration/credentials"): 1,
    ("req-status", "configuration/bad_request"): 1,
    ("req-garbled", "provider/malformed"): 1,
    ("req-dropped", "provider/connection"): 1,
    ("req-429", "rate_limit/refused"): 1,
    ("req-429", "rate_limit/burst"): 2,
    ("req-nested", "async_boundary/nested_run"): 1,
    ("req-victim", "async_boundary/blocked_loop"): 2,
    ("req-cancelled", "cancelled/cancelled"): 1,
}
# An agent of ag2 makes a client for each turn: none is carried over. On a stream it takes one turn after the other: the
# first one is well.
OF_LINE = {
    "classic": {
        ("req-shared", "shared_state"): 4,
        ("req-lost", "shared_state/lost_update"): 1,
        ("req-forked", "stale_client/forked"): 1,
    },
    "agentchat": {
        ("req-shared", "shared_state"): 2,
        ("req-kept", "shared_state/kept_history"): 1,
        ("req-closed-loop", "stale_client/closed_loop"): 1,
        ("req-forked", "stale_client/forked"): 1,
    },
    "ag2": {
        ("req-shared", "shared_state"): 1,
        ("req-kept", "shared_state/kept_history"): 1,
    },
}
# Which of them finds the others' messages in its prompt, and which is only beside them, is decided by who comes first.
RACING = {"req-shared"}


class Ran(NamedTuple):
    """A run of the requests of a line: its store, and the verdicts that were reached meanwhile, by request."""

    line: str
    store: Path
    live: dict[str, Any]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs be imported."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def run(line: str, folder: Path, **environment: str) -> Ran:
    """Run the requests of a line in a process of their own."""
    pytest.importorskip(LINES[line], reason=f"the line {line} is not installed")
    from live import run as running

    store = folder / "store"
    return Ran(line, store, running(line, folder / "verdicts", AUTOGEN_OTEL_STORE=str(store), **environment))


@pytest.fixture(scope="module", params=list(LINES))
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run the requests of each line once, with everything stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        return run(request.param, tmp_path_factory.mktemp(request.param))


def gathered(store: Path, pattern: str = "*") -> Gathered:
    """Read the files of a store whose names match."""
    found = Gathered()
    for file in sorted(store.glob(pattern)):
        if not file.name.startswith("metrics"):
            for _ in each(file, found.take):
                pass
    return found


def records_in(store: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return each span and each log record as a document of its own, with the time at which it was written."""
    found = []
    for file in sorted([*store.glob("traces*"), *store.glob("logs*")]):
        for line in file.read_text("utf-8").splitlines():
            for of_resource, of_scope, name in (SPANS, LOGS):
                for resource in json.loads(line).get(of_resource, ()):
                    for scope in resource[of_scope]:
                        for one in scope[name]:
                            alone = {of_resource: [{**resource, of_scope: [{**scope, name: [one]}]}]}
                            found.append((int(one.get("endTimeUnixNano") or one["timeUnixNano"]), alone))
    return sorted(found, key=lambda record: record[0])


def diagnosed(documents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the verdicts on documents that arrive in this order."""
    found = Gathered()
    for document in documents:
        found.take(document)
    return verdicts(diagnose(found))


def verdicts(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return verdicts as the program tells its own."""
    from live import as_data

    told = [as_data(one.verdict, lambda id_: f"{id_:016x}") for one in diagnosis.requests if one.verdict]
    return {one["request"]: one for one in told}


def test_stored_spans_and_logs_tell_what_was_found_live(ran):
    """From the local store the same requests get the same findings, with the same evidence, blame and words."""
    assert verdicts(diagnose(gathered(ran.store))) == ran.live


def test_spans_alone_tell_what_was_found_live(ran):
    """A tracing backend has no log records: the spans alone say the same."""
    assert verdicts(diagnose(gathered(ran.store, "traces*"))) == ran.live


def test_records_may_arrive_in_any_order(ran):
    """A collector puts together what many have sent: the same is found, whichever comes first."""
    documents = [document for _, document in records_in(ran.store)]
    random.Random(1).shuffle(documents)

    assert diagnosed(documents) == ran.live


def test_what_a_killed_process_leaves_accuses_no_healthy_request(ran):
    """Whenever it is killed, and whatever is missing then: who was well is never given a cause."""
    records = records_in(ran.store)
    cuts = range(len(records) // 20, len(records), len(records) // 20)

    accused = {name for cut in cuts for name in diagnosed(document for _, document in records[:cut])}
    assert accused - ran.live.keys() == set()


def test_each_kind_of_request_gets_its_cause(ran):
    """Of the requests that were made to fail each has its cause, and of the healthy ones none has any."""
    found: Counter[tuple[str, str]] = Counter()
    for one in ran.live.values():
        name, first = one["request"].rstrip("0123456789").rstrip("-"), one["findings"][0]
        found[name, first["cause"] if name in RACING else f"{first['cause']}/{first['detail']}"] += 1

    assert found == {**CAUSES, **OF_LINE[ran.line]}


def test_what_raises_nothing_has_a_line_of_the_application_too(ran):
    """Nobody raises where two requests share a conversation: the line that started the chat is to be mended."""
    (called_at,) = {
        one["findings"][0]["blame"][names.CALLED_AT] for name, one in ran.live.items() if name.startswith("req-shared")
    }

    file, _, function = called_at.partition(" in ")
    assert (Path(file.rpartition(":")[0]).name, function) == (
        ("classic.py", "chat") if ran.line == "classic" else ("mixed_async.py", "one")
    )


@pytest.mark.parametrize("line", LINES)
def test_log_records_alone_tell_the_causes(line, tmp_path):
    """Where all spans were sampled away, the log records tell the same causes, and who is to blame."""
    sampled_away = run(line, tmp_path, OTEL_TRACES_SAMPLER="always_off")
    found = gathered(sampled_away.store)

    def short(told: dict[str, Any]) -> dict[str, Any]:
        first = {name: one["findings"][0] for name, one in told.items()}
        return {name: [told[name]["failed"], one["summary"], one["blame"]] for name, one in first.items()}

    assert (len(found.spans), short(verdicts(diagnose(found)))) == (0, short(sampled_away.live))


def test_faults_alone_tell_what_they_prove(tmp_path):
    """At log level ERROR, without spans, the exceptions with which requests ended are all there is."""
    quiet = run("classic", tmp_path, OTEL_TRACES_SAMPLER="always_off", AUTOGEN_OTEL_LOG_LEVEL="ERROR")

    told = verdicts(diagnose(gathered(quiet.store)))
    assert {name: one["findings"][0]["cause"] for name, one in told.items()} == {
        **dict.fromkeys(("req-status-0", "req-status-3"), "provider"),
        **dict.fromkeys(("req-status-1", "req-status-2"), "configuration"),
        **dict.fromkeys(("req-429-0", "req-429-1", "req-429-2"), "rate_limit"),
        "req-garbled": "provider",
        **dict.fromkeys(("req-dropped", "req-victim-0", "req-victim-1"), "undetermined"),
    }
