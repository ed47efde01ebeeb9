"""Rate limits: what is absorbed first."""

from __future__ import annotations

import pytest

from autogen_otel.core.facts import Kind

from .facts import Facts, findings, only


def absorbing(facts: Facts, request: str, *statuses: int, ms: float = 50) -> None:
    root, chat = facts.request(request)
    call = facts.open(Kind.MODEL, "gpt-4o-mini", chat, SERVER_ADDRESS="api.example.com")
    facts.after(ms).close(call, MODEL_ATTEMPT_STATUSES=list(statuses), HTTP_STATUS=statuses[-1])
    facts.end(root, chat)


def refused(facts: Facts, request: str, **more) -> None:
    root, chat = facts.request(request)
    fields = {"HTTP_STATUS": 429, "statuses": [429], **more}
    _, fault = facts.failing_model(chat, "openai.RateLimitError", "Rate limit reached", **fields)
    facts.end(root, chat, fault=fault)


def test_one_refusal_that_a_retry_has_absorbed_is_what_retries_are_for():
    """Within the budget, and nobody else was refused."""
    facts = Facts()
    absorbing(facts, "r-1", 429, 200)
    absorbing(facts, "r-2", 200)

    assert findings(facts) == {}


def test_refusals_of_another_minute_are_no_burst():
    """Each of them is absorbed, one in a while."""
    facts = Facts()
    for number in range(5):
        absorbing(facts, f"r-{number}", 429, 200)
        facts.after(61_000)

    assert findings(facts) == {}


def test_a_fallback_that_answers_is_what_fallbacks_are_for():
    """The first entry of the config_list is refused, the second one answers."""
    facts = Facts()
    root, chat = facts.request()
    turn = facts.open(Kind.AGENT, "assistant", chat)
    _, fault = facts.failing_model(turn, "openai.RateLimitError", HTTP_STATUS=429)
    facts.model(turn)
    facts.settle(turn, fault, masked=True)
    facts.end(root, chat, turn)

    assert findings(facts) == {}


def test_a_burst_refuses_several_requests():
    """The first one cannot know yet that it is not alone."""
    facts = Facts()
    for number in range(3):
        refused(facts, f"r-{number}")

    assert findings(facts) == {
        "r-0": ["rate_limit/refused"],
        "r-1": ["rate_limit/burst"],
        "r-2": ["rate_limit/burst"],
    }


def test_a_burst_that_retries_have_hidden():
    """All have answered, each after one refusal, within the same minute."""
    facts = Facts()
    for number in range(4):
        absorbing(facts, f"r-{number}", 429, 200)

    assert findings(facts) == {
        "r-2": ["rate_limit/hidden_by_retries"],
        "r-3": ["rate_limit/hidden_by_retries"],
    }


def test_a_budget_that_is_used_up_is_strained_though_nobody_else_was_refused():
    """One refusal more, and the request would have failed."""
    facts = Facts()
    absorbing(facts, "r-1", 429, 429, 200)

    assert findings(facts) == {"r-1": ["rate_limit/hidden_by_retries"]}


def test_another_provider_is_not_limited():
    """Refusals count for the provider that refuses."""
    facts = Facts()
    for number in range(3):
        root, chat = facts.request(f"r-{number}")
        call = facts.open(Kind.MODEL, "m", chat, SERVER_ADDRESS=f"{number}.example.com")
        facts.close(call, MODEL_ATTEMPT_STATUSES=[429, 200])
        facts.end(root, chat)

    assert findings(facts) == {}


@pytest.mark.parametrize(
    ("message", "fields"),
    [("You exceeded your current quota", {}), ("", {"PROVIDER_ERROR_CODE": "insufficient_quota"})],
)
def test_a_quota_that_is_used_up(message, fields):
    """It is no burst, however many requests it hits."""
    facts = Facts()
    for number in range(3):
        root, chat = facts.request(f"r-{number}")
        _, fault = facts.failing_model(chat, "openai.RateLimitError", message, HTTP_STATUS=429, **fields)
        facts.end(root, chat, fault=fault)

    assert findings(facts) == {f"r-{number}": ["rate_limit/quota"] for number in range(3)}


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_gateway_that_makes_a_server_error_of_it(status):
    """The text still says what it was."""
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(
        chat, "openai.InternalServerError", "upstream: Too Many Requests", HTTP_STATUS=status
    )
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["rate_limit/disguised"]}


@pytest.mark.parametrize(
    ("message", "status"),
    [("the rate limiter of the tool is wrong", None), ("Your prompt speaks of a rate limit", 400)],
    ids=["a tool's words", "another status"],
)
def test_words_that_speak_of_a_limit(message, status):
    """A tool may speak of its own API's limit, and a provider of it for any other reason."""
    facts = Facts()
    root, chat = facts.request()
    if status is None:
        facts.failing_tool(chat, message=message)
        facts.end(root, chat)
    else:
        _, fault = facts.failing_model(chat, "openai.BadRequestError", message, HTTP_STATUS=status)
        facts.end(root, chat, fault=fault)

    assert [one.partition("/")[0] for one in findings(facts)["r-1"]] == [
        "tool_exception" if status is None else "configuration"
    ]


@pytest.mark.parametrize(
    "message", ["DashScope error: Throttling.RateQuota - Requests exceed the limit", "rate limit exceeded, try later"]
)
def test_a_client_that_drops_the_status(message):
    """Only the provider's words are left: it is likely, and not proved."""
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(chat, "RuntimeError", message)
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["rate_limit/refused?"]}


def test_a_retry_around_the_retries():
    """The client tries three times, and the application starts the chat again and again."""
    facts = Facts()
    root = facts.open(Kind.REQUEST, "request")
    for _ in range(3):
        chat = facts.open(Kind.WORKFLOW, "user -> assistant", root)
        _, fault = facts.failing_model(chat, "openai.RateLimitError", HTTP_STATUS=429, statuses=[429, 429, 429])
        facts.settle(chat, fault, masked=False)
        facts.close(chat, fault)
    facts.close(root, fault)

    assert (findings(facts), "9 times" in only(facts).summary) == ({"r-1": ["rate_limit/retry_storm"]}, True)


def test_time_that_went_by_in_refusals():
    """The client's timeout expired while it was told to wait."""
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(chat, "openai.APITimeoutError", statuses=[429, 429, 0])
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["rate_limit/refused"]}


def test_a_tool_that_raised_stands_before_refusals_that_were_hidden():
    """One made the answer wrong, the other one only late."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat)
    facts.model(chat, MODEL_ATTEMPT_STATUSES=[429, 429, 200])
    facts.end(root, chat)

    assert findings(facts) == {"r-1": ["tool_exception/raised", "rate_limit/hidden_by_retries"]}


def test_a_burst_and_a_tool_that_raises():
    """Two causes in one request, the fatal one first."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat)
    _, fault = facts.failing_model(chat, "openai.RateLimitError", HTTP_STATUS=429)
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["rate_limit/refused", "tool_exception/raised"]}
