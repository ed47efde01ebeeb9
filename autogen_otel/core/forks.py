"""Surviving `os.fork`: a child has one thread, and for ever the locks that the others held."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import MethodType

# Held around calls that take locks of a library which it does not renew in a child (the metrics SDK: each histogram has
# one). A fork waits until nobody is inside. Reentrant, for a finalizer that forks may run in the middle of such a call.
fork_gate: Final = threading.RLock()

# A thread that is inside may itself wait for something that the fork holds, such as the lock of logging.
_PATIENCE_S: Final = 1.0


class _Forking(threading.local):
    """Whether the thread that forks has the gate: it may have waited in vain."""

    holds_gate = False

    def begin(self) -> None:
        self.holds_gate = fork_gate.acquire(timeout=_PATIENCE_S)

    def end(self) -> None:
        if self.holds_gate:
            self.holds_gate = False
            fork_gate.release()

    def end_in_child(self) -> None:
        if self.holds_gate:
            self.end()
        else:
            # Who holds it does not run here.
            fork_gate._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001 - as threading does


_forking: Final = _Forking()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forking.begin, after_in_parent=_forking.end, after_in_child=_forking.end_in_child)


class _Process:
    """This process, as far as a fork changes it. Asking the system for the pid on each call costs a system call."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        after_fork_in_child(self._renew)

    def _renew(self) -> None:
        self.pid = os.getpid()


def after_fork_in_child(method: MethodType | Any) -> None:
    """Call a bound method in each child that is forked from now on, for as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_while_it_lives(method))


def before_fork(method: MethodType | Any) -> None:
    """Call a bound method in this process before each fork, for as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_while_it_lives(method))


def _while_it_lives(method: MethodType | Any) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            guard.call(found)

    return call


class _ThisThread(threading.local):
    """The thread that asks, by the name that it had when it asked first: to look it up calls three functions."""

    def __init__(self) -> None:
        self.name = threading.current_thread().name


process: Final = _Process()
this_thread: Final = _ThisThread()
