"""Secrets out, lengths bounded: applied to every text before it leaves the process as telemetry."""

from __future__ import annotations

import re
from typing import Final

MAX_MESSAGE: Final = 4_096
MAX_STACKTRACE: Final = 16_384

# What tells by its form what it is.
_SECRETS = re.compile(
    r"""
      \b(?:sk|pk|rk|xai)-[A-Za-z0-9_-]{16,}                    # keys of OpenAI, Anthropic, xAI
    | \b(?:sk|pk|rk|gsk|hf|npm|r8)_(?=\w*\d)\w{16,}            # of Stripe, Groq, Hugging Face, npm, Replicate
    | \b(?:ghp|gho|ghs|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_-]{16,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                           # of AWS
    | \bAIza[A-Za-z0-9_-]{30,}                                # of Google
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*  # JSON web tokens
    | (?<=://)[^\s/:@]*:[^\s/@]+(?=@)                          # user:password@ in a URL
    | (?<=[?&]key=)[^\s&\#"']+ | (?<=[?&]sig=)[^\s&\#"']+ | (?<=[?&]code=)[^\s&\#"']+
    | (?i:(?<=bearer\ )[A-Za-z0-9._~+/=-]{8,})
    | (?i:(?<=basic\ )[A-Za-z0-9+/=]{12,})
    | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
# What its name tells, in a query, a header, a dict, JSON inside of JSON, or the name of an environment variable.
_NAMED_SECRETS = re.compile(
    r"""(?ix)
    (   (?:api|access|account|auth|client|id|private|refresh|secret|session|shared|subscription)
        [_-]? (?:key|token|secret)
      | password | passwd | pwd | secret | authorization )
    (\\*["']?\s*[:=]\s*\\*["']?(?:(?:bearer|basic|token)\s+)?) [^\s"',;&)}\\]{4,}
    | (\btoken) (\\*["']?\s*[:=]\s*\\*["']?) [^\s"',;&)}\\]{8,}
    | (\b(?:set-)?cookie) (\\*["']?\s*[:=]\s*\\*["']?) [^\n"'\\]{4,}"""
)
# The conversation itself, where AutoGen or pydantic put it into the text of an exception.
_CONVERSATIONS = re.compile(
    r"(?s)(a coroutine was expected, got )(ChatResult|\[ChatResult|RunResponse|AsyncRunResponse)\(.*"
)
_PYDANTIC_INPUT = re.compile(r"(input_value=)(?:.*?)(, input_type=|\Z)", re.DOTALL)
# What a text that may hold a secret has in it, in small letters.
_FORMS: Final = (
    *("sk-", "pk-", "rk-", "xai-", "sk_", "pk_", "rk_", "hf_", "npm_", "r8_", "glpat", "xox"),
    *("ghp", "gho", "ghs", "github_pat"),
    *("akia", "asia", "aiza", "eyj", "://", "earer ", "asic ", "-----begin", "key=", "sig=", "code="),
)
_NAMES: Final = ("key", "token", "passw", "pwd", "secret", "authorization", "cookie")
# Beyond what is kept, so that a secret at its end is whole when it is looked for.
_BEYOND: Final = 2_048


def redact(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return `text` without secrets, cut to `limit` characters.

    Beside keys, tokens and passwords it takes out what AutoGen and pydantic quote into an error text: the whole
    conversation (`asyncio.run(user.initiate_chat(...))`) and the arguments of a tool (`input_value=`).
    """
    text = text[: limit + _BEYOND]
    lowered = text.lower()
    # A search in a text without any marker is the common case, and cheap; the expressions are not.
    if any(form in lowered for form in _FORMS):
        text = _SECRETS.sub("[redacted]", text)
    if any(name in lowered for name in _NAMES):
        text = _NAMED_SECRETS.sub(_without_value, text)
    if "input_value=" in text:
        text = _PYDANTIC_INPUT.sub(r"\1[redacted]\2", text)
    if "a coroutine was expected, got " in text:
        text = _CONVERSATIONS.sub(r"\1\2([redacted])", text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _without_value(found: re.Match[str]) -> str:
    name, joint = (group for group in found.groups() if group is not None)
    return f"{name}{joint}[redacted]"
