"""Code that an agent runs: a failure is a text there, never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.instrumentation.code_results import exception_in
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patches import Patches

# As the executors say it, and as AutoGen says it when there is none.
TIMED_OUT: Final = 124
_TIMEOUT: Final = "\nTimeout"


class CodeExecutors:
    """Observes the class of each code executor when an agent that has one replies."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches

    def weave(self, executor: Any) -> None:
        """Observe the class of an executor; None is an agent without one."""
        if executor is not None:
            self.weave_class(type(executor))

    def weave_class(self, cls: type) -> None:
        """Observe a class of executors."""
        self._patches.weave_class(cls, "execute_code_blocks", EXECUTE, "code run by an executor")


def open_code(runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation:
    """Open an operation named after the executor's class."""
    blocks = args[0] if args else kwargs.get("code_blocks", ())
    languages = sorted({str(getattr(block, "language", None) or block[0]) for block in blocks})
    return open_operation(Kind.CODE, type(runner).__name__, attributes={names.CODE_LANGUAGES: languages})


def _open_once(runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.CODE:
        # A class that calls its parent's method.
        return None
    return open_code(runner, args, kwargs)


def _close(opened: OpenOperation, result: Any) -> None:
    judge_code(opened, result.exit_code, str(result.output))


def judge_code(opened: OpenOperation, exit_code: int, output: str) -> None:
    """Note the exit code, and report code that has failed with the exception that its output shows."""
    opened.attributes[names.CODE_EXIT_CODE] = exit_code
    if exit_code != 0:
        timed_out = exit_code == TIMED_OUT or output.rstrip().endswith(_TIMEOUT)
        type_ = "timeout" if timed_out else "exit_code"
        opened.report(FaultKind.CODE_FAILED, type_, f"exit code {exit_code}", exception_in(output))


EXECUTE: Final = operation(_open_once, _close)
