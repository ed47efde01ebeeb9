"""`autogen-otel requests` on a store that real chats have filled."""

from __future__ import annotations

import json
import re

REFUSED = "Error code: 429 - Rate limit reached for requests. Please try again in 0.01s."


def rows(text: str) -> list[list[str]]:
    """Return the columns of each line but the times."""
    lines = text.splitlines()[1:]
    return [[column for column in re.split(r"  +", line)[1:] if not re.match(r"[\d.]+ m?s$", column)] for line in lines]


def test_requests_are_listed_with_their_outcome(store, cli):
    """Each request stands in a line with its outcome and what was raised, the newest last."""
    assert rows(cli("requests").out) == [
        ["req-ok", "ok"],
        ["req-masked", "ok, 1 masked fault", "tool_exception", "KeyError: 'p9' (tool lookup_policy)"],
        ["req-masked", "ok, 1 masked fault", "tool_exception", "KeyError: 'p10' (tool lookup_policy)"],
        [
            "req-429",
            "error",
            "rate_limit",
            f"openai.RateLimitError: {REFUSED} (agent assistant)",
        ],
        ["req-open", "open", *rows(cli("requests").out)[-1][2:]],
    ]


def test_json_is_an_array_with_a_request_on_each_line(store, cli):
    """With --json the list is an array, and each of its lines holds one request."""
    out = cli("requests", "--json").out

    told = [(one["request_id"], one["outcome"], one["masked_faults"]) for one in json.loads(out)]
    assert (told, len(out.splitlines())) == (
        [
            ("req-ok", "ok", 0),
            ("req-masked", "ok", 1),
            ("req-masked", "ok", 1),
            ("req-429", "error", 0),
            ("req-open", "open", 0),
        ],
        5,
    )


def test_failed_leaves_out_what_went_well(store, cli):
    """With --failed only requests with a fault or without an end are listed."""
    assert [row[0] for row in rows(cli("requests", "--failed").out)] == [
        "req-masked",
        "req-masked",
        "req-429",
        "req-open",
    ]


def test_limit_keeps_the_newest(store, cli):
    """With --limit the oldest are left out, and it says so."""
    lines = cli("requests", "--limit", "2").out.splitlines()

    assert ([row[0] for row in rows("\n".join(lines[:-1]))], lines[-1]) == (
        ["req-429", "req-open"],
        "older requests are left out, --limit 0 shows all",
    )


def test_list_agrees_with_show(store, cli):
    """A list, which reads little of each record, says of each request what `show` says."""
    listed = json.loads(cli("requests", "--json").out)
    ids = dict.fromkeys(one["request_id"] for one in listed)
    shown = [one for id_ in ids for one in json.loads(cli("show", id_, "--json").out)["requests"]]

    assert listed == [{key: one[key] for key in listed[0]} for one in shown]


def test_since_leaves_out_what_is_older(store, cli):
    """Nothing that was seen since the year 2999: that is said, and is no error."""
    ran = cli("requests", "--since", "2999-01-01")

    assert (ran.code, ran.out, ran.err) == (0, "", f"no such request in {store}\n")


def test_narrow_terminal_gets_two_lines_for_a_request(store, cli, monkeypatch):
    """Where there is no room behind the columns, what was raised stands below them; the ID is never cut."""
    monkeypatch.setenv("COLUMNS", "70")

    lines = cli("requests").out.splitlines()
    assert ([line for line in lines if line.startswith("    ")][:2], max(map(len, lines)) <= 70) == (
        ["    exception", "    KeyError: 'p9' (tool lookup_policy)"],
        True,
    )


def test_missing_store_is_a_clear_error(tmp_path, cli):
    """A path where nothing is stored is named."""
    ran = cli("requests", str(tmp_path / "nowhere"))

    assert (ran.code, ran.err.splitlines()[0]) == (1, f"no stored telemetry: {tmp_path / 'nowhere'} does not exist")
