"""The contract of every adapter, on the real library."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import pytest

import autogen_otel
from autogen_otel.instrumentation import ADAPTERS
from autogen_otel.patching.patch import Status

INSTALLED = [adapter for adapter in ADAPTERS if importlib.util.find_spec(adapter.module)]

pytestmark = pytest.mark.skipif(not INSTALLED, reason="no AutoGen is installed")


@pytest.fixture(params=INSTALLED, ids=lambda adapter: adapter.name)
def places(request) -> dict[str, tuple[Any, str, Any]]:
    """Each place that the adapter patches here, with the object that stands there unpatched."""
    for module in (request.param.module, *request.param.parts):
        importlib.import_module(module)
    active = autogen_otel.instrument()
    # Other tests may have left a class behind that no path leads to.
    targets = [patch for patch, status in active.status() if status is Status.WOVEN and "<locals>" not in patch.path]
    autogen_otel.uninstrument()
    found = {}
    for patch in targets:
        holder: Any = sys.modules[patch.module]
        *parents, name = patch.path.split(".")
        for parent in parents:
            holder = vars(holder)[parent]
        found[patch.target] = (holder, name, vars(holder)[name])
    return found


def test_every_place_that_must_be_there_is_woven(places):
    """No required place of this version is absent or bypassed."""
    active = autogen_otel.instrument()

    missing = [
        patch.target
        for patch, status in active.status()
        if status in {Status.ABSENT, Status.BYPASSED} and not patch.optional
    ]

    assert (missing, len(places) > 15) == ([], True)


def test_undo_restores_the_very_objects(places):
    """After `uninstrument()` each place holds the object that was there before."""
    autogen_otel.instrument()
    autogen_otel.uninstrument()

    changed = [target for target, (holder, name, before) in places.items() if vars(holder)[name] is not before]
    assert changed == []


def test_twice_is_once(places):
    """A second `instrument()` changes nothing, and one `uninstrument()` is enough."""
    first = autogen_otel.instrument()
    once = {target: vars(holder)[name] for target, (holder, name, _) in places.items()}
    second = autogen_otel.instrument()
    twice = {target: vars(holder)[name] for target, (holder, name, _) in places.items()}
    autogen_otel.uninstrument()

    restored = all(vars(holder)[name] is before for holder, name, before in places.values())
    assert (first is second, all(once[target] is twice[target] for target in once), restored) == (True, True, True)


def test_signatures_are_kept(places):
    """Each patched function shows the host's signature and kind."""
    plain = {
        target: (inspect.signature(before), inspect.iscoroutinefunction(before))
        for target, (_, _, before) in places.items()
        if inspect.isfunction(before)
    }
    autogen_otel.instrument()

    patched = {
        target: (inspect.signature(vars(holder)[name]), inspect.iscoroutinefunction(vars(holder)[name]))
        for target, (holder, name, _) in places.items()
        if target in plain
    }

    assert patched == plain
