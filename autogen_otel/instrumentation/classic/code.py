"""Code that a classic agent runs without an executor object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.instrumentation.code_runs import judge_code

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation


def close_legacy_code(opened: OpenOperation, result: Any) -> None:
    """Judge the result of `ConversableAgent.execute_code_blocks`: a pair of exit code and output."""
    judge_code(opened, result[0], str(result[1]))
