"""Causes ranked: whom to blame, which of them show it best, what they have in common."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause
from autogen_otel.core.facts import Outcome
from autogen_otel.diagnosis.gathered import true_pid
from autogen_otel.diagnosis.seen import Group
from autogen_otel.diagnosis.traits import in_common, threshold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.core.causes import Verdict
    from autogen_otel.diagnosis.gathered import Gathered
    from autogen_otel.diagnosis.seen import Seen
    from autogen_otel.diagnosis.traits import Trait

_EXAMPLES: Final = 2


def ranked(requests: list[Seen], gathered: Gathered) -> list[Group]:
    """Return requests by their cause: the one with the most requests first, and one that is no failure last.

    Args:
        requests: All of them, by their start.
        gathered: What they were made from.
    """
    by_cause: dict[Cause, list[Seen]] = {}
    for one in requests:
        if one.verdict is not None:
            by_cause.setdefault(one.verdict.cause, []).append(one)
    well = [one for one in requests if one.verdict is None and one.outcome is Outcome.OK]
    groups = [_group(cause, found, well, gathered) for cause, found in by_cause.items()]
    groups.sort(key=lambda group: (group.cause is Cause.CANCELLED, -len(group.requests), group.first_ns))
    return groups


def common(requests: list[Seen], gathered: Gathered) -> list[Trait]:
    """Return what requests that failed or answered wrongly have in common and the others do not."""
    bad = [one for one in requests if one.bad]
    return _common(bad, [one for one in requests if not one.bad], gathered)


def _group(cause: Cause, requests: list[Seen], well: list[Seen], gathered: Gathered) -> Group:
    verdicts = [one.verdict for one in requests if one.verdict is not None]
    blame = _blame(verdicts)
    return Group(
        cause,
        requests,
        dict(Counter(verdict.findings[0].detail for verdict in verdicts).most_common()),
        sum(verdict.findings[0].certain for verdict in verdicts),
        blame,
        _examples(requests, blame),
        _common(requests, well, gathered),
    )


def _blame(verdicts: Iterable[Verdict]) -> dict[str, list[tuple[str, int]]]:
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        for key, value in verdict.findings[0].blame.items():
            said = true_pid(value) if key == names.PROCESS_PID and isinstance(value, int) else value
            counts.setdefault(key, Counter())[str(said)] += 1
    return {key: counter.most_common() for key, counter in counts.items()}


def _examples(requests: list[Seen], blame: dict[str, list[tuple[str, int]]]) -> list[Seen]:
    """Return the requests that show a cause best: proved, with what is blamed most; the earliest of those."""
    most = {key: values[0][0] for key, values in blame.items() if key != names.PROCESS_PID}

    def typical(one: Seen) -> tuple[bool, int]:
        assert one.verdict is not None  # noqa: S101 - it stands in a group
        finding = one.verdict.findings[0]
        return (not finding.certain, -sum(str(value) == most.get(key) for key, value in finding.blame.items()))

    return sorted(requests, key=typical)[:_EXAMPLES]


def _common(bad: list[Seen], rest: list[Seen], gathered: Gathered) -> list[Trait]:
    found = in_common([one.traits for one in bad], [one.traits for one in rest], gathered.traits.known)
    load = threshold(names.REQUESTS_IN_FLIGHT, [one.in_flight for one in bad], [one.in_flight for one in rest])
    return sorted([*load, *found], key=lambda trait: -trait.difference)
