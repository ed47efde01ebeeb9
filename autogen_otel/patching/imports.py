"""Waiting for the host to import a module, instead of importing it for our own sake."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import wrapt

from autogen_otel.core.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable


def when_imported(module: str, action: Callable[[], None]) -> None:
    """Call `action()` now if a module is imported, else right after it is.

    There is no way to stop waiting; an action looks for itself whether it is still wanted.
    """
    if module in sys.modules:
        guard.call(action)
    else:
        wrapt.register_post_import_hook(lambda _: guard.call(action), module)
