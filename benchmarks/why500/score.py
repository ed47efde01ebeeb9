"""What a diagnosis got right: the cause, the component, the evidence; beside what simple rules would have said."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.why500.case import AGENT, CLIENT, LINE, PROVIDER, TOOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# Nobody is woken for a client that went away.
_NO_ALARM: Final = "cancelled"
_ON_TEXT: Final = (
    ("rate_limit", re.compile("429|rate limit|quota", re.IGNORECASE)),
    ("async_boundary", re.compile(r"event loop|asyncio\.run|coroutine", re.IGNORECASE)),
    ("provider", re.compile(r"timed? ?out|Timeout|\b50[0-4]\b|Connection", re.IGNORECASE)),
    ("tool_exception", re.compile("KeyError|ValueError|Error:", re.IGNORECASE)),
)
# Files that are not the application's, and what is to blame where its innermost line has called into one of them.
_NOT_IN_APP: Final = re.compile(r"^<|[/\\](site-packages|python3\.\d+|autogen_otel)[/\\]")
_CALLED: Final = (
    ("async_boundary", re.compile(r"[/\\]asyncio[/\\]")),
    ("provider", re.compile(r"[/\\](openai|httpx2?|httpcore2?|anyio)[/\\]")),
    ("framework", re.compile(r"[/\\](autogen\w*|ag2)[/\\]")),
)
_BY_TYPE: Final = {
    "RateLimitError": "rate_limit",
    "APITimeoutError": "provider",
    "TimeoutError": "provider",
    "InternalServerError": "provider",
    "APIConnectionError": "stale_client",
    "RuntimeError": "async_boundary",
    "ValueError": "async_boundary",
    "KeyError": "tool_exception",
}


class Score(NamedTuple):
    """One run of a case, judged.

    Attributes:
        found: The causes in the order of the diagnosis.
        component: Whether the component to blame is named; None in a healthy case.
        grounded: How many pieces of evidence exist in the telemetry, and
        cited: How many there are.
        baselines: What simple rules say, by their name.
    """

    found: tuple[str, ...]
    component: bool | None
    grounded: int
    cited: int
    baselines: Mapping[str, str]


def judge(outcome: Mapping[str, Any], expected: Mapping[str, str], diagnosis: Mapping[str, Any], store: Path) -> Score:
    """Return how good the diagnosis of a run is.

    Args:
        outcome: What the run has written down.
        expected: The causes with the component to blame.
        diagnosis: What `autogen-otel diagnose --json` has answered.
        store: The telemetry of the run.
    """
    causes = [cause for cause in diagnosis["causes"] if cause["cause"] != _NO_ALARM]
    found = tuple(cause["cause"] for cause in causes)
    named = [_names(cause, expected[cause["cause"]], outcome) for cause in causes if cause["cause"] in expected]
    stored = "\n".join(file.read_text(encoding="utf-8") for file in store.glob("*.jsonl"))
    cited = [
        evidence
        for cause in causes
        for example in cause["examples"]
        for finding in example["findings"]
        for evidence in finding["evidence"]
    ]
    grounded = sum(_exists(evidence, stored) for evidence in cited)
    component = (len(named) == len(expected) and all(named)) if expected else None
    return Score(found, component, grounded, len(cited), _baselines(outcome))


def _names(cause: Mapping[str, Any], kind: str, outcome: Mapping[str, Any]) -> bool:
    blame = {name: values[0]["value"] for name, values in cause["blame"].items() if values}
    if kind == AGENT:
        return blame.get("gen_ai.agent.name") in outcome["agents"]
    if kind == TOOL:
        return blame.get("gen_ai.tool.name") in outcome["tools"]
    if kind == CLIENT:
        return "autogen.client.instance" in blame or str(blame.get("process.pid")) in map(str, outcome["pids"])
    if kind == PROVIDER:
        return "gen_ai.agent.name" in blame or "autogen.client.instance" in blame
    place = cause["your_code"] or cause["raised_at"]
    return kind == LINE and place is not None and "why500" in place["file"]


def _exists(evidence: Mapping[str, Any], stored: str) -> bool:
    return any(name and f'"{name}"' in stored for name in (evidence["span_id"], evidence["fault_id"]))


def _baselines(outcome: Mapping[str, Any]) -> dict[str, str]:
    """Return what simple rules make of what the clients got: they see no telemetry, and nothing in a 200."""
    errors = [answer["error"] for answer in outcome["answers"] if answer["error"]]
    last = json.dumps(errors[-1]) if errors else ""
    types = Counter(str(error.get("type", "")).rpartition(".")[2] for error in errors)
    return {
        "always shared state": "shared_state",
        "regex on the last error": next((cause for cause, pattern in _ON_TEXT if pattern.search(last)), "none"),
        "most frequent exception": _BY_TYPE.get(types.most_common(1)[0][0], "none") if types else "none",
        "deepest in-app frame": Counter(map(_by_frame, errors)).most_common(1)[0][0] if errors else "none",
    }


def _by_frame(error: Mapping[str, Any]) -> str:
    """Return whom the innermost line of the application points to: itself, or the library that it has called."""
    files = [file for file, _, _ in error["frames"]]
    own = [place for place, file in enumerate(files) if not _NOT_IN_APP.search(file)]
    below = files[own[-1] + 1 :] if own else files
    if not below:
        return "tool_exception"
    return next((cause for cause, pattern in _CALLED if pattern.search(below[-1])), "none")


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's formula, which holds for few trials and shares near 0 and 1."""
    if not trials:
        return 0.0, 1.0
    z, share = 1.96, successes / trials
    center = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)


def set_f1(found: Iterable[str], expected: Iterable[str]) -> float:
    """Return how well a set of causes is met: 1 when it is the very set."""
    one, other = set(found), set(expected)
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def macro_f1(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the mean over all causes of how well each is told: pairs of what was expected and what came first."""
    told = list(pairs)
    labels = {expected for expected, _ in told}
    scores = []
    for label in labels:
        hits = sum(expected == found == label for expected, found in told)
        total = sum((expected == label) + (found == label) for expected, found in told)
        scores.append(2 * hits / total)
    return sum(scores) / len(scores) if scores else 0.0
