"""What an adapter of an AutoGen line, or of a client library, declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from autogen_otel.patching.patch import Patch
    from autogen_otel.patching.patches import Patches


@dataclass(frozen=True, slots=True)
class Adapter:
    """One AutoGen line.

    Attributes:
        name: As `doctor` and the demo call it.
        module: What the application imports.
        distributions: Under which names it is installed.
        versions: The versions it was tested with, for people.
        patches: Makes the table of patches; gets the `Patches` so that it can weave what it meets later, and undo it,
            and whether arguments, results and messages are to be recorded.
        parts: What an application imports of a package that imports nothing by itself.
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    versions: str
    patches: Callable[[Patches, bool], Iterable[Patch]]
    parts: tuple[str, ...] = ()
