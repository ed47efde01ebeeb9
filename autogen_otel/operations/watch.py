"""Watching an object that tools share: who overwrote what another request had written meanwhile.

A lost update is the one thing about shared state that no exception and no text tells of: two requests read the same
value, both write, and the first one's work is gone. With a lock around both steps the second one reads what the first
has written, and there is nothing to tell.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final, TypeVar

import wrapt

from autogen_otel.core import names
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from typing_extensions import Self

    from autogen_otel.operations.operation import OpenOperation

T = TypeVar("T")
# What a tool has read and does not write: it may look through all of a large dict.
MAX_READ: Final = 1_024
_MISSING: Final = object()
_UNWATCHABLE: Final = (list, tuple, set, frozenset, str, bytes, int, float, complex, bool, type(None))


class _Versions:
    """For each key of a watched object how often it was written, and which of its versions each request has read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._written: dict[Hashable, tuple[int, str]] = {}
        self._read: weakref.WeakKeyDictionary[OpenOperation, dict[Hashable, int]] = weakref.WeakKeyDictionary()

    def read(self, key: Hashable) -> None:
        operation = current_operation()
        if operation is not None:
            read = self._read.setdefault(operation, {})
            read[key] = self._written.get(key, (0, ""))[0]
            if len(read) > MAX_READ:
                del read[next(iter(read))]

    def write(self, key: Hashable) -> None:
        operation = current_operation()
        if operation is None:
            return
        version, writer = self._written.get(key, (0, ""))
        seen = self._read.get(operation, {}).pop(key, None)
        request_id = operation.fact.request_id
        self._written[key] = (version + 1, request_id)
        self._note(operation, names.STATE_WATCHED)
        if seen is not None and seen != version and writer != request_id:
            self._note(operation, names.STATE_LOST_UPDATES)
            operation.attributes[names.FOREIGN_REQUESTS] = [writer]

    def forget(self, key: Hashable) -> None:
        self._written.pop(key, None)

    def _note(self, operation: OpenOperation, attribute: str) -> None:
        noted = operation.attributes.setdefault(attribute, [])
        if self.name not in noted:
            noted.append(self.name)


class WatchedDict(dict[Any, Any]):
    """A dict that is watched key by key. A real dict, so that `json` and everything else take it for one."""

    def __init__(self, content: dict[Any, Any], name: str) -> None:
        super().__init__(content)
        self._versions = _Versions(name)

    def __getitem__(self, key: Any) -> Any:
        guard.call(self._versions.read, key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a value, as `dict.get`."""
        guard.call(self._versions.read, key)
        return super().get(key, default)

    def __setitem__(self, key: Any, value: Any) -> None:
        guard.call(self._versions.write, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        guard.call(self._versions.forget, key)
        super().__delitem__(key)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return a value, set if it is not there, as `dict.setdefault`; one step, in which nothing gets lost."""
        guard.call(self._versions.read, key)
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values, as `dict.update`."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        """Take a value out, as `dict.pop`."""
        guard.call(self._versions.forget, key)
        return super().pop(key) if default is _MISSING else super().pop(key, default)

    def popitem(self) -> tuple[Any, Any]:
        """Take the last key with its value out, as `dict.popitem`."""
        key, value = super().popitem()
        guard.call(self._versions.forget, key)
        return key, value

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]
        self.update(other)
        return self

    def clear(self) -> None:
        """Empty it, as `dict.clear`."""
        for key in list(super().__iter__()):
            guard.call(self._versions.forget, key)
        super().clear()

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy and what another process gets of it are dicts as they were before.
        return dict, (dict(self.items()),)

    def __iter__(self) -> Iterator[Any]:
        for key in super().__iter__():
            guard.call(self._versions.read, key)
            yield key


class WatchedObject(wrapt.ObjectProxy):  # type: ignore[type-arg, misc, unused-ignore]
    """An object whose attributes are watched."""

    def __init__(self, wrapped: Any, name: str) -> None:
        super().__init__(wrapped)
        self._self_versions = _Versions(name)

    def __getattr__(self, name: str) -> Any:
        guard.call(self._self_versions.read, name)
        return super().__getattr__(name)  # type: ignore[misc, unused-ignore]

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_self_"):
            guard.call(self._self_versions.write, name)
        super().__setattr__(name, value)


def watch(thing: T, name: str | None = None) -> T:
    """Return a dict or an object, watched: put it in the place of the one that your tools share.

        TOTALS = autogen_otel.watch({}, "totals")

    When a tool overwrites a value that another request has written since the tool read it, the request's cause is
    `shared_state`, with the name. Of a dict the result is a copy, and each of its keys is watched; of an object it is a
    transparent proxy, and each attribute is watched. What lies deeper inside is not.

    Args:
        thing: A dict, or an object with attributes.
        name: How the finding calls it; its type's name, if not given.

    Raises:
        TypeError: It is a list, a set or a value, in which no single change can be told; put it in a dict.
    """
    name = name or type(thing).__name__
    if isinstance(thing, dict):
        return WatchedDict(thing, name)  # type: ignore[return-value]
    if isinstance(thing, _UNWATCHABLE):
        raise TypeError(f"watch() takes a dict or an object with attributes, not {type(thing).__name__}")
    return WatchedObject(thing, name)  # type: ignore[return-value]
