"""wrapt's proxies, which have type parameters from version 2 on and none before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
    FunctionProxy = wrapt.FunctionWrapper[Any, Any]
else:
    Proxy = wrapt.ObjectProxy
    FunctionProxy = wrapt.FunctionWrapper
