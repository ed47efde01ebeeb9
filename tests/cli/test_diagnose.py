"""`autogen-otel diagnose` on a store that real chats have filled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autogen_otel.detectors.pages import page_of

CHATS = Path(__file__).with_name("chats.py")
RAISING_LINE = CHATS.read_text().splitlines().index("    return POLICIES[policy_id]") + 1


def lines_of(text: str, title: str) -> dict[str, str]:
    """Return the labelled lines of a cause."""
    part = re.split(r"\n\n", text[re.search(rf"^\d\. {title}", text, re.MULTILINE).start() :])[0]
    found = re.findall(r"^  (\S.{9,10}\S?) +(\S.*)$", part, re.MULTILINE)
    return {label.strip(): value for label, value in found}


def test_share_of_failed_and_wrong_requests_comes_first(store, cli):
    """At the top stands how many requests failed, answered wrongly, or have no end."""
    head = cli("diagnose").out.splitlines()

    assert ([head[0].partition(" requests")[0], *head[2:5]]) == [
        "5",
        "  1 failed (20 %)",
        "  2 answered, but wrongly or with something missing (40 %)",
        "  1 without an end (20 %)",
    ]


def test_causes_are_ranked(store, cli):
    """The cause with the most requests comes first, each with its share."""
    assert re.findall(r"^\d\. .*$", cli("diagnose").out, re.MULTILINE) == [
        "1. tool_exception  2 requests (40 %)",
        "2. rate_limit  1 request (20 %)",
    ]


def test_cause_says_whom_to_blame_and_what_to_do(store, cli):
    """A cause names agent, tool, raising line and examples, and prints the fix of its page."""
    out = cli("diagnose").out
    told = lines_of(out, "tool_exception")

    assert (told["agent"], told["tool"], told["raised at"], told["fix"]) == (
        "user (2)",
        "lookup_policy (2)",
        f"{CHATS}:{RAISING_LINE} in lookup_policy (2)",
        page_of("tool_exception").fix.split("\n\n")[0],
    )
    assert ("                  return POLICIES[policy_id]\n" in out, told["for example"].split("  ")[0]) == (
        True,
        "req-masked",
    )


def test_librarys_line_stands_without_the_path_to_it(store, cli):
    """Where an installed package raised, its line is named without the folder into which it was installed."""
    told = lines_of(cli("diagnose").out, "rate_limit")

    assert told["raised at"].startswith("openai/_base_client.py:")


def test_json_has_stable_keys(store, cli):
    """With --json come the same facts under the keys that the docstring promises."""
    document = json.loads(cli("diagnose", "--json").out)
    first = document["causes"][0]

    assert (list(document), list(first), list(first["examples"][0]), list(first["examples"][0]["findings"][0])) == (
        [
            *("source", "requests", "failed", "silently_wrong", "unfinished", "spans", "first_at", "last_at", "causes"),
            *("in_common", "problems"),
        ],
        [
            *("cause", "title", "requests", "certain", "details", "first_at", "last_at", "blame", "raised_at"),
            *("your_code", "examples", "in_common", "symptom", "explanation", "fix", "request_ids"),
        ],
        ["request_id", "trace_id", "span_id", "outcome", "started_at", "failed", "findings"],
        ["cause", "detail", "summary", "certain", "blame", "evidence"],
    )


def test_evidence_exists(store, cli):
    """Each span and each fault that is cited is stored."""
    document = json.loads(cli("diagnose", "--json").out)
    stored = "".join(file.read_text() for file in store.glob("*.jsonl"))
    cited = [
        evidence
        for cause in document["causes"]
        for example in cause["examples"]
        for finding in example["findings"]
        for evidence in finding["evidence"]
    ]

    missing = [one for one in cited if f'"{one["span_id"]}"' not in stored or (one["fault_id"] or "") not in stored]
    assert (len(cited) >= 3, missing) == (True, [])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 1),
        (("--request", "req-429"), 1),
        (("--request", "req-ok"), 0),
        (("--request", "req-nobody"), 2),
        (("--since", "2999-01-01"), 0),
        (("/nowhere",), 2),
        (("--jaeger", "http://127.0.0.1:9"), 2),
        (("--jaeger", "localhost"), 2),
        (("--html", "/nowhere/page.html"), 2),
    ],
    ids=str,
)
def test_exit_code_tells_whether_there_is_a_cause(store, cli, arguments, code):
    """It is 1 where there is a cause, 0 where there is none, 2 where nothing can be read or written."""
    if "--html" in arguments:
        pytest.importorskip("jinja2")

    assert cli("diagnose", *arguments).code == code


def test_request_narrows_the_answer(store, cli):
    """With --request only requests of that ID are told of, though the others are looked at too."""
    document = json.loads(cli("diagnose", "--request", "req-masked", "--json").out)

    assert (document["requests"], [one["request_ids"] for one in document["causes"]]) == (
        2,
        [["req-masked", "req-masked"]],
    )


def test_same_causes_as_when_it_happened(store, cli):
    """What `diagnose` finds is what `requests` lists, which was found when it happened."""
    listed = json.loads(cli("requests", "--json").out)
    document = json.loads(cli("diagnose", "--json").out)

    told = sorted((one["cause"]["cause"], one["request_id"]) for one in listed if one["cause"])
    assert told == sorted((one["cause"], id_) for one in document["causes"] for id_ in one["request_ids"])
