"""What tool calls leave behind: memory of the process, and entries in the tables of this package."""

from __future__ import annotations

import gc
import os
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics

from autogen_otel.operations.listeners import listeners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from benchmarks.hosts.classic import Host

_OURS: Final = "autogen_otel"
CALLS_PER_REQUEST: Final = 10
_WARM_UP: Final = 50_000
_DEPTH: Final = 4


def growth(host: Host, request: Callable[[], AbstractContextManager[Any]], calls: int) -> dict[str, Any]:
    """Call the tool, every tenth time with a failure, and return what has grown since a warm-up.

    The warm-up lasts until the tables are full whose size is bounded, the largest with 4,096 requests.
    """
    _call(host, request, _WARM_UP)
    tables, kilobytes = dict(_sizes()), _resident_kilobytes()
    _call(host, request, calls)
    grown = _resident_kilobytes() - kilobytes
    later = dict(_sizes())
    return {
        "megabytes": grown / 1024,
        "tables": len(later),
        "grown": {name: size for name, size in later.items() if size > tables.get(name, 0)},
    }


def _call(host: Host, request: Callable[[], AbstractContextManager[Any]], calls: int) -> None:
    for _ in range(calls // CALLS_PER_REQUEST):
        with request():
            for _ in range(CALLS_PER_REQUEST - 1):
                host.call_tool()
            host.call_tool("p9")


def _resident_kilobytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def _sizes() -> Iterator[tuple[str, int]]:
    """Yield the size of each table that the modules of this package and its listeners hold, and the live operations."""
    # Measurements that wait, 63 at most, are recorded whenever metrics are collected.
    metrics.get_meter_provider().force_flush()  # type: ignore[attr-defined]
    gc.collect()
    seen: set[int] = set()
    for name, module in sorted(sys.modules.items()):
        if name.startswith(_OURS):
            yield from _tables_in(vars(module), name, seen, 0)
    yield from _tables_in({type(one).__name__: one for one in listeners._all}, "listeners", seen, 0)
    for kind in ("Operation", "OpenOperation", "Fault", "_Span"):
        yield f"live {kind}", sum(type(thing).__name__ == kind for thing in gc.get_objects())


def _tables_in(variables: Mapping[str, Any], path: str, seen: set[int], depth: int) -> Iterator[tuple[str, int]]:
    for name, value in list(variables.items()):
        if name.startswith("__") or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (Mapping, set, list, deque)):
            yield f"{path}.{name}", len(value)
        elif type(value).__module__.startswith(_OURS) and depth < _DEPTH:
            yield from _tables_in(_attributes_of(value), f"{path}.{name}", seen, depth + 1)


def _attributes_of(thing: Any) -> dict[str, Any]:
    slots = [slot for cls in type(thing).__mro__ for slot in getattr(cls, "__slots__", ())]
    return {**getattr(thing, "__dict__", {}), **{slot: getattr(thing, slot, None) for slot in slots}}
