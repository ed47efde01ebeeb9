"""An exception becomes data, whatever it is."""

from __future__ import annotations

import pickle
import sys
from typing import ClassVar

import pytest

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.faults.capture import capture
from autogen_otel.faults.chain import MAX_CHAIN, chain_of, qualified_type, stacktrace_of
from autogen_otel.faults.frames import MAX_FRAMES
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.operations.opening import open_operation


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return an exception as it looks after it was raised and caught."""
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001
        return caught


def fault_of(error: BaseException):
    """Capture an exception inside a request."""
    operation = open_operation(Kind.TOOL, "tool", tool="tool", request_id="req-42")
    fault = capture(error, operation.fact)
    operation.finish()
    return fault


def deep(levels: int) -> None:
    """Recurse, then fail."""
    if levels == 0:
        raise RecursionError("bottom")
    deep(levels - 1)


class Unprintable(Exception):
    """An exception that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class Frozen(Exception):
    """An exception that refuses new attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


def test_builtin_types_are_bare_and_others_qualified():
    """Types are named as `error.type` wants them."""
    assert [qualified_type(error) for error in (KeyError(), pickle.PickleError(), Unprintable())] == [
        "KeyError",
        "_pickle.PickleError",
        f"{__name__}.Unprintable",
    ]


class Guarded(Exception):
    """An exception whose every further attribute raises, as `request` of httpx's responses does where it is not set."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"{name} is not set")


class Noted(Exception):
    """An exception whose notes are none."""

    __notes__ = 42


class Collected(Exception):
    """An exception that is no group, though it says so."""

    exceptions = (1, "two")


ODD = [Unprintable(), Frozen("x"), KeyError(), ValueError("\ud800"), Guarded("x"), Noted("x"), Collected("x")]


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
def test_odd_exceptions_are_captured(error):
    """Neither a broken `__str__` nor an attribute that cannot be read nor a lone surrogate stops the capture."""
    fault = fault_of(raised(error))

    assert (fault.type, recorded_fault(error, "req-42")) == (qualified_type(error), fault.id)


def test_stack_of_a_recursion_is_bounded():
    """Of 500 frames the first and the last twenty stay."""
    try:
        deep(500)
    except RecursionError as error:
        fault = fault_of(error)

    assert (len(fault.chain[0].frames), fault.raised_at.source) == (MAX_FRAMES, 'raise RecursionError("bottom")')


def test_long_message_is_cut():
    """A message of a megabyte does not leave as a megabyte."""
    fault = fault_of(raised(ValueError("x" * 1_000_000)))

    assert (len(fault.message), len(fault.stacktrace) < 17_000) == (4096, True)


def test_chain_that_bites_its_tail_ends():
    """Causes in a circle, and very long chains, are cut."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    long = raised(ValueError("0"))
    for number in range(1, 30):
        long = raised(ValueError(str(number)), long)

    assert ([data.message for data in chain_of(one)], len(chain_of(long))) == (["one", "two"], MAX_CHAIN)


def test_context_hidden_by_from_none_is_kept():
    """`raise ... from None` hides the original in a traceback, not from us."""
    try:
        try:
            raise KeyError("original")
        except KeyError:
            raise RuntimeError("generic") from None
    except RuntimeError as error:
        links = [(data.type, data.link) for data in chain_of(error)]

    assert links == [("RuntimeError", ""), ("KeyError", "context")]


def test_stacktrace_reads_like_pythons():
    """Causes come first, with Python's own sentence between."""
    error = raised(RuntimeError("generic"), raised(KeyError("original")))

    lines = [line for line in stacktrace_of(chain_of(error)).splitlines() if line and not line.startswith(" ")]
    assert lines == [
        "Traceback (most recent call last):",
        "KeyError: 'original'",
        "The above exception was the direct cause of the following exception:",
        "Traceback (most recent call last):",
        "RuntimeError: generic",
    ]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes and groups came with Python 3.11")
def test_notes_and_members_of_groups_are_kept():
    """Notes and the members of a group are part of the data and of the stack."""
    error = ExceptionGroup("two", [KeyError("a"), ValueError("b")])  # noqa: F821
    error.add_note("look here")
    data = chain_of(raised(error))[0]

    text = stacktrace_of((data,))
    assert (data.notes, [member.type for member in data.members], "  | ValueError: b" in text) == (
        ("look here",),
        ["KeyError", "ValueError"],
        True,
    )


def test_fingerprint_depends_on_type_and_place_only():
    """Other data, the same place: the same fingerprint. Another type: another one."""

    def lookup(error: BaseException) -> BaseException:
        return raised(error)

    one, two, three = (fault_of(lookup(error)).fingerprint for error in (KeyError("a"), KeyError("b"), ValueError("a")))

    assert (one == two, one == three) == (True, False)


def test_original_exception_is_given_back():
    """From what the application caught, through its own conversion, to the recorded object."""
    original = raised(TimeoutError("original"))
    fault_of(original)
    generic = raised(RuntimeError("generic"), original)
    unknown = raised(ValueError("x"))

    assert (
        autogen_otel.original_exception(generic) is original,
        autogen_otel.original_exception(original) is original,
        autogen_otel.original_exception(unknown) is unknown,
    ) == (True, True, True)


def test_recorded_exception_can_be_pickled_without_us():
    """The mark on an exception is plain text: a process without this package can load it."""
    error = raised(KeyError("p9"))
    fault_of(error)

    assert b"autogen_otel." not in pickle.dumps(error)


def test_exception_raised_again_in_another_request_is_recorded_again():
    """A module-level exception object belongs to each request that raises it."""
    error = raised(KeyError("constant"))
    fault_of(error)

    assert (recorded_fault(error, "req-42") is None, recorded_fault(error, "another")) == (False, None)


@pytest.mark.parametrize(
    ("error", "transient"),
    [(KeyError("x"), False), (TimeoutError(), True), (ConnectionResetError(), True), (ValueError(), None)],
)
def test_transient_or_not(error, transient):
    """A programming error never goes away by trying again; a timeout may; of others nothing is claimed."""
    assert fault_of(raised(error)).transient is transient


class Response:
    """What a client keeps of an answer."""

    headers: ClassVar = {"retry-after": "7"}


def carrying(**attributes: object) -> Exception:
    """Return an exception with attributes."""
    error = Exception("slow down")
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


AWS = {
    "Error": {"Code": "ThrottlingException", "Message": "slow down"},
    "ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "req_1", "RetryAttempts": 2, "HTTPHeaders": {}},
}


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (carrying(status_code=429), {names.HTTP_STATUS: 429}),
        (carrying(code=429, response=Response()), {names.HTTP_STATUS: 429, names.RETRY_AFTER: "7"}),
        (carrying(code=429), {}),
        (carrying(code="quota"), {names.PROVIDER_ERROR_CODE: "quota"}),
        (
            carrying(response=AWS),
            {
                names.HTTP_STATUS: 429,
                names.PROVIDER_REQUEST_ID: "req_1",
                names.MODEL_ATTEMPTS: 3,
                names.PROVIDER_ERROR_CODE: "ThrottlingException",
            },
        ),
        (carrying(response={"of": "the application's"}), {}),
        (carrying(response={"Error": "text", "ResponseMetadata": []}), {}),
    ],
    ids=["openai", "google", "a code of its own", "code", "aws", "dictionary", "another dictionary"],
)
def test_what_a_client_keeps_of_the_answer_is_told(error, fields):
    """Status, request ID and attempts, in the way of each client; a number of the application's is no status."""
    assert fault_of(error).fields == fields
