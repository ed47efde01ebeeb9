"""The demo as a user runs it: the program in a process of its own, judged by what it prints and leaves behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autogen_otel.demo import app, cases, lines, trial
from autogen_otel.demo.cases import NAMES, load
from autogen_otel.demo.places import short
from autogen_otel.demo.recorded import Recorded, Witness
from autogen_otel.demo.report import problems_of
from autogen_otel.demo.screen import WIDTH, Plain
from autogen_otel.demo.texts import counted
from autogen_otel.demo.trial import Trial
from autogen_otel.demo.verdict import Verdict, judge
from autogen_otel.demo.web import Answer, Question
from autogen_otel.diagnosis.load import StoredSpan
from autogen_otel.diagnosis.load import load as load_store

# Looked for and not imported, for that takes seconds.
LINES = [line for line in lines.NAMES if not lines.missing(line)]
CASES = [(line, name) for line in LINES for name in NAMES if load(line, name).available]
pytestmark = pytest.mark.skipif(not LINES, reason="no AutoGen is installed")
on_each_line = pytest.mark.parametrize("line", LINES)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a Python program that knows of OpenTelemetry's variables only those given: `run(*arguments, **more)`."""
    certifi = pytest.importorskip("certifi")
    # Of all certificates one is enough: clients load them for nothing here, and the demo makes a hundred clients.
    start, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    one = tmp_path_factory.mktemp("certificates") / "one.pem"
    one.write_text(start[start.index("-----BEGIN") :] + end)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "AUTOGEN_OTEL_"))}

    def started(*arguments, **more):
        return subprocess.run(
            [sys.executable, *arguments],
            env={**kept, "PYTHONIOENCODING": "utf-8", "SSL_CERT_FILE": str(one), **more},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return started


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Give the folder to which the demo writes."""
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def done(run, out):
    """Run the whole demo once, on all lines that are installed."""
    return run("-m", "autogen_otel.demo", "--out", str(out))


@pytest.fixture(scope="module")
def block(done):
    """Give the part of the output that belongs to a case: `block(line, name)`."""
    parts = re.split(rf"^(\w+), ({'|'.join(NAMES)}): ", done.stdout, flags=re.MULTILINE)
    blocks = {(line, name): text for line, name, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}
    return lambda line, name: blocks[line, name]


@pytest.fixture(scope="module")
def events(done, out):
    """Give the events of the log file."""
    return [json.loads(line) for line in (out / "demo.log.jsonl").read_text().splitlines()]


def line_of(module, source):
    """Return `file:line` of a source line of the demo, as the report shows it."""
    path = Path(cases.__file__).parent.parent / module
    (number,) = (number for number, line in enumerate(path.read_text().splitlines(), 1) if line.strip() == source)
    return f"{module}:{number}"


def counts(text):
    """Return the numbers of a block, by what they count."""
    return Counter(
        {what.strip(): int(number) for number, what in re.findall(r"(\d+) × (.+?)(?:  |$)", text, re.MULTILINE)}
    )


def test_succeeds(done):
    """The whole demo ends with 0, and says nothing on standard error."""
    assert (done.returncode, done.stderr) == (0, "")


def test_prints_only_the_report(done):
    """Nothing of what AutoGen prints stands in the report."""
    assert not re.search(r">>>>>>>>|TERMINATING|Warning", done.stdout)


@pytest.mark.parametrize(("line", "name"), CASES)
def test_shows_symptom_and_fix(block, line, name):
    """Each case begins with what one sees and ends with what to do."""
    text, case = " ".join(block(line, name).split()), load(line, name)
    assert text.index(case.symptom) < text.index(case.cause) < text.index(case.fix)


@pytest.mark.parametrize(("line", "name"), CASES)
def test_fixed_way_is_right(block, line, name):
    """Each fixed way answers every question."""
    right = re.escape(Verdict.RIGHT.value)
    assert re.search(rf"^fixed +{load(line, name).requests} × {right}", block(line, name), re.MULTILINE)


@pytest.mark.parametrize(("line", "name"), CASES)
def test_names_the_cause(block, line, name):
    """Of each case the cause that autogen-otel has found is the one that was made."""
    assert set(re.findall(r" cause (\w+):", block(line, name))) == {name}


@on_each_line
def test_shared_state(block, line):
    """Users get each other's text with 200, and it is said plainly that this came without any exception."""
    text = block(line, "shared_state")
    assert counts(text)["200 with somebody else's text"] > 0
    assert "no exception: nothing was raised anywhere" in text
    assert re.search(r"\d+ requests? (shared a conversation|read another's messages)", text)


@on_each_line
def test_tool_exception(block, line):
    """The KeyError behind the text that the model got is there with its line, agent and tool."""
    seen, answer, agent = {
        "classic": ("200 with an error as its text", "Error: 'p9'", "user_proxy"),
        "agentchat": ("200 that does not answer the", "'p9'", "assistant"),
        "ag2": ("200 with an error as its text", "Traceback (most recent", "assistant"),
    }[line]
    text = block(line, "tool_exception")
    found = counts(text)
    assert (found[seen], found["KeyError, masked"]) == (3, 3)
    for part in (
        f"{line}-tool-exception-broken-02",
        f'200 "[rq:user-02] {answer}',
        "KeyError: 'p9'",
        f"{line_of('cases/tool_exception.py', 'return COVER[policy_id]')} in lookup_policy",
        f"agent {agent}, tool lookup_policy",
    ):
        assert part in text


@on_each_line
def test_rate_limit(block, line):
    """Each 500 has a RateLimitError behind it, with the attempts that the client made."""
    text = block(line, "rate_limit")
    found = counts(text)
    assert found["500"] == found["RateLimitError, fatal"] > 0
    assert "HTTP attempts: 3, told to come back after" in text


@pytest.mark.parametrize(
    ("line", "module", "source"),
    [
        (line, module, source)
        for line, module, source in [
            (
                "classic",
                "lines/classic/async_boundary.py",
                "result = asyncio.run(user_proxy.initiate_chat(assistant, message=text, silent=True))",
            ),
            (
                "classic",
                "lines/classic/async_boundary.py",
                "result = asyncio.run(user_proxy.a_initiate_chat(assistant, message=text, silent=True))",
            ),
            ("agentchat", "lines/agentchat/async_boundary.py", "result = asyncio.run(agent.run(task=text))"),
            ("ag2", "lines/ag2/async_boundary.py", "reply = asyncio.run(agent.ask(text))"),
            *((line, "cases/async_boundary.py", "return asyncio.run(tool(number))") for line in lines.NAMES),
        ]
        if line in LINES
    ],
)
def test_async_boundary(block, line, module, source):
    """Each wrong use of asyncio.run is there with the line of the application that made it."""
    assert line_of(module, source) in block(line, "async_boundary")


@on_each_line
def test_async_boundary_fails_everybody(block, line):
    """Four get a 500, and two a 200 that speaks of event loops."""
    found = counts(block(line, "async_boundary"))
    assert (found["500"], found["RuntimeError, masked"]) == (4, 2)


@pytest.mark.skipif("classic" not in LINES, reason="classic AutoGen is not installed")
def test_no_conversation_in_the_report(block):
    """The ChatResult that Python quotes into the text of the exception is redacted."""
    assert "got ChatResult([redacted])" in block("classic", "async_boundary")


@pytest.mark.skipif(("classic", "stale_client") not in CASES, reason="classic AutoGen, or fork, is not there")
def test_stale_client(block):
    """Workers take each other's answers, or halves of them, and the first request of each kind is explained."""
    text = block("classic", "stale_client")
    found = counts(text)
    wrong = found["200 with somebody else's text"] + found["500"]
    assert wrong > 0
    assert re.search(r"took response req_provider_\d+, which the provider had made|[A-Z]\w+Error: ", text)


@pytest.mark.parametrize("line", [line for line, name in CASES if name == "stale_client" and line != "classic"])
def test_stale_loop(block, line):
    """The first request of each of the six workers fails, for the client's event loop is closed; one stands for all."""
    text = block(line, "stale_client")
    found = counts(text)
    assert (found["500"], found["RuntimeError, fatal"], text.count("raised at")) == (6, 6, 1)
    assert "RuntimeError: Event loop is closed" in text


@on_each_line
def test_log_has_each_fault(events, line):
    """The log file tells the fault of the request on one line, with all that one needs to know."""
    request_id = f"{line}-tool-exception-broken-04"
    (fault,) = (event for event in events if event["event"] == "fault" and event["request_id"] == request_id)
    assert {key: fault[key] for key in ("agent_name", "tool_name", "exception_type", "message", "masked")} == {
        "agent_name": "user_proxy" if line == "classic" else "assistant",
        "tool_name": "lookup_policy",
        "exception_type": "KeyError",
        "message": "'p9'",
        "masked": True,
    }


@pytest.mark.parametrize(("line", "name"), CASES)
def test_store_has_each_request(stored_ids, line, name):
    """The store has a span for every request of the last round, those of forked workers included."""
    numbers = range(1, load(line, name).requests + 1)
    assert {f"{line}-{name.replace('_', '-')}-fixed-{number:02}" for number in numbers} <= stored_ids


@pytest.fixture(scope="module")
def stored_ids(done, out):
    """Give the IDs of the requests that have a span in the store."""
    spans = [record for record in load_store(out / "store") if isinstance(record, StoredSpan)]
    return {span.attributes["autogen.request.id"] for span in spans if span.name == "request"}


def test_commands_name_what_is_there(done, out):
    """The commands at the end name requests that failed, the log file and the store."""
    end = done.stdout[done.stdout.index("Where spans and logs are") :]
    assert re.search(
        rf"autogen-otel show {LINES[0]}-tool-exception-broken-02 {re.escape(short(out / 'store'))}$", end, re.MULTILINE
    )
    assert f'grep \'"request_id": "{LINES[0]}-shared-state-broken-' in end
    assert re.search(rf"autogen-otel diagnose {re.escape(short(out / 'store'))}$", end, re.MULTILINE)
    assert str(out / "demo.log.jsonl") in end


def trial_of(tmp_path, way, *texts):
    """Return a trial with these answers, of which nothing was recorded."""
    log = tmp_path / "log"
    log.touch()
    answers = [Answer(Question(f"case-{way}-{n:02}", "me", "?"), 200, text) for n, text in enumerate(texts, 1)]
    recorded = Recorded(log, Witness(), [answer.question.request_id for answer in answers])
    return Trial(way, answers, (), recorded)


@pytest.mark.parametrize(
    ("broken", "fixed", "problems"),
    [
        ("[rq:me]", "[rq:me]", ["the broken way showed no fault"]),
        ("[rq:you]", "[rq:me]", ["autogen-otel recorded nothing that explains a wrong answer"]),
        ("[rq:me]", "", ["the broken way showed no fault", "the fixed way showed a fault in case-fixed-01"]),
    ],
    ids=["healthy", "unexplained", "not fixed"],
)
def test_finds_problems(tmp_path, broken, fixed, problems):
    """A broken way without a fault, a fault without an explanation, and a fixed way with a fault are problems."""
    assert problems_of(trial_of(tmp_path, "broken", broken), trial_of(tmp_path, "fixed", fixed)) == problems


def test_counts_as_one_speaks():
    """One is not many."""
    assert [counted(1, "call"), counted(12, "request shared it")] == [" 1 call", "12 requests shared it"]


@pytest.mark.parametrize(("lucky", "rounds"), [(0, 1), (2, 3), (9, 3)])
def test_tells_how_often_it_tried(monkeypatch, tmp_path, lucky, rounds):
    """A broken way that gets away with it is asked again, three times at most, and the rounds are counted."""
    texts = iter([*["[rq:me]"] * lucky, "[rq:you]"])
    monkeypatch.setattr(trial, "_run", lambda *_: trial_of(tmp_path, "broken", next(texts)))
    assert trial.run_broken(load(LINES[0], "tool_exception"), tmp_path / "log", Witness()).rounds == rounds


def test_fails_by_a_problem(monkeypatch, tmp_path, capsys):
    """A problem is printed at the end, and makes the exit status 1."""
    monkeypatch.setattr(app, "prepare_environment", lambda: None)
    monkeypatch.setattr(app, "configure_logging", lambda log: None)
    monkeypatch.setattr(app, "silent_endpoint", lambda: None)
    monkeypatch.setattr(app, "_run_case", lambda here, case, *_: app.Outcome(case, problems=["what is wrong"]))
    assert app.main(["tool_exception"], tmp_path) == 1
    assert re.search(rf"PROBLEM +{LINES[0]}, tool_exception: what is wrong", capsys.readouterr().out)


def test_sends_to_an_endpoint(run, tmp_path):
    """With an OTLP endpoint the spans go there, and the local store stays empty."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    received = Counter()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            received[self.path] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        arguments = ("-m", "autogen_otel.demo", "tool_exception", "--line", LINES[0], "--out", str(tmp_path))
        done = run(*arguments, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        server.shutdown()
    assert done.returncode == 0
    assert received["/v1/traces"] > 0
    assert f"sent to {endpoint}" in done.stdout
    assert not list(tmp_path.glob("store/*"))


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["nope"], {}, "There is no case nope"),
        (["--line", "nope"], {}, "There is no line nope; there are classic, agentchat, ag2."),
        ([], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "Nothing listens at http://127.0.0.1:9"),
    ],
    ids=["case", "line", "endpoint"],
)
def test_says_what_stands_in_the_way(run, arguments, environment, said):
    """What cannot be run is said in one line, with exit status 2."""
    done = run("-m", "autogen_otel.demo", *arguments, **environment)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (2, 1, "")
    assert said in done.stdout


def test_says_what_is_not_installed(monkeypatch, capsys):
    """A line that is asked for and not installed is said with what it needs, and nothing runs."""
    monkeypatch.setattr(lines, "missing", lambda line: ["tiktoken"] if line == "agentchat" else [])
    assert (app.main(wanted=["ag2", "agentchat"]), capsys.readouterr().out.splitlines()) == (
        2,
        ["agentchat cannot run without tiktoken: pip install 'autogen-otel[demo]'"],
    )


def test_runs_the_lines_that_are_wanted(run, tmp_path):
    """With a line and a case the demo shows that one, and sums it up."""
    line = LINES[-1]
    done = run("-m", "autogen_otel.demo", "tool_exception", "--line", line, "--out", str(tmp_path))
    assert re.findall(r"^(\w+), (\w+): ", done.stdout, re.MULTILINE) == [(line, "tool_exception")]
    assert re.search(r"^tool_exception +3 of 6, then 0 of 6", done.stdout, re.MULTILINE)


def test_does_not_mix_runs(run, done, out):
    """A folder with an earlier run in it is refused: request IDs would stand for two requests."""
    again = run("-m", "autogen_otel.demo", "--out", str(out))
    assert (again.returncode, "There is an earlier run in" in again.stdout) == (2, True)


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (200, "[rq:me] fine", Verdict.RIGHT),
        (200, "[rq:you] fine", Verdict.FOREIGN),
        (200, "[rq:me] [rq:you] Error: both", Verdict.FOREIGN),
        (200, "[rq:me] Error: 'p9'", Verdict.ERROR_TEXT),
        (200, "[rq:me] 'p9'", Verdict.BESIDE),
        (200, "", Verdict.BESIDE),
        (500, "Internal Server Error", Verdict.FAILED),
        (0, "", Verdict.NOTHING),
    ],
)
def test_judges_by_the_mark(status, text, verdict):
    """The mark of the user who asked, and what is expected, decide what an answer is worth."""
    assert judge(Answer(Question("id", "me", "[rq:me] ?", "fine"), status, text)) is verdict


def test_plain_text_in_columns(capsys):
    """Without rich a table is set in columns, cells wrapped and bad news unmarked."""
    Plain(sys.stdout).table(("a", "b"), [("!one two", "x\ny")], (5, 3))
    assert capsys.readouterr().out.splitlines() == ["", "a      b", "-      -", "one    x", "  two  y"]


def test_plain_fields_hang(capsys):
    """Without rich a long text hangs beside its label."""
    Plain(sys.stdout).field("Fix", "word " * 40)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["Fix      ", " " * 9]
    assert max(map(len, lines)) <= WIDTH
