"""`autogen-otel explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from autogen_otel.cli.reading import console
from autogen_otel.core.causes import Cause
from autogen_otel.detectors.pages import page_of
from autogen_otel.diagnosis.lines import field, show
from autogen_otel.diagnosis.render_diagnosis import show_fix

if TYPE_CHECKING:
    from rich.console import Console

_LONGEST = max(len(cause.value) for cause in Cause)


def explain(cause: Cause | None) -> int:
    """Print the page of a cause, or which causes there are, and return the exit code."""
    to = console()
    if cause is not None:
        _page(to, cause)
        return 0
    for one in Cause:
        show(to, Text(page_of(one).title), Text.assemble("  ", (f"{one.value:<{_LONGEST}}  ", "bold")))
    return 0


def _page(to: Console, cause: Cause) -> None:
    page = page_of(cause)
    show(to, Text.assemble((cause.value, "bold"), f"  {page.title}"))
    field(to, "symptom", page.symptom)
    field(to, "cause", page.cause)
    show_fix(to, page.fix)
