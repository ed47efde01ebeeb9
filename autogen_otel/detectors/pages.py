"""The manual: the docstring of each detector is the page of its cause."""

from __future__ import annotations

import importlib
import inspect
from typing import NamedTuple

from autogen_otel.core.causes import Cause

_PARTS = ("Symptom", "Cause", "Fix")


class Page(NamedTuple):
    """What there is to know about a cause.

    Attributes:
        title: One line.
        symptom: What users and operators see.
        cause: Why.
        fix: What to do: paragraphs, of which those that are indented are code.
    """

    title: str
    symptom: str
    cause: str
    fix: str


def page_of(cause: Cause) -> Page:
    """Return the page of a cause."""
    module = importlib.import_module(f"{__package__}.{Cause(cause).value}")
    title, *paragraphs = (inspect.getdoc(module) or "").split("\n\n")
    parts: dict[str, list[str]] = {}
    name = ""
    for paragraph in paragraphs:
        head, colon, rest = paragraph.partition(": ")
        if colon and head in _PARTS:
            name, paragraph = head, rest  # noqa: PLW2901
        text = paragraph if paragraph.startswith("    ") else " ".join(paragraph.split())
        parts.setdefault(name, []).append(text)
    return Page(" ".join(title.split()).rstrip("."), *("\n\n".join(parts.get(part, ())) for part in _PARTS))
