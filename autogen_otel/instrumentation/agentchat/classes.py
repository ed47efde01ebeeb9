"""Classes of the application that are not known by name: they are observed as they are met."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def meet_below(base: str, meet: Callable[[type], None]) -> None:
    """Call `meet` with each class that exists below a base class.

    Args:
        base: Module and name of a class that is imported.
        meet: Called with the class.
    """
    module, _, name = base.rpartition(".")
    waiting = [getattr(sys.modules[module], name)]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            meet(cls)
            waiting.append(cls)


def is_left(error: BaseException) -> bool:
    """Tell that the consumer of a stream goes away: no failure once it has seen the last item."""
    return isinstance(error, GeneratorExit)
