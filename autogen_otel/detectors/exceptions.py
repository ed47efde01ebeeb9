"""What the exceptions of a fault tell: status, timeout, connection, where they were raised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.core.facts import ExceptionData, Fault, Frame

# Packages of AutoGen and the clients that it calls, as their folders are called in a traceback.
_AUTOGEN: Final = re.compile(
    r"[/\\](site|dist)-packages[/\\](autogen|ag2)[/\\]|[/\\](autogen_agentchat|autogen_core|autogen_ext)[/\\]"
)
_LIBRARY: Final = re.compile(
    r"^<|[/\\](site|dist)-packages[/\\]|[/\\]lib[/\\]python3\.\d+[/\\]|[/\\]python3\d+[/\\]lib[/\\]", re.IGNORECASE
)
# Where AutoGen takes a model's answer apart.
_CLIENT_CODE: Final = re.compile(
    r"[/\\](site|dist)-packages[/\\](autogen[/\\](oai|llm_clients)|ag2[/\\]config)[/\\]|[/\\]autogen_ext[/\\]models[/\\]"
)
_TAKES_APART: Final = ("_generate_oai_reply_from_client",)
_TIMEOUTS: Final = frozenset(
    {"APITimeoutError", "ConnectTimeout", "ReadTimeout", "Timeout", "TimeoutError", "TimeoutException", "WriteTimeout"}
)
_CONNECTIONS: Final = frozenset(
    {
        *("APIConnectionError", "BrokenPipeError", "BrokenResourceError", "ConnectError", "ConnectionAbortedError"),
        *("ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "EndOfStream", "LocalProtocolError"),
        *("ReadError", "RemoteProtocolError", "WriteError", "gaierror"),
    }
)


def members_of(fault: Fault) -> Iterator[ExceptionData]:
    """Yield the exceptions of a chain and, of groups, their members."""
    for data in fault.chain:
        yield data
        yield from data.members


def types_of(fault: Fault) -> set[str]:
    """Return the types in the chain, without their modules."""
    return {data.type.rpartition(".")[2] for data in members_of(fault)}


def says(fault: Fault, *phrases: str) -> bool:
    """Tell whether an exception in the chain says one of these phrases, in small letters."""
    return any(phrase in data.message.lower() for data in members_of(fault) for phrase in phrases)


def status_of(fault: Fault) -> int | None:
    """Return the HTTP status with which a provider has refused."""
    status: Any = fault.fields.get(names.HTTP_STATUS)
    return status if isinstance(status, int) else None


def code_of(fault: Fault) -> str:
    """Return the provider's own code of the error."""
    return str(fault.fields.get(names.PROVIDER_ERROR_CODE, ""))


def is_timeout(fault: Fault) -> bool:
    """Tell whether somebody has waited too long."""
    return not _TIMEOUTS.isdisjoint(types_of(fault))


def is_connection(fault: Fault) -> bool:
    """Tell whether a connection could not be made or broke."""
    return not _CONNECTIONS.isdisjoint(types_of(fault))


def raised_in_autogen(fault: Fault) -> bool:
    """Tell whether a line of AutoGen's has raised, with nothing below it that failed first."""
    # That a task was cancelled is no reason: it is how a deadline works.
    reasons = [data for data in fault.chain if data.frames and not data.type.endswith("CancelledError")]
    innermost = _innermost(reasons[-1], _is_elsewhere) if reasons else None
    return innermost is not None and _AUTOGEN.search(innermost.file) is not None


def _innermost(data: ExceptionData, without: Callable[[str], bool]) -> Frame | None:
    return next((frame for frame in reversed(data.frames) if not without(frame.file)), None)


def _is_library(file: str) -> bool:
    """Tell a file of the standard library or of any package."""
    return _LIBRARY.search(file) is not None or _AUTOGEN.search(file) is not None


def _is_elsewhere(file: str) -> bool:
    """Tell a file of the standard library or of a package that is not AutoGen's."""
    return _LIBRARY.search(file) is not None and _AUTOGEN.search(file) is None


def place_of(fault: Fault) -> str:
    """Return the raising line as `file:line in function`; empty where there is none."""
    frame = fault.raised_at
    return f"{frame.file}:{frame.line} in {frame.function}" if frame else ""


def short_place(fault: Fault) -> str:
    """Return ` at file:line` with the file's own name, for a sentence; empty where there is none.

    It is the innermost line of the application's, for that is where somebody can change something.
    """
    frame = _innermost(fault.chain[0], _is_library) or fault.raised_at
    return f" at {frame.file.replace(chr(92), '/').rpartition('/')[2]}:{frame.line}" if frame else ""


def in_words(fault: Fault) -> str:
    """Return type and text of the original exception, short."""
    first, _, more = fault.message.partition("\n")
    text = f"{first[:160]}…" if more or len(first) > 160 else first
    return f"{fault.type}: {text}" if text else fault.type


def raised_after_answer(fault: Fault) -> bool:
    """Tell whether AutoGen's code around a model client, or what that calls, has raised on taking an answer apart."""
    first = fault.chain[0]
    own = _innermost(first, _is_elsewhere)
    frames = (*first.frames[-2:], *(() if own is None else (own,)))
    return any(_CLIENT_CODE.search(frame.file) or frame.function.endswith(_TAKES_APART) for frame in frames)
