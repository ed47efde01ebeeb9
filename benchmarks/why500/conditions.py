"""How telemetry may reach a diagnosis: whole, in any order, sampled, or only until the process was killed."""

from __future__ import annotations

import json
import os
import random
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GROUPS = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))


class Condition(str, Enum):
    """One of these ways."""

    WHOLE = "whole"
    SHUFFLED = "shuffled"
    SAMPLED = "sampled"
    KILLED = "killed"

    def before(self) -> None:
        """Set the environment of a run: of a hundred traces one is kept, and all log records."""
        if self is Condition.SAMPLED:
            os.environ.update({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"})

    def after(self, store: Path) -> None:
        """Change what a run has stored."""
        if self not in {Condition.SHUFFLED, Condition.KILLED}:
            return
        for pattern, groups in (("traces*.jsonl", _GROUPS[0]), ("logs*.jsonl", _GROUPS[1])):
            files = sorted(store.glob(pattern))
            records = [one for file in files for one in _records(file, groups)]
            for file in files:
                file.unlink()
            if not records:
                continue
            kept = self._kept(records)
            (store / pattern.replace("*", "")).write_text("".join(f"{json.dumps(one)}\n" for one in kept), "utf-8")

    def _kept(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self is Condition.SHUFFLED:
            random.Random(len(records)).shuffle(records)
            return records
        times = sorted(map(_written_ns, records))
        end = times[len(times) // 2]
        return [one for one in records if _written_ns(one) <= end]


def _records(file: Path, groups: tuple[str, str, str]) -> Iterator[dict[str, Any]]:
    """Yield each span or log record of a file as a document of its own."""
    of_resource, of_scope, name = groups
    for line in file.read_text("utf-8").splitlines():
        for resource in json.loads(line).get(of_resource, ()):
            for scope in resource[of_scope]:
                for record in scope[name]:
                    yield {of_resource: [{**resource, of_scope: [{**scope, name: [record]}]}]}


def _written_ns(document: dict[str, Any]) -> int:
    """Return when a record was written: a span at its end."""
    ((of_resource, of_scope, name),) = (group for group in _GROUPS if group[0] in document)
    told = document[of_resource][0][of_scope][0][name][0]
    return int(told.get("endTimeUnixNano") or told["timeUnixNano"])
