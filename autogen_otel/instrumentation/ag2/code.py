"""Code that agents of ag2 1.x run in a sandbox: a failure is a text there, never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.instrumentation.code_runs import judge_code
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.operations.operation import OpenOperation


def _open(adapter: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> OpenOperation:
    language = args[1] if len(args) > 1 else kwargs["language"]
    return open_operation(Kind.CODE, type(adapter).__name__, attributes={names.CODE_LANGUAGES: [str(language)]})


def _close(opened: OpenOperation, result: Any) -> None:
    judge_code(opened, result.exit_code, str(result.output))


CODE: Final = (
    Patch("ag2.tools.sandbox.adapter.code", "CodeAdapter.run", operation(_open, _close), "code run in a sandbox"),
)
