"""The fixture `autogen_faults`, in a pytest of its own with real agents."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
with_autogen = pytest.mark.skipif(find_spec("autogen") is None, reason="classic AutoGen is not installed")

AGENTS = """
import asyncio
import threading

import pytest

import autogen_otel
from autogen_otel.demo.provider import Provider, Text, echo_tools
from autogen_otel.operations.opening import open_operation
from autogen_otel.core.facts import Kind


def agents(provider):
    import autogen

    def lookup_policy(policy_id: str) -> str:
        return {"p1": "covers fire"}[policy_id]

    entry = {"model": "gpt-4o-mini", "api_key": "sk-x", "base_url": provider.base_url, "price": [0, 0]}
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
    return user, assistant


@pytest.fixture
def ask():
    def ask(text):
        user, assistant = agents(provider)
        return user.initiate_chat(assistant, message=text, silent=True)

    with Provider(echo_tools) as provider:
        yield ask


@pytest.fixture
def a_ask():
    async def a_ask(text):
        user, assistant = agents(provider)
        return await user.a_initiate_chat(assistant, message=text, silent=True)

    with Provider(echo_tools) as provider:
        yield a_ask


def serve_two(build):
    both = threading.Barrier(2)

    def together(chat):
        both.wait(20)
        return Text("An answer. TERMINATE")

    def serve(request_id, user, assistant):
        with autogen_otel.request(request_id):
            user.initiate_chat(assistant, message=f"hello from {request_id}", silent=True)

    with Provider(together) as provider:
        built = build(provider)
        threads = [threading.Thread(target=serve, args=(f"r-{n}", *built[n])) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def overlap():
    first = open_operation(Kind.WORKFLOW, "first", request_id="r-1")
    first.use("1-2")
    second = open_operation(Kind.WORKFLOW, "second", request_id="r-2")
    second.use("1-2")
    second.finish()
    first.finish()
"""


def run(pytester: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(AGENTS + test)
    # A process of its own, as for an application: nothing of this run is instrumented there.
    loaded = ("-p", "pytest_autogen_otel") if not _is_installed() else ()
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-o", "asyncio_mode=auto", *loaded, *arguments)


def _is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(one.value == "pytest_autogen_otel" for one in entry_points(group="pytest11"))


@with_autogen
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


@with_autogen
def test_requests_that_share_agents_fail_the_test(pytester):
    """Two threads with the same agents; the same with agents of their own are well."""
    result = run(
        pytester,
        """
def test_shared(autogen_faults):
    serve_two(lambda provider: [agents(provider)] * 2)

def test_own(autogen_faults):
    serve_two(lambda provider: [agents(provider), agents(provider)])
""",
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_shared*", "State was shared between requests*"])


@with_autogen
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_async_tests_have_it_too(pytester, arguments):
    """Whether a test is a coroutine, and in which process it runs, makes no difference."""
    if arguments:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    result = run(
        pytester,
        """
async def test_no_policy(a_ask, autogen_faults):
    await a_ask('call lookup_policy {"policy_id": "p9"}')

async def test_policies(a_ask, autogen_faults):
    await asyncio.gather(*(a_ask('call lookup_policy {"policy_id": "p1"}') for _ in range(3)))
""",
        *arguments,
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["AutoGen made a text of 1 exception:", "  KeyError: 'p9'"])


@with_autogen
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
