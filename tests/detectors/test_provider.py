"""What is left when nothing above explains it: provider, configuration, AutoGen, a client that went away, nothing."""

from __future__ import annotations

import pytest

from autogen_otel.core.facts import ExceptionData, Frame, Kind, Outcome

from .facts import APP, AUTOGEN, PACKAGES, Facts, findings, only

OAI = Frame(f"{PACKAGES}/autogen/oai/client.py", 900, "cost")


def failed(type_: str, message: str = "", **fields) -> list[str]:
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(chat, type_, message, **fields)
    facts.end(root, chat, fault=fault)
    return findings(facts)["r-1"]


def test_a_fallback_that_answers_is_well():
    """The first entry of the config_list fails, the second one answers."""
    facts = Facts()
    root, chat = facts.request()
    turn = facts.open(Kind.AGENT, "assistant", chat)
    _, fault = facts.failing_model(turn, "openai.InternalServerError", HTTP_STATUS=500)
    facts.model(turn)
    facts.settle(turn, fault, masked=True)
    facts.end(root, chat, turn)

    assert findings(facts) == {}


def test_a_retry_of_the_application_that_answers_is_well():
    """The first chat fails, the second one does not."""
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(chat, "openai.InternalServerError", HTTP_STATUS=500)
    facts.settle(chat, fault, masked=False)
    facts.close(chat, fault)
    again = facts.open(Kind.WORKFLOW, "user -> assistant", root)
    facts.model(again)
    facts.end(root, again)

    assert findings(facts) == {}


@pytest.mark.parametrize(
    ("type_", "message", "fields", "wanted"),
    [
        ("openai.InternalServerError", "", {"HTTP_STATUS": 500}, "provider/server_error"),
        ("openai.InternalServerError", "overloaded", {"HTTP_STATUS": 503}, "provider/server_error"),
        ("openai.APITimeoutError", "Request timed out.", {}, "provider/timeout"),
        ("openai.APIConnectionError", "Connection error.", {}, "provider/connection"),
        ("httpx.PoolTimeout", "", {}, "provider/pool"),
        ("json.decoder.JSONDecodeError", "Expecting value", {}, "provider/malformed"),
        ("openai.AuthenticationError", "", {"HTTP_STATUS": 401}, "configuration/credentials"),
        ("openai.PermissionDeniedError", "", {"HTTP_STATUS": 403}, "configuration/credentials"),
        ("openai.NotFoundError", "", {"HTTP_STATUS": 404}, "configuration/not_found"),
        ("openai.BadRequestError", "bad", {"HTTP_STATUS": 400}, "configuration/bad_request"),
        (
            "openai.BadRequestError",
            "filtered",
            {"HTTP_STATUS": 400, "PROVIDER_ERROR_CODE": "content_filter"},
            "configuration/content_filter",
        ),
        ("openai.BadRequestError", "maximum context length is 8192", {"HTTP_STATUS": 400}, "configuration/too_long"),
        ("zlib.error", "odd", {}, "undetermined/unexplained?"),
    ],
)
def test_what_a_model_call_fails_of(type_, message, fields, wanted):
    """By status, then by what the exceptions say."""
    assert failed(type_, message, **fields) == [wanted]


def test_an_answer_that_is_none_is_noticed_behind_the_call():
    """AutoGen reads tokens off a text."""
    facts = Facts()
    root, chat = facts.request()
    turn = facts.open(Kind.AGENT, "assistant", chat)
    facts.model(turn)
    fault = facts.fault(turn, "AttributeError", "'str' object has no attribute 'usage'", OAI)
    facts.end(root, chat, turn, fault=fault)

    assert findings(facts) == {"r-1": ["provider/malformed?"]}


def test_a_failure_of_a_nested_chat_that_became_a_text():
    """The request has answered with it; the provider is to blame all the same."""
    facts = Facts()
    root, chat = facts.request()
    outer = facts.open(Kind.AGENT, "manager", chat)
    inner = facts.open(Kind.AGENT, "member", outer)
    _, fault = facts.failing_model(inner, "openai.APIConnectionError")
    facts.close(inner, fault)
    facts.settle(outer, fault, masked=True)
    facts.close(outer)
    facts.model(chat)
    facts.end(root, chat)

    assert findings(facts) == {"r-1": ["provider/connection"]}


def test_a_deadline_of_the_application_points_to_the_call_that_it_broke_off():
    """A hint: how long is too long is the application's own choice."""
    facts = Facts()
    root, chat = facts.request()
    call = facts.open(Kind.MODEL, "gpt-4o-mini", chat)
    facts.after(2_000).close(call, outcome=Outcome.CANCELLED)
    facts.close(chat, outcome=Outcome.CANCELLED)
    fault = facts.fault(root, "TimeoutError")
    facts.close(root, fault)

    assert (findings(facts), [one.operation_id for one in only(facts).evidence]) == (
        {"r-1": ["provider/timeout?"]},
        [root.id, call.id],
    )


def test_a_fault_of_autogens_own():
    """Raised in AutoGen's files, with nothing below that failed first."""
    facts = Facts()
    root, chat = facts.request()
    fault = facts.fault(chat, "KeyError", "'name'", AUTOGEN)
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["framework/raised"]}


def test_a_deadline_that_broke_off_autogen_is_not_autogens_own():
    """The TimeoutError was made of a CancelledError that had reached AutoGen's code."""
    facts = Facts()
    root, chat = facts.request()
    facts.close(chat, outcome=Outcome.CANCELLED)
    cancelled = ExceptionData("asyncio.exceptions.CancelledError", "", (AUTOGEN,))
    fault = facts.fault(root, "TimeoutError", "", APP, caused_by=cancelled)
    facts.close(root, fault)

    assert findings(facts) == {"r-1": ["undetermined/unexplained?"]}


def test_a_configuration_that_autogen_does_not_accept():
    """It refuses to make an agent of it, before any chat begins: a hint, for it may be AutoGen that is wrong."""
    facts = Facts()
    root = facts.open(Kind.REQUEST, "request")
    fault = facts.fault(root, "pydantic_core._pydantic_core.ValidationError", "1 validation error", AUTOGEN)
    facts.close(root, fault)

    assert findings(facts) == {"r-1": ["configuration/not_accepted?"]}


def test_an_application_in_a_folder_called_autogen_is_not_autogen():
    """Only what is installed as such."""
    facts = Facts()
    root, chat = facts.request()
    fault = facts.fault(chat, "KeyError", "'name'", Frame("/srv/autogen/app/hooks.py", 3, "before_reply"))
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["undetermined/unexplained?"]}


def test_a_fault_of_the_application_itself():
    """Its handler raises after a chat that went well: nothing that is observed explains that."""
    facts = Facts()
    root, chat = facts.request()
    facts.model(chat)
    facts.close(chat)
    fault = facts.fault(root, "KeyError", "'user'", APP)
    facts.close(root, fault)

    assert (findings(facts), "tools.py:41" in only(facts).summary) == ({"r-1": ["undetermined/unexplained?"]}, True)


def test_an_application_that_gives_up_has_given_up_on_something():
    """It catches what it gets, tries again, and raises an exception that does not say what it got."""
    facts = Facts()
    root = facts.open(Kind.REQUEST, "request")
    for _ in range(2):
        chat = facts.open(Kind.WORKFLOW, "user -> assistant", root)
        _, fault = facts.failing_model(chat, "openai.InternalServerError", HTTP_STATUS=500)
        facts.settle(chat, fault, masked=False)
        facts.close(chat, fault)
    gave_up = facts.fault(root, "RuntimeError", "gave up")
    facts.close(root, gave_up)

    assert findings(facts) == {"r-1": ["provider/server_error"]}


def test_what_a_retry_has_made_good_is_not_what_the_application_gave_up_on():
    """Its own exception comes later, for a reason of its own."""
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(chat, "openai.InternalServerError", HTTP_STATUS=500)
    facts.settle(chat, fault, masked=False)
    facts.close(chat, fault)
    again = facts.open(Kind.WORKFLOW, "user -> assistant", root)
    facts.model(again)
    facts.close(again)
    own = facts.fault(root, "KeyError", "'user'")
    facts.close(root, own)

    assert findings(facts) == {"r-1": ["undetermined/unexplained?"]}


def test_a_client_that_went_away_is_only_said_to_have_gone():
    """Nothing else is said of it."""
    facts = Facts()
    root, chat = facts.request()
    call = facts.open(Kind.MODEL, "gpt-4o-mini", chat)
    for operation in (call, chat, root):
        facts.close(operation, outcome=Outcome.CANCELLED)

    assert findings(facts) == {"r-1": ["cancelled/cancelled"]}
