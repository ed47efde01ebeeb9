"""No secret and no conversation leaves with the text of an exception, whatever stands around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.faults.redact import redact

CORE = "hunter2Hunter2hunter2"
# Each with the part that must not be seen in the place of CORE.
SECRETS = (
    f"sk-{CORE}",
    f"sk-proj-{CORE}",
    f"sk-ant-api03-{CORE}",
    f"sk_live_{CORE}",
    f"gsk_{CORE}",
    f"hf_{CORE}",
    f"ghp_{CORE}",
    f"github_pat_{CORE}",
    f"xoxb-{CORE}",
    f"AIzaSyA-{CORE}-{CORE}",
    f"eyJhbGciOiJIUzI1NiJ9.{CORE}.{CORE}",
    f"postgres://app:{CORE}@db/x",
    f"redis://:{CORE}@cache:6379/0",
    f"https://example.org/v1beta/models/gemini:generateContent?key={CORE}&alt=sse",
    f"https://account.blob.core.windows.net/c?sv=2024&sig={CORE}",
    f"Authorization: Bearer {CORE}",
    f"authorization: Basic {CORE}==",
    f"Authorization: Token {CORE}",
    f"{{'Authorization': 'Bearer {CORE}'}}",
    f"x-api-key: {CORE}",
    f"Set-Cookie: session={CORE}; Path=/; HttpOnly",
    f"OPENAI_API_KEY={CORE}",
    f"DB_PASSWORD={CORE}",
    f"AccountName=a;AccountKey={CORE};EndpointSuffix=core.windows.net",
    f"client_secret={CORE}&grant_type=client_credentials",
    f"access_token={CORE}",
    f"token: {CORE}",
    json.dumps({"api_key": CORE}),
    json.dumps(json.dumps({"password": CORE})),
    f"-----BEGIN RSA PRIVATE KEY-----\n{CORE}\n-----END RSA PRIVATE KEY-----",
    f"a coroutine was expected, got ChatResult(chat_id=1, chat_history=[{{'content': '{CORE}'}}])",
    f"1 validation error for f\n  Field required [type=missing, input_value={{'q': '{CORE}'}}, input_type=dict]",
)
SEPARATORS = st.sampled_from(["", " ", "\n", "(", ", ", ": ", '"', "'"])


@given(st.sampled_from(SECRETS), SEPARATORS, st.text(), st.text(), st.integers(10, 4096))
def test_secret_is_taken_out_wherever_it_stands(secret, separator, before, after, limit):
    """Whatever text stands around a secret, and wherever the text is cut, nothing of the secret is left."""
    prefix = f"{before}{separator}" if separator else ""
    text = redact(f"{prefix}{secret}{separator}{after}", limit)

    assert (CORE[:9] in text, len(text) <= limit) == (False, True)


@given(st.sampled_from(SECRETS), st.integers(3_900, 4_200))
def test_secret_at_the_place_of_the_cut_is_taken_out(secret, length):
    """A text is cut when the secrets are out: no half of one is left at its end."""
    assert CORE[:9] not in redact(f"{'x' * length} {secret} {'y' * 3000}")


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'p9'",
        "no secret in this key",
        "max_tokens=1000 exceeds the model's token limit: 512",
        "Incorrect API key provided: sk-proj-********1234",
        "HTTP Request: POST http://127.0.0.1:4318/v1/chat/completions?stream=true",
        "a task to ask, a cookie, a password, a monkey=banana",
        "unexpected token: }",
    ],
)
def test_ordinary_text_is_left_alone(text):
    """What only sounds like a secret stays, for somebody has to read it."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgres://app:hunter2@db/x", "postgres://[redacted]@db/x"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [redacted]"),
        ('{"api_key": "hunter2hunter2", "model": "m"}', '{"api_key": "[redacted]", "model": "m"}'),
        ("password=hunter2 user=me", "password=[redacted] user=me"),
        (
            "a coroutine was expected, got ChatResult(chat_id=1, chat_history=[...])",
            "a coroutine was expected, got ChatResult([redacted])",
        ),
    ],
)
def test_name_of_a_secret_stays(text, kept):
    """What was taken out can be told from the rest."""
    assert redact(text) == kept


@given(st.text(max_size=300), st.integers(1, 200))
def test_length_is_bounded(text, limit):
    """A text is never longer than its limit."""
    assert len(redact(text, limit)) <= limit
