"""Code that classic AutoGen runs: its exception is a text, and told with its type and line all the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.classic import ASSISTANT, USER, autogen, config, llm_config, raised, told, user_of

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Sequence, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILING = """```python
policies = {}

def find(policy_id):
    return policies[policy_id]

find("p9")
```"""
HEALTHY = """```python
print("all is well")
```"""
# A thread of AutoGen's own waits for it, timeout or not.
LONG = """```python
import time
time.sleep(1.2)
```"""
WRONG = """```python
this is no Python
```"""
UNKNOWN = """```cobol
DISPLAY 'HELLO'.
```"""
EXITING = """```sh
exit 3
```"""


@pytest.fixture(autouse=True)
def this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `python` be the one that runs the tests."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


@pytest.fixture
def coding(tmp_path: Path) -> Iterator[Any]:
    """Return a function that lets a user proxy run what the model has written, and says how it was told."""

    def run(script: str, execution: dict[str, Any]) -> str:
        with Provider(Sequence([Text(script), Text("TERMINATE")])) as provider:
            assistant = autogen.AssistantAgent(ASSISTANT, llm_config=llm_config(config(provider)))
            user = user_of(assistant, code_execution_config=execution)
            with autogen_otel.request("req-42"):
                user.initiate_chat(assistant, message="write code", silent=True)
        return str(user.chat_messages[assistant][2]["content"])

    return run


def executor(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Return the configuration of an executor that runs code on the command line."""
    from autogen.coding import LocalCommandLineCodeExecutor

    return {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path, **more)}


def legacy(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Return the configuration without an executor."""
    return {"work_dir": str(tmp_path), "use_docker": False, **more}


def code_span(recorder: Any) -> tuple[Any, ...]:
    """Return of the only code span: name, agent, exit code, languages, status."""
    (span,) = [span for span in recorder.spans if span.name.startswith("execute_code")]
    keys = (names.AGENT_NAME, names.CODE_EXIT_CODE, names.CODE_LANGUAGES)
    return (span.name, *(span.attributes.get(key) for key in keys), span.status.status_code.name)


def story(type_: str, message: str, **more: Any) -> dict[str, Any]:
    """Return what is to be told of code that failed."""
    return {
        "type": type_,
        "message": message,
        "function": None,
        "agent": USER,
        "tool": None,
        "request": "req-42",
        "kind": "code_failed",
        "masked": [True],
        **more,
    }


@pytest.mark.parametrize(
    ("configure", "name"), [(executor, "LocalCommandLineCodeExecutor"), (legacy, "UserProxyAgent")]
)
def test_exception_of_code_is_told_from_its_text(recorder, coding, tmp_path, configure, name):
    """The traceback in the output gives type, message, function and line inside the code."""
    answer = coding(FAILING, configure(tmp_path))

    frame = recorder.fault.raised_at
    assert (recorder.story(), frame.line, frame.source, code_span(recorder), "execution failed" in answer) == (
        story("KeyError", "'p9'", function="find"),
        4,
        "return policies[policy_id]",
        (f"execute_code {name}", USER, 1, ("python",), "ERROR"),
        True,
    )


@pytest.mark.parametrize("configure", [executor, legacy])
def test_code_that_is_none(recorder, coding, tmp_path, configure):
    """Code that does not even parse is told with the line that does not."""
    coding(WRONG, configure(tmp_path))

    assert (recorder.story(), recorder.fault.raised_at.source) == (
        story("SyntaxError", "invalid syntax", function="<module>"),
        "this is no Python",
    )


@pytest.mark.parametrize(("configure", "code", "type_"), [(executor, 124, "timeout"), (legacy, 1, "timeout")])
def test_code_that_does_not_end(recorder, coding, tmp_path, configure, code, type_):
    """A timeout of the executor is told as such, whatever exit code stands for it."""
    coding(LONG, configure(tmp_path, timeout=1))

    assert (recorder.story(), code_span(recorder)[2]) == (story(type_, f"exit code {code}"), code)


@pytest.mark.parametrize("configure", [executor, legacy])
def test_code_that_exits(recorder, coding, tmp_path, configure):
    """An exit code without any traceback is told by its number."""
    coding(EXITING, configure(tmp_path))

    assert (recorder.story(), code_span(recorder)[2:4]) == (story("exit_code", "exit code 3"), (3, ("sh",)))


@pytest.mark.parametrize("configure", [executor, legacy])
def test_unknown_language(recorder, coding, tmp_path, configure):
    """Code in a language that nobody runs is told by its exit code."""
    coding(UNKNOWN, configure(tmp_path))

    assert (recorder.story(), code_span(recorder)[2:4]) == (story("exit_code", "exit code 1"), (1, ("cobol",)))


@pytest.mark.parametrize("configure", [executor, legacy])
def test_healthy_code_is_no_fault(recorder, coding, tmp_path, configure):
    """Code that ran leaves a span and no fault."""
    coding(HEALTHY, configure(tmp_path))

    assert (recorder.facts.faults, code_span(recorder)[1:]) == ([], (USER, 0, ("python",), "UNSET"))


class Unplugged:
    """A code executor of the application that has lost its machine."""

    def __init__(self) -> None:
        from autogen.coding import MarkdownCodeExtractor

        self.code_extractor = MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[Any]) -> Any:
        raise ConnectionResetError("by the machine")

    def restart(self) -> None:
        """Do nothing."""


def test_executor_of_the_application_raises(recorder, coding):
    """What an executor of the application raises reaches it as it is, and is recorded once."""
    with pytest.raises(ConnectionResetError) as caught:
        coding(HEALTHY, {"executor": Unplugged()})

    assert told(recorder) == raised(caught.value, function="execute_code_blocks", agent=USER)


def test_dangerous_code_aborts_the_chat(recorder, coding, tmp_path):
    """The ValueError of an executor that refuses to run something reaches the application, and is recorded."""
    with pytest.raises(ValueError, match=r"dangerous|Potentially") as caught:
        coding("```sh\nrm -rf /nowhere\n```", executor(tmp_path))

    assert told(recorder) == raised(caught.value, agent=USER)
