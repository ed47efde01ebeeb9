"""What a script can answer: a closed family of values, from a good completion to a connection that goes dead."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Mapping


@final
@dataclass(frozen=True, slots=True)
class Text:
    """The assistant says something."""

    content: str


@final
@dataclass(frozen=True, slots=True, init=False)
class ToolCalls:
    """The assistant calls tools; to a client of the older `functions` API, the first of them only.

    The calls get IDs that occur once in the life of the provider: `call_{number of the request}_{ordinal}`.

    Args:
        calls: Pairs of a tool's name and its arguments; a text is sent as it is, valid JSON or not.
        content: What the assistant says beside.
    """

    calls: tuple[tuple[str, str], ...]
    content: str | None

    def __init__(self, *calls: tuple[str, str | Mapping[str, Any]], content: str | None = None) -> None:
        texts = tuple(
            (name, arguments if isinstance(arguments, str) else json.dumps(arguments)) for name, arguments in calls
        )
        object.__setattr__(self, "calls", texts)
        object.__setattr__(self, "content", content)


@final
@dataclass(frozen=True, slots=True)
class NoChoices:
    """A completion (200) whose list of choices is empty."""


@final
@dataclass(frozen=True, slots=True)
class Status:
    """An error in OpenAI's form; what is left out is what OpenAI says most often under that status.

    Attributes:
        code: The HTTP status.
        message: `error.message`.
        type: `error.type`.
        error_code: `error.code`.
        param: `error.param`.
        retry_after: Seconds that the client is told to wait, also fractions. `Retry-After` can say whole seconds only
            and is rounded up; `retry-after-ms`, which OpenAI's client prefers, says it exactly.
    """

    code: int
    message: str | None = None
    type: str | None = None
    error_code: str | None = None
    param: str | None = None
    retry_after: float | None = None


@final
@dataclass(frozen=True, slots=True)
class BrokenJson:
    """A success (200, `application/json`) whose JSON ends in the middle."""


@final
@dataclass(frozen=True, slots=True)
class Html:
    """A success (200, `text/html`) from something that is no model provider: a proxy, a login page."""


@final
@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed before anything was answered."""


@final
@dataclass(frozen=True, slots=True)
class DropMidway:
    """The connection is closed after half of a completion: half its bytes, or half its events when it is streamed."""

    reply: Text | ToolCalls = field(default=Text("This answer is longer than what will arrive of it."))


@final
@dataclass(frozen=True, slots=True)
class Slow:
    """Another reply, late. A client that gives up meanwhile, and the provider's end, cut the wait short.

    Attributes:
        seconds: How late.
        reply: What then.
    """

    seconds: float
    reply: Reply


@final
@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing, until the client gives up or the provider stops."""


Completion: TypeAlias = Text | ToolCalls | NoChoices
Sendable: TypeAlias = Completion | Status | BrokenJson | Html | DropMidway
Reply: TypeAlias = Sendable | Drop | Slow | Hang


def rate_limit_exceeded(retry_after: float) -> Status:
    """Return the 429 that passes if one waits.

    Args:
        retry_after: How long, in seconds.
    """
    message = f"Rate limit reached for requests. Please try again in {retry_after:.3g}s."
    return Status(429, message, "requests", "rate_limit_exceeded", retry_after=retry_after)


def insufficient_quota(retry_after: float | None = None) -> Status:
    """Return the 429 that does not pass by waiting: the account has no money left.

    Args:
        retry_after: Seconds that the client is told to wait all the same; OpenAI does not say any.
    """
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
    )
    return Status(429, message, "insufficient_quota", "insufficient_quota", retry_after=retry_after)
