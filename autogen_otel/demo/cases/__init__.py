"""The field guide's cases, in its order: here what all lines of AutoGen share, in `demo/lines` both ways to serve.

A case's page are the docstrings of both modules; where both have a part (Symptom, Cause, Fix) the line's counts.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.demo import lines
from autogen_otel.demo.places import short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autogen_otel.demo.lines import Model
    from autogen_otel.demo.provider import Script
    from autogen_otel.demo.web import Answer, Question

    Way = Callable[[Model, Sequence[Question]], list[Answer]]

NAMES: Final = ("shared_state", "tool_exception", "rate_limit", "async_boundary", "stale_client")


class Case(NamedTuple):
    """A case of the field guide on one line of AutoGen.

    Attributes:
        name: The cause, as the product names it.
        line: The line of AutoGen.
        file: The line's module, from the working directory.
        title: What it is about.
        symptom: What users and operators see.
        cause: Why.
        fix: What to do.
        requests: How many questions are asked.
        prompt: Returns the text of the n-th question.
        expected: Returns what stands in a right answer to it.
        script: Makes what the model answers.
        broken: Serves questions in the way that fails.
        fixed: Serves questions in the way that does not.
        available: Whether this system can show it.
    """

    name: str
    line: str
    file: str
    title: str
    symptom: str
    cause: str
    fix: str
    requests: int
    prompt: Callable[[int], str]
    expected: Callable[[int], str]
    script: Callable[[], Script]
    broken: Way
    fixed: Way
    available: bool


def load(line: str, name: str) -> Case:
    """Return the case of that name on a line of AutoGen."""
    common = importlib.import_module(f"{__name__}.{name}")
    own = importlib.import_module(f"{lines.__name__}.{line}.{name}")
    page = {**_page(common), **_page(own)}
    return Case(
        name=name,
        line=line,
        file=short(own.__file__ or ""),
        title=str(inspect.getdoc(common)).partition("\n")[0].rstrip("."),
        symptom=page["Symptom"],
        cause=page["Cause"],
        fix=page["Fix"],
        requests=common.REQUESTS,
        prompt=common.prompt,
        expected=getattr(common, "expected", lambda _: ""),
        script=getattr(own, "script", common.script),
        broken=own.broken,
        fixed=own.fixed,
        available=getattr(common, "AVAILABLE", True),
    )


def _page(module: Any) -> dict[str, str]:
    """Return the parts of a docstring: the paragraphs after the first line, by the word that begins them."""
    paragraphs = (" ".join(part.split()) for part in str(inspect.getdoc(module)).split("\n\n")[1:])
    parts = (paragraph.partition(": ") for paragraph in paragraphs)
    return {name: text for name, colon, text in parts if colon}
