"""The field guide's cases, in its order: each a module that says symptom, cause and fix, and has both ways to serve."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.demo.places import short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autogen_otel.demo.agents import Model
    from autogen_otel.demo.provider import Script
    from autogen_otel.demo.web import Answer, Question

    Way = Callable[[Model, Sequence[Question]], list[Answer]]

NAMES: Final = ("shared_state", "tool_exception", "rate_limit", "async_boundary", "stale_client")


class Case(NamedTuple):
    """A case of the field guide.

    Attributes:
        name: The cause, as the product names it.
        file: The module's file, from the working directory.
        title: The first line of the module's docstring.
        symptom: What users and operators see.
        cause: Why.
        fix: What to do.
        requests: How many questions are asked.
        prompt: Returns the text of the n-th question.
        script: Makes what the model answers.
        broken: Serves questions in the way that fails.
        fixed: Serves questions in the way that does not.
        available: Whether this system can show it.
    """

    name: str
    file: str
    title: str
    symptom: str
    cause: str
    fix: str
    requests: int
    prompt: Callable[[int], str]
    script: Callable[[], Script]
    broken: Way
    fixed: Way
    available: bool


def load(name: str) -> Case:
    """Return the case of that name."""
    module = importlib.import_module(f"{__name__}.{name}")
    title, *paragraphs = (" ".join(part.split()) for part in (inspect.getdoc(module) or "").split("\n\n"))
    page = dict(paragraph.split(": ", 1) for paragraph in paragraphs)
    return Case(
        name=name,
        file=short(module.__file__ or ""),
        title=title.rstrip("."),
        symptom=page["Symptom"],
        cause=page["Cause"],
        fix=page["Fix"],
        requests=module.REQUESTS,
        prompt=module.prompt,
        script=module.script,
        broken=module.broken,
        fixed=module.fixed,
        available=getattr(module, "AVAILABLE", True),
    )
