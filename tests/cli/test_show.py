"""`autogen-otel show` on a store that real chats have filled."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from autogen_otel.core import names

CHATS = Path(__file__).with_name("chats.py")
RAISING_LINE = CHATS.read_text().splitlines().index("    return POLICIES[policy_id]") + 1


def section(text: str, title: str) -> list[str]:
    """Return the lines below a title, up to the next empty one."""
    lines = text.splitlines()
    start = lines.index(title) + 1
    end = next((number for number, line in enumerate(lines[start:], start) if not line), len(lines))
    return [line.strip() for line in lines[start:end]]


def newest(text: str) -> str:
    """Return the part of an output that tells of the newest of several requests."""
    return text.rpartition("requests with this ID")[2]


def operations(text: str) -> list[str]:
    """Return the tree without its times: each operation with two spaces for each that encloses it."""
    found = []
    for line in newest(text).splitlines():
        match = re.match(r"^ +\+[\d.]+ (?:ms|s) +[\d.]+ (?:ms|s)  ([ │├└─]*)(.*)$", line)
        if match:
            found.append("  " * (len(match[1]) // 3) + match[2].split("  ")[0])
    return found


def test_original_exception_comes_first(store, cli):
    """Before all else stand type, message, file, line, source, agent and tool of the KeyError that AutoGen hid."""
    told = section(newest(cli("show", "req-masked").out), "Original exception")

    # The oldest AutoGen does not tell the tool the ID of its call.
    assert [line.split(" (call")[0] for line in told[:5]] == [
        "KeyError: 'p10'",
        f"raised at   {CHATS}:{RAISING_LINE} in lookup_policy",
        "return POLICIES[policy_id]",
        "agent       user",
        "tool        lookup_policy",
    ]


def test_cause_stands_above_the_exception(store, cli):
    """Why the request is not to be trusted comes before the exception, with the evidence and the first of the fix."""
    out = newest(cli("show", "req-masked").out)
    told = section(out, "Cause")

    assert (out.index("Cause\n") < out.index("Original exception\n"), told[0], told[1].partition(" (")[0]) == (
        True,
        "tool_exception (raised), proved",
        f"Tool 'lookup_policy' of agent 'user' raised at chats.py:{RAISING_LINE}",
    )
    assert [re.sub(r"[0-9a-f]{16}", "ID", line) for line in told[2:4]] == [
        "evidence    span:ID KeyError: 'p10'",
        "fault:ID KeyError: 'p10'",
    ]


@pytest.mark.parametrize("given", [True, False], ids=["path", "local store"])
@pytest.mark.parametrize("command", [["show", "req-masked"], ["diagnose"]], ids=lambda command: command[0])
def test_command_that_says_more_can_be_typed_as_it_stands(store, cli, tmp_path, command, given):
    """The next command looks into the same store, whose path may hold spaces; a path that was not given is not told."""
    path = tmp_path / "a store"
    store.rename(path) if given else None

    out = cli(*command, *([str(path)] if given else [])).out
    (more, *_) = (line.partition("autogen-otel ")[2] for line in out.splitlines() if line.strip().startswith("more "))
    done = cli(*shlex.split(more))
    assert (done.err, "req-masked" in done.out, str(path) in more) == ("", True, given)


def test_fix_is_a_whole_sentence(store, cli):
    """What a page of the manual announces with a colon is code, which `show` leaves to `diagnose`."""
    told = section(newest(cli("show", "req-masked").out), "Cause")

    (fix,) = (line for line in told if line.startswith("fix "))
    assert (fix.endswith(":"), told[-1].startswith("more        autogen-otel diagnose --request req-masked")) == (
        False,
        True,
    )


def test_masked_fault_says_what_the_model_was_told(store, cli):
    """Behind the exception stands that AutoGen reported nothing, and what became of it."""
    assert section(newest(cli("show", "req-masked").out), "AutoGen reported") == [
        "nothing: masked. The model was told a text such as \"Error: 'p10'\" as the tool's result."
    ]


def test_tree_shows_each_operation_below_the_one_that_encloses_it(store, cli):
    """Request, chat, replies, model calls, tool and HTTP attempts stand as a tree."""
    found = [line for line in operations(cli("show", "req-masked").out) if not line.strip().startswith("POST")]

    assert found == [
        "request",
        "  invoke_workflow user -> assistant",
        "    invoke_agent assistant",
        "      chat gpt-4o-mini",
        "    invoke_agent user",
        "      execute_tool lookup_policy",
        "    invoke_agent assistant",
        "      chat gpt-4o-mini",
        "    invoke_agent user",
    ]


def test_id_that_occurs_twice_is_shown_twice(store, cli):
    """Both requests of a client that has tried again are shown, the newest last."""
    out = cli("show", "req-masked").out

    assert re.findall(r"^  KeyError: (.*)$", out, re.MULTILINE) == ["'p9'", "'p10'"]


def test_fatal_rate_limit_tells_http_fields(store, cli):
    """A 429 that ends a request is told with status, code, attempts and that trying again may help."""
    told = section(cli("show", "req-429").out, "Original exception")

    assert (
        told[0].partition(" - ")[0],
        [line for line in told if line.startswith(("agent", "HTTP", "transient"))],
    ) == (
        "openai.RateLimitError: Error code: 429",
        [
            "agent       assistant",
            "HTTP        429, rate_limit_exceeded, 3 attempts (429, 429, 429), retry after 1 s",
            "transient   yes, the same call may succeed later",
        ],
    )


def test_exception_that_was_not_rewritten_is_told_as_such(store, cli):
    """Where the application got the original, AutoGen has reported nothing else."""
    assert section(cli("show", "req-429").out, "AutoGen reported") == [
        "nothing else: this exception reached the application"
    ]


def test_header_tells_how_it_ended(store, cli):
    """The first lines tell ID, outcome, duration, start, service, process and trace."""
    out = cli("show", "req-429").out

    assert re.match(
        r"req-429  error  [\d.]+ m?s  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC\n"
        r"service insurance  pid \d+  thread MainThread  trace [0-9a-f]{32}\n",
        out,
    )


def test_request_of_a_killed_process_is_open(store, cli):
    """A request whose end never came says so, says what was seen last, and which process to look at."""
    out = cli("show", "req-open").out

    told = section(out, "No end is recorded")
    assert (out.split("  ")[1:3], told[0], [told[2][:20], told[3]], told[4].partition("--pid")[0]) == (
        ["open", "no end"],
        "It still runs, it hangs, or its process was killed.",
        ["Not ended: tool call", "The last operation that ended was invoke_agent assistant."],
        "Where it is now, if the process lives: py-spy dump ",
    )


def test_operations_below_one_that_never_ended_are_shown(store, cli):
    """What has ended of an open request hangs below it, marked."""
    out = cli("show", "req-open").out

    assert [line.split("  ")[-1] for line in out.splitlines() if "never arrived" in line] == [
        "its own span never arrived",
        "parent never arrived",
    ]


def test_healthy_request_has_no_exception(store, cli):
    """A request that went well is its header, its tree and where its log lines are."""
    out = cli("show", "req-ok").out

    assert (out.split("  ")[1], [text for text in out.splitlines() if re.fullmatch(r"[A-Z][\w ]+", text)]) == (
        "ok",
        ["What happened"],
    )


def test_logs_tell_the_story_in_order(store, cli):
    """With --logs each log record stands in one line, by time."""
    told = section(cli("show", "req-429", "--logs").out, "Log records")

    assert [re.search(r"(?:INFO|WARNING|ERROR) +(.*?)(?:  |$)", line)[1] for line in told] == [
        "request started",
        "model call started",
        "model call finished",
        "agent replied",
        "fault",
        "chat finished",
        "cause",
        "request finished",
    ]


def test_stack_trace_is_printed_when_asked_for(store, cli):
    """With --stack the stack trace follows the exception."""
    out = cli("show", "req-masked", "--stack").out

    assert (out.count("Traceback (most recent call last):"), out.count(f'File "{CHATS}", line {RAISING_LINE}')) == (
        2,
        2,
    )


def test_json_is_one_object_with_stable_keys(store, cli):
    """With --json come the same facts under the keys that the docstring promises."""
    document = json.loads(cli("show", "req-429", "--json").out)

    (request,) = document["requests"]
    (fault,) = request["faults"]
    assert (list(document), list(request), list(fault)) == (
        ["request_id", "store", "requests", "problems"],
        [
            *("request_id", "outcome", "masked_faults", "started_at", "started_unix_nano", "duration_ms", "service"),
            *("pid", "thread", "trace_id", "span_id", "cause", "fault", "faults", "spans", "logs"),
        ],
        [
            *("id", "kind", "type", "message", "masked", "fatal", "transient", "agent", "tool", "raised_at"),
            *("fingerprint", "fields", "chain", "stacktrace", "time_unix_nano", "span_id", "reported"),
        ],
    )


def test_spans_and_logs_tell_the_same_fault(store, tmp_path, cli):
    """With the traces alone, as Jaeger keeps them, or the logs alone, as a sampler leaves them, the fault is told."""
    told = []
    for signal in ("traces", "logs"):
        half = tmp_path / signal
        half.mkdir()
        for file in store.glob(f"{signal}-*.jsonl"):
            shutil.copy(file, half)
        fault = json.loads(cli("show", "req-429", str(half), "--json").out)["requests"][0]["fault"]
        told.append({key: value for key, value in fault.items() if key != "fields"})

    assert told[0] == told[1]


def test_unknown_id_names_the_store_and_the_nearest(store, cli):
    """An ID that is not there is an error that names the store and what may have been meant."""
    ran = cli("show", "req-42")

    assert (ran.code, ran.out, ran.err.splitlines()[0], "req-429" in ran.err.splitlines()[1]) == (
        1,
        "",
        f"no request 'req-42' in {store}",
        True,
    )


def test_id_of_a_trace_leads_to_its_request(store, cli):
    """Who has only the ID of a trace, or of a fault, is told the request."""
    request = json.loads(cli("show", "req-429", "--json").out)["requests"][0]

    said = [cli("show", id_).err.splitlines()[1] for id_ in (request["trace_id"], request["fault"]["id"])]
    assert said == ["It is the ID of a trace or fault of: req-429"] * 2


def test_missing_store_is_a_clear_error(tmp_path, cli):
    """A path where nothing is stored is named, with what decides where telemetry goes."""
    ran = cli("show", "req-42", str(tmp_path / "nowhere"))

    assert (ran.code, ran.out, ran.err.splitlines()[0]) == (
        1,
        "",
        f"no stored telemetry: {tmp_path / 'nowhere'} does not exist",
    )


def test_corrupt_line_is_named_and_the_rest_is_shown(store, cli):
    """A line that cannot be read is named by file and number; the request is shown all the same."""
    (file,) = store.glob("traces-*.jsonl")
    file.write_bytes(b'{"resourceSpans": 7}\n' + file.read_bytes() + b'{"resourceSp')
    lines = file.read_bytes().count(b"\n") + 1

    ran = cli("show", "req-429")
    assert (ran.code, [line.partition(" is left out")[0] for line in ran.err.splitlines()], "RateLimit" in ran.out) == (
        0,
        [f"warning: {file}, line 1", f"warning: {file}, line {lines}"],
        True,
    )


def test_many_corrupt_lines_are_counted(store, cli):
    """A file that is no telemetry at all does not flood the screen."""
    (store / "notes.jsonl").write_text("no telemetry\n" * 100)

    assert cli("show", "req-429").err.splitlines()[-1] == "warning: 95 more lines could not be read"


def test_usage_errors_have_exit_code_2(store, cli):
    """A missing argument and a time that is none are the user's mistakes, not the store's."""
    assert [cli("show").code, cli("show", "req-ok", "--since", "yesterday").code, cli("nope").code] == [2, 2, 2]


def test_since_leaves_out_what_is_older(store, cli):
    """A request that was last seen before the time is not there; it is within the last day."""
    assert [cli("show", "req-429", "--since", time).code for time in ("1d", "2999-01-01")] == [0, 1]


def test_narrow_terminal_keeps_every_word(store, cli, monkeypatch):
    """In 60 columns no line is longer, and nothing is cut."""
    wide = cli("show", "req-429").out
    monkeypatch.setenv("COLUMNS", "60")
    narrow = cli("show", "req-429").out

    squeezed = [re.sub(r"[\s│├└─]", "", text) for text in (wide, narrow)]
    assert (max(map(len, narrow.splitlines())) <= 60, squeezed[0]) == (True, squeezed[1])


def test_pipe_gets_no_colours(store, cli):
    """What is not a terminal gets neither escape sequences nor folded lines."""
    assert "\x1b" not in cli("show", "req-429").out


def test_names_of_log_events_are_those_that_are_written(store, cli):
    """The events and keys that reading back relies on stand in what the log listener writes."""
    request = json.loads(cli("show", "req-429", "--json").out)["requests"][0]
    events = {log["event"]: log["attributes"] for log in request["logs"]}

    assert (
        {"request started", "request finished", "fault"} <= events.keys(),
        {"outcome", "duration_ms"} <= events["request finished"].keys(),
        {"message", "kind", "transient", "raised_at", "http_status", "attempts", names.LOG_MASKED}
        <= events["fault"].keys(),
    ) == (True, True, True)


@pytest.mark.parametrize("id_", ["req masked", "req-masked"])
def test_id_is_found_as_the_client_sent_it(store, cli, id_):
    """An ID that the application cleaned is found as it was before."""
    (file,) = store.glob("traces-*.jsonl")
    file.write_text(file.read_text().replace('"req-masked"', '"req_masked"'))
    (file,) = store.glob("logs-*.jsonl")
    file.write_text(file.read_text().replace('"req-masked"', '"req_masked"'))

    assert cli("show", id_).code == (0 if " " in id_ else 1)
