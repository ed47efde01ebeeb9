"""What an operation tells at its end, and what becomes of the faults below it."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recorder import Facts

import autogen_otel
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.core.ids import PerObject, clean_request_id, serials
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.opening import open_operation


@pytest.fixture
def facts():
    """Hear every fact."""
    facts = Facts()
    listeners.add(facts)
    yield facts
    listeners.remove(facts)


class inside:  # noqa: N801
    """Open an operation around a block, as the drivers of the shapes do."""

    def __init__(self, kind: Kind, name: str) -> None:
        self.operation = open_operation(kind, name)

    def __enter__(self):
        self.operation.enter()
        return self.operation

    def __exit__(self, kind, error, traceback) -> None:
        if error is None:
            self.operation.finish()
        else:
            self.operation.fail(error)
        self.operation.leave()


def test_fault_that_nobody_answers_is_not_masked(facts):
    """An exception that reaches the application is settled as not masked, once, with the original's operation."""
    with pytest.raises(KeyError), autogen_otel.request("r"), inside(Kind.WORKFLOW, "chat"), inside(Kind.TOOL, "tool"):
        raise KeyError("p9")

    assert ([fault.type for fault in facts.faults], [fact.masked for fact in facts.settlements]) == (
        ["KeyError"],
        [False],
    )


def test_fault_that_is_answered_above_is_masked(facts):
    """An exception that an agent swallows is masked; the agent and the request end well."""
    with autogen_otel.request("r"), inside(Kind.WORKFLOW, "chat"), inside(Kind.AGENT, "agent"):
        try:
            with inside(Kind.MODEL, "model"):
                raise TimeoutError
        except TimeoutError:
            pass

    outcomes = [(end.operation.kind.value, end.outcome.value) for end in facts.ends]
    assert (outcomes, [(fact.operation.name, fact.masked) for fact in facts.settlements]) == (
        [("chat", "error"), ("invoke_agent", "ok"), ("invoke_workflow", "ok"), ("request", "ok")],
        [("agent", True)],
    )


def test_converted_exception_is_the_same_fault(facts):
    """A generic exception raised from the original carries the original's fault up."""
    with pytest.raises(RuntimeError), autogen_otel.request("r"), inside(Kind.WORKFLOW, "chat"):
        try:
            with inside(Kind.TOOL, "tool"):
                raise KeyError("p9")
        except KeyError as error:
            raise RuntimeError("generic") from error

    ends = [(end.operation.name, end.error_type, end.fault.type) for end in facts.ends]
    assert (ends, len(facts.faults)) == (
        [
            ("tool", "KeyError", "KeyError"),
            ("chat", "RuntimeError", "KeyError"),
            ("request", "RuntimeError", "KeyError"),
        ],
        1,
    )


def test_first_failure_is_masked_and_the_second_goes_up(facts):
    """Of two failures below, the one that was answered is masked and the other is not."""
    with pytest.raises(ValueError, match="second"), inside(Kind.AGENT, "agent"):
        try:
            with inside(Kind.MODEL, "first"):
                raise TimeoutError
        except TimeoutError:
            pass
        with inside(Kind.MODEL, "second"):
            raise ValueError("second")

    assert [(fact.fault.type, fact.masked) for fact in facts.settlements] == [
        ("TimeoutError", True),
        ("ValueError", False),
    ]


def test_request_whose_exception_the_application_caught_has_failed(facts):
    """A handler that answers 500 by itself has failed; one whose second try went well has not."""
    for again in (False, True):
        with autogen_otel.request("r"):
            try:
                with inside(Kind.WORKFLOW, "chat"):
                    raise KeyError("p9")
            except KeyError:
                pass
            if again:
                with inside(Kind.WORKFLOW, "chat"):
                    pass

    outcomes = [(end.outcome, end.error_type) for end in facts.ends if end.operation.kind is Kind.REQUEST]
    assert outcomes == [(Outcome.ERROR, "KeyError"), (Outcome.OK, None)]


def test_ended_operation_is_not_ended_again(facts):
    """finish() and fail() after the end tell nothing."""
    operation = open_operation(Kind.TOOL, "tool")
    operation.finish()
    operation.finish()
    operation.fail(KeyError("late"))

    assert len(facts.ends) == 1


def test_open_requests_are_counted_and_forgotten(facts):
    """`in_flight` counts the open requests, and one that is dropped without an end does not count for ever."""
    with autogen_otel.request("a"), inside(Kind.TOOL, "tool"):
        pass
    open_operation(Kind.TOOL, "dropped")
    gc.collect()
    with autogen_otel.request("b"):
        pass

    assert [operation.in_flight for operation in facts.operations] == [1, 1, 1, 1]


def test_nested_request_has_its_own_id(facts):
    """A request inside a request keeps its own ID, and the outer one is current again afterwards."""
    with autogen_otel.request("outer"):
        with autogen_otel.request("inner") as inner:
            pass
        outer = autogen_otel.current_request_id()

    assert (inner, outer, current_operation()) == ("inner", "outer", None)


@given(st.text())
def test_request_id_of_a_stranger_is_made_safe(text):
    """Whatever a header holds becomes a short printable ASCII word."""
    cleaned = clean_request_id(text)

    assert (0 < len(cleaned) <= 128, cleaned.isascii() and cleaned.isprintable() and " " not in cleaned) == (True, True)


@pytest.mark.parametrize(
    ("given_", "kept"), [("req-42", "req-42"), (42, "42"), ("a b\n", "a_b_"), ("x" * 200, "x" * 128)]
)
def test_request_id_is_kept_where_it_can_be(given_, kept):
    """An ordinary ID stays as it is."""
    assert clean_request_id(given_) == kept


async def test_decorator_opens_a_request_for_each_call():
    """Decorated functions, coroutines and generators run in a request of their own each time."""

    @autogen_otel.request()
    def function():
        return autogen_otel.current_request_id()

    @autogen_otel.request("fixed")
    async def coroutine():
        return autogen_otel.current_request_id()

    @autogen_otel.request("steps")
    async def generator():
        yield autogen_otel.current_request_id()

    first, second = function(), function()
    seen = (first != second, len(first), await coroutine(), [one async for one in generator()])
    assert (*seen, autogen_otel.current_request_id()) == (True, 16, "fixed", ["steps"], None)


def test_serial_numbers_are_not_reused():
    """Two objects never share a number, though one may live at the address of the other."""
    numbers = serials()

    class Agent:
        pass

    seen = [numbers.of(Agent()) for _ in range(100)]
    kept = Agent()
    assert (len(set(seen)), numbers.of(kept) == numbers.of(kept)) == (100, True)


def test_memory_of_objects_forgets_them():
    """What is remembered for an object goes with it."""

    class Thing:
        pass

    memory = PerObject(lambda thing: "value")
    for _ in range(100):
        memory.of(Thing())
    gc.collect()

    assert len(memory._entries) == 0
