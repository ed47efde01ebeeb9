"""Taking the request along into threads and executors, which start with an empty context."""

from __future__ import annotations

import functools
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def carry(function: Callable[..., T]) -> Callable[..., T]:
    """Return `function` bound to the context of this moment: request ID, current span, structlog's variables.

    For your own threads: `executor.submit(carry(work), item)`. The result may be called from several threads at once;
    each call gets a copy, so nothing that one of them sets reaches another.
    """
    context = copy_context()

    @functools.wraps(function)
    def carried(*args: Any, **kwargs: Any) -> T:
        return context.copy().run(function, *args, **kwargs)

    return carried
