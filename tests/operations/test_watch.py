"""Objects that tools share."""

from __future__ import annotations

import copy
import json
import pickle
import threading

import pytest

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.watch import MAX_READ


class Tool:
    """A tool call of a request, of which a test decides when it does what."""

    def __init__(self, request_id: str) -> None:
        self.operation = open_operation(Kind.TOOL, "book", tool="book", request_id=request_id)

    def __enter__(self) -> None:
        self.operation.enter()

    def __exit__(self, *_: object) -> None:
        self.operation.leave()

    @property
    def lost(self) -> list[str]:
        return self.operation.attributes.get(names.STATE_LOST_UPDATES, [])


class Counter:
    def __init__(self) -> None:
        self.value = 0


@pytest.mark.parametrize("thing", [{"value": 0}, Counter()], ids=["dict", "object"])
def test_an_update_that_another_request_overwrites_is_told(thing):
    """Both read 0, both write 1: the second one has lost the first one's work."""
    shared = autogen_otel.watch(thing, "counter")

    def read() -> int:
        return shared["value"] if isinstance(shared, dict) else shared.value

    def write(value: int) -> None:
        if isinstance(shared, dict):
            shared["value"] = value
        else:
            shared.value = value

    first, second = Tool("first"), Tool("second")
    with first:
        seen_by_first = read()
    with second:
        seen_by_second = read()
    with first:
        write(seen_by_first + 1)
    with second:
        write(seen_by_second + 1)

    assert (first.lost, second.lost, second.operation.attributes[names.FOREIGN_REQUESTS]) == (
        [],
        ["counter"],
        ["first"],
    )


def test_one_after_the_other_loses_nothing():
    """As behind a lock: the second one reads what the first has written."""
    shared = autogen_otel.watch({"value": 0}, "counter")
    tools = [Tool("first"), Tool("second"), Tool("first")]
    for tool in tools:
        with tool:
            shared["value"] += 1

    assert ([tool.lost for tool in tools], shared) == ([[], [], []], {"value": 3})


def test_keys_of_their_own_do_not_meet():
    """A store with one entry for each request is what the field guide asks for."""
    shared = autogen_otel.watch({}, "by_request")
    first, second = Tool("first"), Tool("second")
    for tool, key in ((first, "a"), (second, "b"), (first, "a"), (second, "b")):
        with tool:
            shared[key] = shared.get(key, 0) + 1

    assert (first.lost, second.lost, shared) == ([], [], {"a": 2, "b": 2})


def test_every_way_to_change_a_dict_is_watched():
    """What was read and is overwritten by `|=`, and a key that was taken out with the last item."""
    shared = autogen_otel.watch({"a": 0, "b": 0}, "store")
    first, second = Tool("first"), Tool("second")
    with first:
        seen = shared["a"]
    with second:
        shared["a"] += 1
        shared["b"] += 1
        taken = shared.popitem()
    with first:
        shared |= {"a": seen + 1}

    assert (first.lost, taken, dict(shared), list(shared._versions._written)) == (["store"], ("b", 1), {"a": 1}, ["a"])


def test_a_tool_that_looks_through_a_large_dict_is_no_burden():
    """Of what it reads and does not write the last keys are kept."""
    shared = autogen_otel.watch(dict.fromkeys(range(10 * MAX_READ), 0), "store")
    tool = Tool("first")
    with tool:
        total = sum(shared[key] for key in shared)

    (read,) = shared._versions._read.values()
    assert (total, len(read)) == (0, MAX_READ)


def test_a_watched_dict_is_a_dict():
    """For `json`, for copies, for comparisons, and outside any request."""
    shared = autogen_otel.watch({"a": 1})
    shared.update(b=2)
    shared.setdefault("c", 3)

    copied = (type(copy.copy(shared)), type(pickle.loads(pickle.dumps(shared))))
    assert copied == (dict, dict)
    assert (json.dumps(shared), shared.pop("c"), shared, dict(shared), sorted(shared)) == (
        '{"a": 1, "b": 2, "c": 3}',
        3,
        {"a": 1, "b": 2},
        {"a": 1, "b": 2},
        ["a", "b"],
    )


def test_a_watched_object_is_its_object():
    """Type and attributes are those of the object inside."""
    counter = Counter()
    shared = autogen_otel.watch(counter)
    shared.value += 1

    assert (isinstance(shared, Counter), counter.value, copy.copy(counter).value) == (True, 1, 1)


@pytest.mark.parametrize("thing", [[], "text", 3, None, {1}])
def test_what_cannot_be_watched_is_refused(thing):
    """With a sentence that says what to do."""
    with pytest.raises(TypeError, match="takes a dict or an object"):
        autogen_otel.watch(thing)


def test_many_threads_change_it_and_nothing_breaks():
    """Watching must not lose what the program itself does not lose."""
    shared = autogen_otel.watch({}, "store")

    def work(number: int) -> None:
        with Tool(f"request-{number}"):
            for step in range(200):
                shared[number, step] = step

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(shared) == 1600
