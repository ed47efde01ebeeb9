"""Applying a table of patches to modules that are there, and to those that will be imported later."""

from __future__ import annotations

import functools
import logging
import sys
from typing import TYPE_CHECKING, Any

from autogen_otel.core.guard import guard
from autogen_otel.patching.imports import when_imported
from autogen_otel.patching.patch import Patch, Status, Woven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from autogen_otel.patching.patch import Switch

_log = logging.getLogger("autogen_otel")


class Patches:
    """The patches of one `instrument()`, in the order in which they were applied."""

    def __init__(self) -> None:
        self._woven: list[Woven] = []
        self._undo: list[Any] = []
        self._classes: set[tuple[type, str]] = set()
        self._closed = False

    def apply(self, patches: Iterable[Patch]) -> None:
        """Apply each patch now if its module is imported, else as soon as the host imports it."""
        by_module: dict[str, list[Woven]] = {}
        for patch in patches:
            woven = Woven(patch)
            self._woven.append(woven)
            by_module.setdefault(patch.module, []).append(woven)
        for module, rows in by_module.items():
            when_imported(module, functools.partial(self._weave, rows))

    def weave_class(self, cls: type, name: str, replace: Callable[[Any, Switch], Any], why: str) -> None:
        """Patch a method where a class, met at run time, defines or inherits it; the second time is free."""
        key = (cls, name)
        if key in self._classes or self._closed:
            return
        self._classes.add(key)
        owner = next((base for base in cls.__mro__ if name in vars(base)), None)
        if owner is None or any(one.holder is owner and one.name == name for one in self._woven):
            return
        woven = Woven(Patch(owner.__module__, f"{owner.__qualname__}.{name}", replace, why))
        self._woven.append(woven)
        woven.weave_into(owner)

    def on_undo(self, action: Any) -> None:
        """Call `action()` when everything is taken back."""
        self._undo.append(action)

    def undo(self) -> None:
        """Take everything back, last first. Import hooks that are still waiting do nothing from now on."""
        self._closed = True
        for woven in reversed(self._woven):
            guard.call(woven.unweave)
        for action in reversed(self._undo):
            guard.call(action)

    def status(self) -> list[tuple[Patch, Status]]:
        """Return each patch with what became of it."""
        return [
            (one.patch, Status.WAITING if one.patch.module not in sys.modules else one.status) for one in self._woven
        ]

    def _weave(self, rows: list[Woven]) -> None:
        if self._closed:
            return
        missing = [one.patch.target for one in rows if not one.weave() and not one.patch.optional]
        if missing:
            _log.warning(
                "autogen-otel does not know this version of AutoGen: it has no %s; what happens there is not recorded",
                ", ".join(missing),
            )
