"""A patch is a row in a table; undo is derived from it."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from collections.abc import Callable


class Status(str, Enum):
    """What became of a patch."""

    WOVEN = "woven"
    WAITING = "waiting"
    ABSENT = "absent"
    BYPASSED = "bypassed"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Patch:
    """One place of the host at which something is observed.

    Attributes:
        module: The module that holds the place; it is patched when the host imports it, never imported for it.
        path: The attribute inside, as in `ConversableAgent.execute_function`.
        replace: Makes the replacement from what is there. A wrapper from `around` is made with `wrap`.
        why: What is observed, and why here.
        optional: Some supported versions do not have it; its absence is then not worth a warning.
    """

    module: str
    path: str
    replace: Callable[[Any, Switch], Any]
    why: str
    optional: bool = False

    @property
    def target(self) -> str:
        """The place in one word."""
        return f"{self.module}:{self.path}"


@dataclass(slots=True)
class Switch:
    """Turns a replacement off in place, for whoever still holds a reference to it."""

    on: bool = True


@dataclass(slots=True)
class Woven:
    """A patch that was applied, and what is needed to take it back."""

    patch: Patch
    switch: Switch = field(default_factory=Switch)
    holder: Any = None
    original: Any = None
    replacement: Any = None

    def weave(self) -> bool:
        """Replace the attribute; False when the module does not have it."""
        holder: Any = sys.modules[self.patch.module]
        for parent in self.patch.path.split(".")[:-1]:
            holder = vars(holder).get(parent)
            if holder is None:
                return False
        return self.weave_into(holder)

    def weave_into(self, holder: Any) -> bool:
        """Replace the attribute of an object at hand; False when the object itself does not have it."""
        original = vars(holder).get(self.name)
        if original is None:
            return False
        self.replacement = self.patch.replace(original, self.switch)
        self.holder, self.original = holder, original
        setattr(holder, self.name, self.replacement)
        return True

    def unweave(self) -> None:
        """Put back the very object that was there; where a stranger has wrapped ours since, only switch ours off."""
        self.switch.on = False
        if self.holder is not None and self.present:
            setattr(self.holder, self.name, self.original)

    @property
    def status(self) -> Status:
        """Whether the host still calls ours."""
        if self.holder is None:
            return Status.ABSENT
        if not self.switch.on:
            return Status.OFF
        return Status.WOVEN if self._reaches(vars(self.holder).get(self.name)) else Status.BYPASSED

    @property
    def present(self) -> bool:
        """Whether ours is what stands there now, unwrapped."""
        return vars(self.holder).get(self.name) is self.replacement

    @property
    def name(self) -> str:
        """The attribute's own name."""
        return self.patch.path.rpartition(".")[2]

    def _reaches(self, found: Any) -> bool:
        for _ in range(16):
            if found is self.replacement:
                return True
            found = getattr(found, "__wrapped__", None)
        return False


def wrap(make: Callable[[Any, Switch], Any]) -> Callable[[Any, Switch], Any]:
    """Return a `Patch.replace` that puts a transparent wrapper around a function.

    Args:
        make: Gets the plain function and the switch, and returns a wrapper as wrapt wants it.
    """

    def replace(original: Any, switch: Switch) -> Any:
        function = original.__func__ if isinstance(original, (staticmethod, classmethod)) else original
        return wrapt.FunctionWrapper(original, make(inspect.unwrap(function), switch))

    return replace
