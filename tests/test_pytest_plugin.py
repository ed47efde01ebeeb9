"""The fixture `autogen_faults`, in a pytest of its own with real agents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("autogen", reason="classic AutoGen is not installed")
pytest_plugins = ["pytester"]

AGENTS = """
import threading

import pytest

import autogen_otel
from autogen_otel.demo.provider import Provider, echo_tools
from autogen_otel.operations.operation import open_operation
from autogen_otel.core.facts import Kind


@pytest.fixture
def ask():
    import autogen

    def lookup_policy(policy_id: str) -> str:
        return {"p1": "covers fire"}[policy_id]

    with Provider(echo_tools) as provider:
        entry = {"model": "gpt-4o-mini", "api_key": "sk-x", "base_url": provider.base_url, "price": [0, 0]}

        def ask(text):
            assistant = autogen.AssistantAgent("assistant", llm_config={"config_list": [entry], "cache_seed": None})
            user = autogen.UserProxyAgent(
                "user",
                human_input_mode="NEVER",
                code_execution_config=False,
                is_termination_msg=lambda message: "TERMINATE" in str(message.get("content") or ""),
            )
            autogen.register_function(
                lookup_policy, caller=assistant, executor=user, name="lookup_policy", description="A tool."
            )
            return user.initiate_chat(assistant, message=text, silent=True)

        yield ask


def overlap():
    first = open_operation(Kind.WORKFLOW, "first", request_id="r-1")
    first.use("1-2")
    second = open_operation(Kind.WORKFLOW, "second", request_id="r-2")
    second.use("1-2")
    second.finish()
    first.finish()
"""


def run(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    pytester.makepyfile(AGENTS + test)
    # A process of its own, as for an application: nothing of this run is instrumented there.
    loaded = ("-p", "pytest_autogen_otel") if not _is_installed() else ()
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *loaded)


def _is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(one.value == "pytest_autogen_otel" for one in entry_points(group="pytest11"))


def test_a_test_with_a_masked_exception_fails(pytester):
    """It names type, line, tool, agent and request."""
    result = run(
        pytester,
        """
def test_policy(ask, autogen_faults):
    with autogen_otel.request("req-42"):
        ask('call lookup_policy {"policy_id": "p9"}')
""",
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "AutoGen made a text of 1 exception:",
            "  KeyError: 'p9'",
            "    at *test_a_test_with_a_masked_exception_fails.py:* in *lookup_policy",
            "      return {*}[[]policy_id[]]",
            "    tool lookup_policy, agent user, request req-42, fault *",
        ],
        consecutive=True,
    )


def test_a_test_that_shares_state_fails(pytester):
    """It names both requests."""
    result = run(pytester, "\ndef test_two(autogen_faults):\n    overlap()\n")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["State was shared between requests (2 findings):", "  request r-2: *request r-1*"])


def test_a_test_that_is_well_passes(pytester):
    """A tool that does its work, and one that raises as the test expects it to."""
    result = run(
        pytester,
        """
def test_policy(ask, autogen_faults):
    ask('call lookup_policy {"policy_id": "p1"}')

def test_no_policy(ask, autogen_faults):
    autogen_faults.allow(KeyError)
    ask('call lookup_policy {"policy_id": "p9"}')
    assert [fault.type for fault in autogen_faults.masked] == ["KeyError"]

def test_two(autogen_faults):
    autogen_faults.allow("shared_state")
    overlap()

def test_nothing_is_left_behind(ask):
    from autogen_otel.instrument import is_instrumented
    assert not is_instrumented()
""",
    )

    result.assert_outcomes(passed=4)


def test_who_does_not_use_it_does_not_import_the_package():
    """A run imports each plugin that is installed."""
    program = "import pytest_autogen_otel, sys; print('autogen_otel' in sys.modules)"
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "False"
