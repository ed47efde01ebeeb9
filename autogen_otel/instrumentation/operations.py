"""The most common patch: run an operation around each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.operations.shapes import around
from autogen_otel.patching.patch import Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.shapes import Closing, Opening


def operation(opening: Opening, closing: Closing | None = None) -> Callable[[Any, Switch], Any]:
    """Return a `Patch.replace` that runs an operation around each call of the patched function.

    Args:
        opening: Opens it from the instance and the arguments of the call; None where the call is none of ours.
        closing: Looks at the result.
    """

    def make(function: Any, switch: Switch) -> Any:
        return around(function, opening, closing, switch)

    return wrap(make)
