"""The most common patch: run an operation around each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.operations.operation import OpenOperation
from autogen_otel.operations.shapes import around
from autogen_otel.patching.patch import Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.edges import Closing, Opening


def operation(
    opening: Opening, closing: Closing | None = None, *, stream: bool = False
) -> Callable[[Any, Switch], Any]:
    """Return a `Patch.replace` that runs an operation around each call of the patched function.

    Args:
        opening: Opens it from the instance and the arguments of the call; None where the call is none of ours.
        closing: Looks at the result.
        stream: The function returns an async generator, though it need not be an async generator function itself.
    """

    def make(function: Any, switch: Switch) -> Any:
        return around(function, opening, closing, switch, stream=stream)

    return wrap(make)


class Inside(OpenOperation):
    """A part of an operation that is open already: it is run like an operation of its own and tells nothing.

    Attributes:
        whole: The operation.
    """

    __slots__ = ("whole",)

    def __init__(self, whole: OpenOperation) -> None:
        super().__init__(whole.fact, whole.parent)
        self.whole = whole

    def enter(self) -> None:
        """The operation is current already."""

    def leave(self) -> None:
        """It stays current."""

    def stalled(self, started_ns: int, ended_ns: int) -> None:
        """Tell it of the whole, whose span shows it."""
        self.whole.stalled(started_ns, ended_ns)

    def finish(self) -> None:
        """It goes on."""

    def fail(self, error: BaseException) -> None:
        """It goes on, or fails by itself."""
