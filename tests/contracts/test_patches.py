"""The contract of every patch, over all callable shapes and over all adapters."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import logging
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest
import wrapt
from support.recorder import Facts

from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.listeners import Listener, listeners
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Status
from autogen_otel.patching.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPES = ["function", "coroutine", "generator", "async_generator"]


class Boom(Exception):
    """What the host raises."""


class Host:
    """A host with each shape of callable; it counts its calls and tells which operation was current inside."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.inside: list[str | None] = []

    def _note(self, *args: Any) -> None:
        self.calls.append(args)
        self._look()

    def _look(self) -> None:
        current = current_operation()
        self.inside.append(current.fact.name if current else None)

    def function(self, item: object, *, error: BaseException | None = None) -> object:
        """Do it at once."""
        self._note(item)
        if error is not None:
            raise error
        return item

    async def coroutine(self, item: object, *, error: BaseException | None = None) -> object:
        """Do it later."""
        self._note(item)
        await asyncio.sleep(0)
        self._look()
        if error is not None:
            raise error
        return item

    def generator(self, item: object, *, error: BaseException | None = None) -> Iterator[object]:
        """Do it in steps."""
        self._note(item)
        yield item
        self._look()
        if error is not None:
            raise error
        yield item

    async def async_generator(self, item: object, *, error: BaseException | None = None) -> Any:
        """Do it in steps, later."""
        self._note(item)
        yield item
        await asyncio.sleep(0)
        self._look()
        if error is not None:
            raise error
        yield item


def use(host: Host, shape: str, item: object, **more: Any) -> object:
    """Call the host in one of its shapes and return the last thing it gives."""
    made = getattr(host, shape)(item, **more)
    if shape == "function":
        return made
    if shape == "generator":
        return list(made)[-1]

    async def run() -> object:
        if shape == "coroutine":
            return await made
        return [one async for one in made][-1]

    return asyncio.run(run())


@pytest.fixture
def facts() -> Iterator[Facts]:
    """Hear every fact."""
    facts = Facts()
    listeners.add(facts)
    yield facts
    listeners.remove(facts)


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """A module of the host's, with a class of its own."""
    module = types.ModuleType("a_host")
    module.Host = type("Host", (Host,), dict(vars(Host)))
    sys.modules["a_host"] = module
    yield module
    del sys.modules["a_host"]


def opening(instance: Any, args: Any, kwargs: Any) -> Any:
    """Open a tool call."""
    return open_operation(Kind.TOOL, "observed", tool="observed")


@pytest.fixture
def patches(module: types.ModuleType) -> Iterator[Patches]:
    """Patch every shape of that class."""
    patches = Patches()
    patches.apply([Patch("a_host", f"Host.{shape}", operation(opening), "a test") for shape in SHAPES])
    yield patches
    patches.undo()


@pytest.mark.parametrize("shape", SHAPES)
def test_host_is_called_once_with_its_arguments_and_its_result_comes_back(shape, module, patches, facts):
    """One call, the very argument, the very result, and the operation is current inside and over afterwards."""
    host, item = module.Host(), object()

    result = use(host, shape, item)

    assert (result is item, host.calls, set(host.inside), [end.outcome for end in facts.ends], current_operation()) == (
        True,
        [(item,)],
        {"observed"},
        [Outcome.OK],
        None,
    )


@pytest.mark.parametrize(
    "error", [Boom("b"), SystemExit(3), KeyboardInterrupt()], ids=lambda error: type(error).__name__
)
@pytest.mark.parametrize("shape", SHAPES)
def test_exception_is_the_hosts_own(shape, error, module, patches, facts):
    """The very exception object comes out after one call, without a cause or context that was not there."""
    host = module.Host()

    with pytest.raises(type(error)) as caught:
        use(host, shape, 1, error=error)

    assert (caught.value is error, error.__cause__, error.__context__, host.calls, [e.outcome for e in facts.ends]) == (
        True,
        None,
        None,
        [(1,)],
        [Outcome.ERROR],
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_wrong_arguments_raise_as_without_us(shape, module, patches):
    """A call that does not fit the signature raises the host's TypeError."""
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        made = getattr(module.Host(), shape)()
        asyncio.run(made)


@pytest.mark.parametrize("shape", SHAPES)
def test_signature_name_and_kind_are_kept(shape, module, patches):
    """Inspect sees the host's function: signature, name, docstring and kind."""
    patched, plain = getattr(module.Host, shape), getattr(Host, shape)

    seen = [
        (
            inspect.signature(function),
            function.__name__,
            function.__doc__,
            inspect.iscoroutinefunction(function),
            inspect.isasyncgenfunction(function),
            inspect.isgeneratorfunction(function),
        )
        for function in (patched, plain)
    ]

    assert seen[0] == seen[1]


@pytest.mark.parametrize("shape", ["coroutine", "async_generator"])
async def test_cancellation_passes_and_closes(shape, module, patches, facts):
    """A cancelled call raises CancelledError and its operation ends as cancelled, not as failed."""
    host = module.Host()
    reached = asyncio.Event()

    async def hang(*args: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    host._look = lambda: None
    made = host.coroutine(1) if shape == "coroutine" else host.async_generator(1)

    async def consume() -> None:
        if shape == "coroutine":
            await made
        else:
            async for _ in made:
                await hang()

    task = asyncio.ensure_future(consume())
    if shape == "coroutine":
        await asyncio.sleep(0)
    else:
        await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if shape == "async_generator":
        await made.aclose()

    assert [(end.outcome, end.fault) for end in facts.ends] == [(Outcome.CANCELLED, None)]


def test_abandoned_generator_ends_its_operation(module, patches, facts):
    """Leaving a generator early closes the operation; the consumer's context was never touched."""
    for _ in module.Host().generator(1):
        between = current_operation()
        break
    gc.collect()

    assert (between, [end.outcome for end in facts.ends]) == (None, [Outcome.CANCELLED])


async def test_async_generator_does_not_leak_into_its_consumer(module, patches, facts):
    """Between two items the consumer is not inside the operation, though each step of the host is."""
    host = module.Host()

    between = [current_operation() async for _ in host.async_generator(1)]

    assert (between, set(host.inside)) == ([None, None], {"observed"})


async def test_async_generator_closed_in_another_task(module, patches, facts, caplog):
    """aclose() from another task ends the operation and logs no "Failed to detach context"."""
    made = module.Host().async_generator(1)
    await made.__anext__()

    await asyncio.ensure_future(made.aclose())

    assert ([end.outcome for end in facts.ends], caplog.records) == ([Outcome.CANCELLED], [])


def test_generator_takes_what_is_sent_and_thrown(module, facts):
    """send() and throw() reach the host's generator, and its return value comes out."""

    def echo() -> Any:
        received = yield "first"
        try:
            yield received
        except Boom:
            yield "caught"
        return "done"

    module.echo = echo
    patches = Patches()
    patches.apply([Patch("a_host", "echo", operation(opening), "a test")])
    made = module.echo()
    steps = [next(made), made.send("sent"), made.throw(Boom())]
    with pytest.raises(StopIteration) as stop:
        next(made)
    patches.undo()

    assert (steps, stop.value.value) == (["first", "sent", "caught"], "done")


class Broken(Listener):
    """A listener with a bug."""

    def started(self, operation: Any) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("shape", SHAPES)
def test_bug_of_ours_reaches_neither_host_nor_its_operation(shape, module, patches, caplog):
    """A listener that raises is removed and named once; the host's call and the other listeners go on."""
    guard.strict = False
    guard._reported.clear()
    broken, facts = Broken(), Facts()
    listeners.add(broken)
    listeners.add(facts)
    with caplog.at_level(logging.WARNING, logger="autogen_otel"):
        results = [use(module.Host(), shape, 1) for _ in range(3)]
    listeners.remove(facts)

    removed = [record.getMessage() for record in caplog.records if "removed its listener" in record.getMessage()]
    assert (results, [end.outcome for end in facts.ends], removed) == (
        [1, 1, 1],
        [Outcome.OK] * 3,
        ["autogen-otel removed its listener Broken because it raised"],
    )


class BrokenAmbient(Listener):
    """A listener that cannot become current, or cannot stop being so."""

    def __init__(self, hook: str) -> None:
        self._hook = hook

    def enter(self, operation: Any) -> Any:
        if self._hook == "enter":
            raise ZeroDivisionError

    def leave(self, token: Any) -> None:
        if self._hook == "leave":
            raise ZeroDivisionError


@pytest.mark.parametrize("hook", ["enter", "leave"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bug_in_an_ambient_leaves_nothing_current(shape, hook, module, patches, facts):
    """An ambient that raises is removed; the call is told as ever, and no operation stays current after it."""
    guard.strict = False
    broken = BrokenAmbient(hook)
    listeners.add(broken)
    result = use(module.Host(), shape, 1)
    removed = broken not in listeners.ambients
    listeners.remove(broken)

    assert (result, [end.outcome for end in facts.ends], current_operation(), removed) == (1, [Outcome.OK], None, True)


@pytest.mark.parametrize("shape", SHAPES)
def test_bug_in_telling_a_failure_leaves_nothing_open(shape, module, patches, facts, monkeypatch):
    """The host's exception comes out, and its operation has failed and is over, though recording it fails."""
    guard.strict = False
    monkeypatch.setattr("autogen_otel.operations.operation.capture", lambda *_: 1 / 0)

    with pytest.raises(Boom):
        use(module.Host(), shape, 1, error=Boom("b"))

    ends = [(end.outcome, end.error_type, end.fault) for end in facts.ends]
    assert (ends, current_operation()) == ([(Outcome.ERROR, f"{__name__}.Boom", None)], None)


@pytest.mark.parametrize("shape", SHAPES)
def test_bug_in_an_adapter_does_not_reach_the_host(shape, module, caplog):
    """An opening that raises leaves the host's call alone."""
    guard.strict = False

    def broken(instance: Any, args: Any, kwargs: Any) -> Any:
        raise ZeroDivisionError

    patches = Patches()
    patches.apply([Patch("a_host", f"Host.{shape}", operation(broken), "a test")])
    result = use(module.Host(), shape, 1)
    patches.undo()

    assert result == 1


@pytest.mark.parametrize("error", [None, Boom("b")], ids=["well", "failing"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bug_in_an_adapter_leaves_no_operation_open(shape, error, module, facts):
    """An opening that raises after it has opened the operation: that runs around the host's call all the same."""
    guard.strict = False

    def half(instance: Any, args: Any, kwargs: Any) -> Any:
        opened = opening(instance, args, kwargs)
        opened.attributes["more"] = 1 / 0
        return opened

    patches = Patches()
    patches.apply([Patch("a_host", f"Host.{shape}", operation(half), "a test")])
    host = module.Host()
    with pytest.raises(Boom) if error else contextlib.nullcontext():
        use(host, shape, 1, error=error)
    patches.undo()

    assert (len(host.calls), set(host.inside), [end.outcome for end in facts.ends], current_operation()) == (
        1,
        {"observed"},
        [Outcome.ERROR if error else Outcome.OK],
        None,
    )


def test_undo_restores_the_very_objects(module):
    """After undo the class holds exactly the objects that it held before."""
    before = dict(vars(module.Host))
    patches = Patches()
    patches.apply([Patch("a_host", f"Host.{shape}", operation(opening), "a test") for shape in SHAPES])
    patches.undo()

    assert all(vars(module.Host)[name] is thing for name, thing in before.items())


def test_wrapper_of_a_stranger_survives_undo(module, facts):
    """Where a stranger wrapped ours, undo leaves the stranger's wrapper and switches ours off in place."""
    patches = Patches()
    patches.apply([Patch("a_host", "Host.function", operation(opening), "a test")])
    heard = []

    @wrapt.decorator
    def stranger(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        heard.append(wrapped.__name__)
        return wrapped(*args, **kwargs)

    module.Host.function = stranger(vars(module.Host)["function"])
    woven = [status for _, status in patches.status()]
    patches.undo()
    module.Host().function(1)

    assert (woven, heard, facts.operations) == ([Status.WOVEN], ["function"], [])


def test_reference_captured_meanwhile_goes_silent(module, facts):
    """A bound method that was captured while patched does nothing of ours after undo."""
    patches = Patches()
    patches.apply([Patch("a_host", "Host.function", operation(opening), "a test")])
    captured = module.Host().function
    patches.undo()

    assert (captured(1), facts.operations) == (1, [])


def test_place_that_is_bypassed_is_told(module):
    """A patch that somebody has overwritten without calling it is reported as bypassed."""
    patches = Patches()
    patches.apply([Patch("a_host", "Host.function", operation(opening), "a test")])
    module.Host.function = lambda self, item: item
    status = [status for _, status in patches.status()]
    patches.undo()

    assert status == [Status.BYPASSED]


def test_missing_place_is_named_in_one_warning(module, caplog):
    """A version of AutoGen without a place gets one warning that names it, and the rest is patched."""
    patches = Patches()
    rows = ["Host.function", "Host.gone", "Gone.method"]
    patches.apply([Patch("a_host", path, operation(opening), "a test") for path in rows])
    status = [status for _, status in patches.status()]
    patches.undo()

    assert (
        status,
        [record.message for record in caplog.records if "a_host:Host.gone, a_host:Gone.method" in record.message] != [],
    ) == (
        [Status.WOVEN, Status.ABSENT, Status.ABSENT],
        True,
    )


def test_module_imported_later_is_patched_then(facts, tmp_path, monkeypatch):
    """Nothing is imported for our sake; the patch is applied when the host imports the module."""
    (tmp_path / "a_late_host.py").write_text("def function(item):\n    return item\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    patches = Patches()
    patches.apply([Patch("a_late_host", "function", operation(opening), "a test")])
    waiting = [status for _, status in patches.status()]
    import a_late_host

    a_late_host.function(1)
    patches.undo()

    assert (waiting, [one.name for one in facts.operations]) == ([Status.WAITING], ["observed"])


def test_coroutine_dropped_in_another_context_leaves_that_context_alone(module, patches, facts):
    """A coroutine that is collected while another request is current does not change what is current there."""
    host = module.Host()
    made = host.coroutine(1)
    contextvars.copy_context().run(made.send, None)

    other = open_operation(Kind.REQUEST, "other", request_id="other")
    other.enter()
    made.close()
    current = current_operation()
    other.leave()

    assert (current is other, [end.outcome for end in facts.ends]) == (True, [Outcome.CANCELLED])
