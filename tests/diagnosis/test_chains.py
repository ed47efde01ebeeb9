"""An exception's chain is read back from each form in which it is recorded."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.diagnosis.chains import chain_from_data, chain_from_text
from autogen_otel.faults.chain import chain_of, stacktrace_of
from autogen_otel.telemetry.log_fields import chain_as_data


def chained() -> BaseException:
    try:
        try:
            {}["p9"]
        except KeyError as error:
            try:
                raise ValueError("no\nsuch: policy") from error
            except ValueError:
                raise RuntimeError  # noqa: B904
    except RuntimeError as error:
        return error
    raise AssertionError


def test_chain_of_a_log_record_is_the_recorded_one():
    """What a log line says of an exception is read back whole."""
    chain = chain_of(chained())

    assert chain_from_data(json.dumps(chain_as_data(chain))) == chain


def test_chain_of_a_stack_trace_is_the_recorded_one():
    """What a span's event says, which is Python's own text, is read back whole."""
    chain = chain_of(chained())

    assert chain_from_text(stacktrace_of(chain)) == chain


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no exception groups")
def test_members_of_a_group_survive_in_a_log_record():
    """An exception group's members are read back."""
    chain = chain_of(ExceptionGroup("two", [ValueError("a"), KeyError("b")]))  # noqa: F821

    assert chain_from_data(chain_as_data(chain)) == chain


@given(
    st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists) | st.dictionaries(st.text(), st.text())
)
def test_malformed_data_is_no_chain(value):
    """Whatever a store holds in place of a chain, nothing is raised."""
    assert chain_from_data(value) == ()


@given(st.text(alphabet=st.characters() | st.sampled_from('\n  File "a", line 1, in b:')))
def test_any_text_is_read_as_far_as_it_goes(text):
    """Whatever a store holds in place of a stack trace, nothing is raised."""
    assert isinstance(chain_from_text(text), tuple)
