"""A diagnosis for programs. The keys are stable: they may become more, none is renamed or removed.

The document: `source`, `requests`, `failed`, `silently_wrong`, `unfinished` (how many), `spans`, `first_at`, `last_at`
(ISO 8601, UTC; null without a request), `causes` (the one with the most requests first), `in_common`, `problems`
(`file`, `line`, `message` of what could not be read).

A cause: `cause`, `title`, `requests` (how many), `certain` (of how many it is proved), `details` (how many requests by
detail), `first_at`, `last_at`, `blame` (by attribute name, a list of `value` and `requests`, the most frequent first),
`raised_at` (null or `file`, `line`, `function`, `source`), `your_code` (likewise: the innermost line of the application
where another one raised), `examples`, `in_common`, `symptom`, `explanation`, `fix`, `request_ids` (of all, by start).

An example: `request_id`, `trace_id`, `span_id`, `outcome`, `started_at`, `failed`, `findings`.

A finding: `cause`, `detail`, `summary`, `certain`, `blame` (by attribute name), `evidence`: `span_id`, `fault_id`
(null where there is no exception), `says`.

In common: `attribute`, `value`, `failing`, `of_failing`, `others`, `of_others`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.detectors.pages import page_of
from autogen_otel.diagnosis.gathered import true_pid
from autogen_otel.diagnosis.logged_operations import span_id_of
from autogen_otel.diagnosis.render_json import frame_data, iso
from autogen_otel.diagnosis.suspects import own_line, raising_frame

if TYPE_CHECKING:
    from autogen_otel.core.causes import Finding
    from autogen_otel.core.facts import Frame
    from autogen_otel.diagnosis.seen import Diagnosis, Group, Seen
    from autogen_otel.diagnosis.traits import Trait

Json = dict[str, Any]


def diagnosis_data(diagnosis: Diagnosis, source: str) -> Json:
    """Return a diagnosis; `source` says where it was read from."""
    requests = diagnosis.requests
    return {
        "source": source,
        "requests": len(requests),
        "failed": diagnosis.failed,
        "silently_wrong": diagnosis.wrong,
        "unfinished": diagnosis.unfinished,
        "spans": diagnosis.spans,
        "first_at": iso(requests[0].operation.started_ns) if requests else None,
        "last_at": iso(max(one.ended_ns for one in requests)) if requests else None,
        "causes": [_group(group) for group in diagnosis.groups],
        "in_common": [_trait(trait) for trait in diagnosis.common],
    }


def _group(group: Group) -> Json:
    page = page_of(group.cause)
    return {
        "cause": group.cause.value,
        "title": page.title,
        "requests": len(group.requests),
        "certain": group.certain,
        "details": group.details,
        "first_at": iso(group.first_ns),
        "last_at": iso(group.last_ns),
        "blame": {
            key: [{"value": value, "requests": number} for value, number in values]
            for key, values in group.blame.items()
        },
        "raised_at": _frame(raising_frame(group)),
        "your_code": _frame(own_line(group)),
        "examples": [_example(seen) for seen in group.examples],
        "in_common": [_trait(trait) for trait in group.common],
        "symptom": page.symptom,
        "explanation": page.cause,
        "fix": page.fix,
        "request_ids": [seen.request_id for seen in group.requests],
    }


def _example(seen: Seen) -> Json:
    return {
        "request_id": seen.request_id,
        "trace_id": seen.trace_id,
        "span_id": span_id_of(seen.operation.id),
        "outcome": seen.outcome.value if seen.outcome else "open",
        "started_at": iso(seen.operation.started_ns),
        "failed": seen.failed,
        "findings": [_finding(finding) for finding in seen.verdict.findings] if seen.verdict else [],
    }


def _finding(finding: Finding) -> Json:
    return {
        "cause": finding.cause.value,
        "detail": finding.detail,
        "summary": finding.summary,
        "certain": finding.certain,
        "blame": {
            key: true_pid(value) if key == names.PROCESS_PID and isinstance(value, int) else value
            for key, value in finding.blame.items()
        },
        "evidence": [
            {"span_id": span_id_of(one.operation_id), "fault_id": one.fault_id or None, "says": one.says}
            for one in finding.evidence
        ],
    }


def _frame(frame: Frame | None) -> Json | None:
    return None if frame is None else frame_data(frame)


def _trait(trait: Trait) -> Json:
    return {
        "attribute": trait.key,
        "value": trait.value,
        "failing": trait.failing,
        "of_failing": trait.of_failing,
        "others": trait.others,
        "of_others": trait.of_others,
    }
