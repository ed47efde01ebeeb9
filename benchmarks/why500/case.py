"""What a case is: what its user did, how it is served, what is to be found, and who outside can prove it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.why500 import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App

# What is called to account, as the label of a cause says it.
AGENT: Final = "agent"
TOOL: Final = "tool"
CLIENT: Final = "client"
PROVIDER: Final = "provider"
LINE: Final = "line"


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody says who never looks at our telemetry.

    Attributes:
        happened: Whether the fault happened, or in a healthy case whether nothing did; else the run does not count.
        says: What was seen, in one line.
        hit: The requests that it hurt, by ID, and
        touched: Those too that had part in it and got away with it.
    """

    happened: bool
    says: str
    hit: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()

    def __and__(self, other: Proof) -> Proof:
        """Return the proof that both happened."""
        return Proof(
            self.happened and other.happened,
            f"{self.says}; {other.says}",
            self.hit | other.hit,
            self.touched | other.touched,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        id: Such as `S1`.
        title: What the user did.
        causes: What is to be found, and what kind of component is to be named for it; nothing in a healthy case.
        lines: The AutoGen lines where it applies.
        needs: Packages without which it cannot be shown.
        hold_out: Whether it is not one of those by which the detectors were written.
        serve: Serves all questions.
        script: Makes the model.
        proof: Asks the oracle.
        components: Kinds of components that are to be named on one line instead, by its name.
    """

    id: str
    title: str
    causes: Mapping[str, str]
    lines: tuple[str, ...]
    needs: tuple[str, ...]
    hold_out: bool
    serve: Callable[[App], None]
    script: Callable[[App], Script]
    proof: Callable[[App], Proof]
    components: Mapping[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether nothing is to be found."""
        return not self.causes

    def expected(self, line: str) -> Mapping[str, str]:
        """Return the causes with the kind of component to be named, on an AutoGen line."""
        return {cause: self.components.get(line, kind) for cause, kind in self.causes.items()}

    @property
    def missing(self) -> list[str]:
        """Which of the packages that it needs are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]


def load_all() -> list[Case]:
    """Return all cases, those of the list first."""
    names = (found.name for found in pkgutil.iter_modules(cases.__path__))
    return sorted((_load(name) for name in names), key=lambda case: (case.hold_out, _order(case.id)))


def load(case_id: str) -> Case:
    """Return the case of that ID."""
    return next(case for case in load_all() if case.id == case_id)


def _load(name: str) -> Case:
    module: Any = importlib.import_module(f"{cases.__name__}.{name}")
    case_id, _, title = " ".join((inspect.getdoc(module) or "").split()).partition(". ")
    return Case(
        id=case_id,
        title=title,
        causes=module.CAUSES,
        lines=module.LINES,
        needs=tuple(getattr(module, "NEEDS", ())),
        hold_out=getattr(module, "HOLD_OUT", False),
        serve=module.serve,
        script=getattr(module, "script", _thinking),
        proof=module.proof,
        components=getattr(module, "COMPONENTS", {}),
    )


def _thinking(app: App) -> Script:
    return app.think


def _order(case_id: str) -> tuple[int, int]:
    return "STRAFNXH".index(case_id[0]), int(case_id[1:])


def ids(all_cases: Iterable[Case]) -> list[str]:
    """Return the IDs of cases."""
    return [case.id for case in all_cases]
