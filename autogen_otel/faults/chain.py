"""An exception, its causes, its group and its notes, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core.facts import ExceptionData
from autogen_otel.core.guard import safe_attribute, safe_text
from autogen_otel.faults.frames import frames_of
from autogen_otel.faults.redact import MAX_STACKTRACE, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHAIN: Final = 8
MAX_MEMBERS: Final = 10


def qualified_type(error: BaseException) -> str:
    """Return the type's name as `error.type` and `exception.type` want it: qualified, builtins bare."""
    cls = type(error)
    module = cls.__module__
    return cls.__qualname__ if module in {"builtins", "__main__"} else f"{module}.{cls.__qualname__}"


def text_of(error: BaseException) -> str:
    """Return `str(error)`, redacted. An exception whose `__str__` raises does not make matters worse."""
    return redact(safe_text(error))


def links_of(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Walk an exception and its causes, as Python's traceback shows them; safe when the chain bites its own tail.

    `raise ... from None` hides the context in a traceback but not here: it is how a library hides the original.
    """
    seen: set[int] = set()
    link, current = "", error
    while id(current) not in seen and len(seen) < MAX_CHAIN:
        seen.add(id(current))
        yield link, current
        if current.__cause__ is not None:
            link, current = "cause", current.__cause__
        elif current.__context__ is not None:
            link, current = "context", current.__context__
        else:
            return


def chain_of(error: BaseException, depth: int = 0) -> tuple[ExceptionData, ...]:
    """Return the chain of an exception as data, the exception itself first."""
    return tuple(
        ExceptionData(
            type=qualified_type(member),
            message=text_of(member),
            frames=frames_of(member.__traceback__),
            notes=_notes_of(member),
            link=link,
            members=_members_of(member, depth),
        )
        for link, member in links_of(error)
    )


def _notes_of(error: BaseException) -> tuple[str, ...]:
    notes = safe_attribute(error, "__notes__")
    return tuple(redact(safe_text(note), 512) for note in notes[:5]) if isinstance(notes, list) else ()


def _members_of(error: BaseException, depth: int) -> tuple[ExceptionData, ...]:
    """Return the members of an exception group; `exceptions` tells a group on Python 3.10 with the backport too."""
    members = safe_attribute(error, "exceptions")
    if not isinstance(members, tuple) or depth > 2:
        return ()
    return tuple(
        chain_of(member, depth + 1)[0] for member in members[:MAX_MEMBERS] if isinstance(member, BaseException)
    )


_JOINTS: Final = {
    "cause": "\nThe above exception was the direct cause of the following exception:\n\n",
    "context": "\nDuring handling of the above exception, another exception occurred:\n\n",
}


def stacktrace_of(chain: tuple[ExceptionData, ...]) -> str:
    """Return the chain as Python prints it, causes first, cut to 16 KiB in the middle."""
    parts: list[str] = []
    for data in reversed(chain):
        parts.append(_render(data))
        parts.append(_JOINTS.get(data.link, ""))
    text = "".join(parts)
    if len(text) <= MAX_STACKTRACE:
        return text
    half = MAX_STACKTRACE // 2 - 16
    return f"{text[:half]}\n… cut …\n{text[-half:]}"


def _render(data: ExceptionData, indent: str = "") -> str:
    lines = ["Traceback (most recent call last):"] if data.frames else []
    for frame in data.frames:
        lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.function}')
        if frame.source:
            lines.append(f"    {frame.source}")
    lines.append(f"{data.type}: {data.message}" if data.message else data.type)
    lines.extend(data.notes)
    text = "".join(f"{indent}{line}\n" for line in lines)
    return text + "".join(_render(member, f"{indent}  | ") for member in data.members)
