"""Secrets out, lengths bounded: applied to every text before it leaves the process as telemetry."""

from __future__ import annotations

import re
from typing import Final

MAX_MESSAGE: Final = 4_096
MAX_STACKTRACE: Final = 16_384

_SECRETS = re.compile(
    r"""
      \b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}                        # OpenAI, Anthropic, Stripe style keys
    | \b(?:ghp|gho|ghs|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_-]{16,}
    | \bAKIA[0-9A-Z]{16}\b
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JSON web tokens
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)                           # user:password@ in a URL
    | (?i:(?<=bearer\ )[A-Za-z0-9._~+/=-]{8,})
    | (?i:(?<=basic\ )[A-Za-z0-9+/=]{12,})
    """,
    re.VERBOSE,
)
_NAMED_SECRETS = re.compile(
    r"""(?ix) \b((?:api|access|auth|secret|private)[_-]?(?:key|token)|password|passwd|secret|authorization)
    (["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?) [^\s"',;&)}]{4,}"""
)
# The conversation itself, where AutoGen or pydantic put it into the text of an exception.
_CONVERSATIONS = re.compile(
    r"(?s)(a coroutine was expected, got )(ChatResult|\[ChatResult|RunResponse|AsyncRunResponse)\(.*"
)
_PYDANTIC_INPUT = re.compile(r"(input_value=)(?:.*?)(, input_type=)", re.DOTALL)
_MARKERS = ("sk", "pk", "rk", "gh", "glpat", "xox", "AKIA", "eyJ", "://", "earer ", "asic ")
_NAMED_MARKERS = ("key", "token", "passw", "secret", "authorization")


def redact(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return `text` without secrets, cut to `limit` characters.

    Beside keys, tokens and passwords it takes out what AutoGen and pydantic quote into an error text: the whole
    conversation (`asyncio.run(user.initiate_chat(...))`) and the arguments of a tool (`input_value=`).
    """
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    # A search in a text without any marker is the common case, and cheap; the expressions are not.
    if any(marker in text for marker in _MARKERS):
        text = _SECRETS.sub("[redacted]", text)
    lowered = text.lower()
    if any(marker in lowered for marker in _NAMED_MARKERS):
        text = _NAMED_SECRETS.sub(r"\1\2[redacted]", text)
    if "input_value=" in text:
        text = _PYDANTIC_INPUT.sub(r"\1[redacted]\2", text)
    if "a coroutine was expected, got " in text:
        text = _CONVERSATIONS.sub(r"\1\2([redacted])", text)
    return text
