"""A diagnosis as one page without anything from elsewhere: to be opened from a disk, mailed, attached to a ticket."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause
from autogen_otel.detectors.pages import page_of
from autogen_otel.diagnosis.charts import concurrency, state_of, time_line
from autogen_otel.diagnosis.render_diagnosis import BLAMED, paragraphs, what_is
from autogen_otel.diagnosis.render_fault import place
from autogen_otel.diagnosis.suspects import PACKAGE, own_line, raising_frame
from autogen_otel.diagnosis.traits import together
from autogen_otel.diagnosis.waterfall import waterfall
from autogen_otel.diagnosis.words import count, duration, plain, share, when

if TYPE_CHECKING:
    from autogen_otel.diagnosis.seen import Diagnosis, Group, Seen
    from autogen_otel.diagnosis.traits import Trait

_TRAITS: Final = 10
_BLAMED: Final = 4
_OTHER_IDS: Final = 200


def diagnosis_page(diagnosis: Diagnosis, source: str, made_ns: int) -> str:
    """Return the page.

    Args:
        diagnosis: What was found.
        source: Where it was read from.
        made_ns: The time, in nanoseconds since 1970.

    Raises:
        ImportError: jinja2 is not installed.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = (resources.files("autogen_otel.diagnosis") / "templates" / "diagnosis.html").read_text("utf-8")
    page: str = environment.from_string(template).render(_view(diagnosis, source, made_ns))
    return page


def _view(diagnosis: Diagnosis, source: str, made_ns: int) -> dict[str, Any]:
    requests = diagnosis.requests
    total = len(requests)
    most = max((len(group.requests) for group in diagnosis.groups), default=1)
    ended_ns = max((one.ended_ns for one in requests), default=0)
    return {
        "source": plain(source),
        "made": when(made_ns),
        "period": f"{when(requests[0].operation.started_ns)} – {when(ended_ns)}" if requests else "",
        "spans": f"{diagnosis.spans:,}",
        "tiles": [
            ("requests", f"{total:,}", "", ""),
            ("failed", f"{diagnosis.failed:,}", share(diagnosis.failed, total), "failed"),
            ("silently wrong", f"{diagnosis.wrong:,}", share(diagnosis.wrong, total), "wrong"),
            ("without an end", f"{diagnosis.unfinished:,}", share(diagnosis.unfinished, total), "open"),
        ],
        "groups": [_group(number, group, diagnosis, most) for number, group in enumerate(diagnosis.groups, 1)],
        "concurrency": concurrency(diagnosis),
        "time_line": time_line(diagnosis),
        "common": [_traits(alike) for alike in together(diagnosis.common)[:_TRAITS]],
    }


def _group(number: int, group: Group, diagnosis: Diagnosis, most: int) -> dict[str, Any]:
    page, total = page_of(group.cause), len(diagnosis.requests)
    blame, own = _blame(group), own_line(group)
    raised = BLAMED[names.FAULT_RAISED_AT] in {label for label, _, _ in blame}
    frame = raising_frame(group) if raised else None
    proved = "proved" if group.certain == len(group.requests) else f"{group.certain} of them proved, the others hints"
    return {
        "number": number,
        "id": f"cause-{group.cause.value}",
        "cause": group.cause.value,
        "alarm": group.cause is not Cause.CANCELLED,
        "title": page.title,
        "requests": count(len(group.requests), "request"),
        "share": share(len(group.requests), total),
        "width": round(100 * len(group.requests) / most, 2),
        "proved": proved,
        "details": [(plain(detail), number) for detail, number in group.details.items()],
        "first": when(group.first_ns),
        "last": when(group.last_ns),
        "blame": blame,
        "raised_at": None if frame is None else (place(frame), plain(frame.source)),
        "own": None if own is None else (place(own), plain(own.source)),
        "common": [_traits(alike) for alike in together(group.common)[:3]],
        "symptom": page.symptom,
        "why": page.cause,
        "fix": paragraphs(page.fix),
        "examples": [_example(seen, diagnosis) for seen in group.examples],
        "ids": [plain(seen.request_id) for seen in group.requests[:_OTHER_IDS]],
        "more_ids": max(0, len(group.requests) - _OTHER_IDS),
    }


def _blame(group: Group) -> list[tuple[str, list[tuple[str, int]], int]]:
    told: dict[str, tuple[str, list[tuple[str, int]], int]] = {}
    for key, values in group.blame.items():
        label = BLAMED.get(key)
        if label is not None:
            shown = [(plain(PACKAGE.sub("", value)), number) for value, number in values[:_BLAMED]]
            told.setdefault(label, (label, shown, max(0, len(values) - _BLAMED)))
    return [told[label] for label in dict.fromkeys(BLAMED.values()) if label in told]


def _example(seen: Seen, diagnosis: Diagnosis) -> dict[str, Any]:
    findings = seen.verdict.findings if seen.verdict else ()
    return {
        "request_id": plain(seen.request_id),
        "state": state_of(seen),
        "summary": plain(findings[0].summary) if findings else "",
        "also": [(finding.cause.value, plain(finding.summary)) for finding in findings[1:]],
        "started": when(seen.operation.started_ns),
        "took": duration(seen.ended_ns - seen.operation.started_ns),
        "trace_id": seen.trace_id,
        "waterfall": waterfall(diagnosis, seen),
    }


def _traits(alike: list[Trait]) -> dict[str, Any]:
    trait = alike[0]
    return {
        "what": [what_is(one) for one in alike],
        "failing": f"{trait.failing} of {trait.of_failing}",
        "others": f"{trait.others} of {trait.of_others}",
        "failing_share": round(100 * trait.failing / trait.of_failing, 2),
        "others_share": round(100 * trait.others / trait.of_others, 2),
    }
