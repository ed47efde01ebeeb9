"""Durations, tokens and faults, under labels that stay bounded."""

from __future__ import annotations

import pytest

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.operations.opening import open_operation
from autogen_otel.telemetry.labels import MAX_VALUES


def labels_of(points) -> list[dict[str, object]]:
    """Return the labels of data points, in a stable order."""
    return sorted((dict(point.attributes) for point in points), key=str)


def since(before, after) -> list[dict[str, object]]:
    """Return the labels of the points that grew or were added."""
    known = {
        tuple(sorted(point.attributes.items())): getattr(point, "count", getattr(point, "value", 0)) for point in before
    }
    return labels_of(
        point
        for point in after
        if getattr(point, "count", getattr(point, "value", 0)) != known.get(tuple(sorted(point.attributes.items())))
    )


def end(
    kind: Kind,
    name: str,
    *,
    agent: str | None = None,
    tool: str | None = None,
    error: BaseException | None = None,
    **more,
):
    """Run an operation to its end."""
    operation = open_operation(kind, name, agent=agent, tool=tool, attributes=more.pop("known", None))
    operation.attributes.update(more)
    if error is None:
        operation.finish()
    else:
        operation.fail(error)


@pytest.mark.parametrize(
    ("metric", "operation", "labels"),
    [
        (names.WORKFLOW_DURATION, (Kind.WORKFLOW, "a -> b"), {names.WORKFLOW_NAME: "a -> b"}),
        (names.AGENT_DURATION, (Kind.AGENT, "a"), {}),
        (names.TOOL_DURATION, (Kind.TOOL, "t"), {names.TOOL_NAME: "t"}),
        (names.MODEL_DURATION, (Kind.MODEL, "m"), {names.OPERATION_NAME: "chat"}),
    ],
)
def test_each_kind_has_its_duration(recorder, metric, operation, labels):
    """Workflow, agent, tool and model have one histogram each, with the error's type where there was one."""
    before = recorder.points(metric)
    end(*operation)
    end(*operation, error=KeyError("p9"))

    assert since(before, recorder.points(metric)) == labels_of_dicts(labels, {**labels, names.ERROR_TYPE: "KeyError"})


def labels_of_dicts(*labels) -> list[dict[str, object]]:
    """Return labels in the same stable order."""
    return sorted(labels, key=str)


def test_tokens_are_recorded_by_type(recorder):
    """A model call has one record for its input and one for its output; an answer from the cache has none."""
    known = {names.PROVIDER_NAME: "openai", names.REQUEST_MODEL: "gpt"}
    before = recorder.points(names.TOKEN_USAGE)
    end(Kind.MODEL, "gpt", known=known, **{names.INPUT_TOKENS: 9, names.OUTPUT_TOKENS: 3})
    end(
        Kind.MODEL,
        "other",
        known={**known, names.REQUEST_MODEL: "other", names.CACHE_HIT: True},
        **{names.INPUT_TOKENS: 9},
    )

    common = {names.OPERATION_NAME: "chat", names.PROVIDER_NAME: "openai", names.REQUEST_MODEL: "gpt"}
    found = since(before, recorder.points(names.TOKEN_USAGE))
    assert found == labels_of_dicts(*({**common, names.TOKEN_TYPE: type_} for type_ in ("input", "output")))


def test_faults_are_counted_by_type_place_and_mask(recorder):
    """A fault counts once, by type, kind, agent, tool and whether it was masked."""
    before = recorder.points(names.FAULTS)
    with autogen_otel.request("r"):
        operation = open_operation(Kind.TOOL, "lookup", agent="user", tool="lookup")
        operation.catch(KeyError("p9"))
        operation.finish()

    assert since(before, recorder.points(names.FAULTS)) == [
        {
            names.ERROR_TYPE: "KeyError",
            names.FAULT_KIND: "raised",
            names.FAULT_MASKED: True,
            names.AGENT_NAME: "user",
            names.TOOL_NAME: "lookup",
        }
    ]


def test_tool_that_the_model_made_up_is_no_series(recorder):
    """Fifty invented tools are one series of the duration and one of the faults."""
    durations, faults = recorder.points(names.TOOL_DURATION), recorder.points(names.FAULTS)
    for number in range(50):
        operation = open_operation(
            Kind.TOOL, f"made-up-{number}", tool=f"made-up-{number}", attributes={names.TOOL_KNOWN: False}
        )
        operation.report(FaultKind.UNKNOWN_TOOL, "unknown_tool", "not found")
        operation.finish()

    tools = {labels[names.TOOL_NAME] for labels in since(durations, recorder.points(names.TOOL_DURATION))}
    tools |= {labels[names.TOOL_NAME] for labels in since(faults, recorder.points(names.FAULTS))}
    assert tools == {names.OTHER}


def test_names_without_end_become_other(recorder):
    """An application that names its agents after its users has a bounded number of series."""
    before = recorder.points(names.AGENT_DURATION)
    for number in range(MAX_VALUES + 50):
        end(Kind.AGENT, f"agent-{number}", agent=f"agent-{number}")

    found = {labels[names.AGENT_NAME] for labels in since(before, recorder.points(names.AGENT_DURATION))}
    assert (len(found), names.OTHER in found) == (MAX_VALUES + 1, True)


def test_duration_points_to_the_trace(recorder):
    """The exemplar of a duration is the span of the operation itself, not the one around it."""
    with autogen_otel.request("r"):
        operation = open_operation(Kind.TOOL, "exemplary", tool="exemplary")
        operation.enter()
        operation.finish()
        operation.leave()

    (span,) = recorder.named("execute_tool exemplary")
    exemplars = [
        exemplar.span_id
        for point in recorder.points(names.TOOL_DURATION)
        if point.attributes.get(names.TOOL_NAME) == "exemplary"
        for exemplar in point.exemplars
    ]
    assert exemplars == [span.context.span_id]
