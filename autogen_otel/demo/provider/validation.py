"""Which requests OpenAI refuses, and in which words: AutoGen and its users recognise errors by them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.provider.replies import Status

if TYPE_CHECKING:
    from autogen_otel.demo.provider.chat import ChatRequest

BAD_KEY: Final = "bad"
UNKNOWN_MODEL: Final = "no-such-model"

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_NAME_PATTERN: Final = r"^[^\s<|\\/>]+$"
_NAME: Final = re.compile(_NAME_PATTERN)
_REQUIRED: Final = {"function": ("role", "name"), "tool": ("role", "tool_call_id")}


def refusal(chat: ChatRequest) -> Status | None:
    """Return the error with which OpenAI's API would answer; None for a request that it would take."""
    return _refuse_key(chat.api_key) or _refuse_model(chat.model) or _refuse_messages(chat.body.get("messages"))


def _refuse_key(key: str) -> Status | None:
    if not key:
        return Status(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
            "auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    if key == BAD_KEY:
        link = "https://platform.openai.com/account/api-keys"
        message = f"Incorrect API key provided: {key}. You can find your API key at {link}."
        return Status(401, message, error_code="invalid_api_key")
    return None


def _refuse_model(model: str) -> Status | None:
    if not model:
        return Status(400, "you must provide a model parameter")
    if model == UNKNOWN_MODEL:
        message = f"The model `{model}` does not exist or you do not have access to it."
        return Status(404, message, error_code="model_not_found")
    return None


def _refuse_messages(messages: object) -> Status | None:
    if messages is None:
        return _missing("messages")
    if not isinstance(messages, list):
        return _wrong_type("messages", "an array of objects")
    if not messages:
        problem = "empty array. Expected an array with minimum length 1, but got an empty array instead."
        return Status(400, f"Invalid 'messages': {problem}", param="messages", error_code="empty_array")
    each = (_refuse_message(message, f"messages[{index}]", index) for index, message in enumerate(messages))
    return next(filter(None, each), None) or _refuse_order(messages)


def _refuse_message(message: object, where: str, index: int) -> Status | None:
    if not isinstance(message, Mapping):
        return _wrong_type(where, "an object")
    required = _REQUIRED.get(str(message.get("role")), ("role",))
    missing = next((field for field in required if field not in message), None)
    if missing:
        return _missing(f"{where}.{missing}")
    return (
        _refuse_role(message["role"], f"{where}.role")
        or _refuse_name(message.get("name"), f"{where}.name")
        or _refuse_content(message, where, index)
    )


def _refuse_role(role: object, where: str) -> Status | None:
    if role in _ROLES:
        return None
    supported = ", ".join(f"'{one}'" for one in _ROLES[:-1])
    problem = f"Invalid value: '{role}'. Supported values are: {supported}, and '{_ROLES[-1]}'."
    return Status(400, problem, param=where, error_code="invalid_value")


def _refuse_name(name: object, where: str) -> Status | None:
    if name is None or _NAME.fullmatch(str(name)):
        return None
    problem = f"string does not match pattern. Expected a string that matches the pattern '{_NAME_PATTERN}'."
    return Status(400, f"Invalid '{where}': {problem}", param=where, error_code="invalid_value")


def _refuse_content(message: Mapping[str, Any], where: str, index: int) -> Status | None:
    content = message.get("content")
    if isinstance(content, (str, list)):
        return None
    if content is not None:
        return _wrong_type(f"{where}.content", "one of a string or array of objects")
    if message["role"] == "assistant" and (message.get("tool_calls") or message.get("function_call")):
        return None
    if "content" not in message:
        return _missing(f"{where}.content")
    return Status(400, "Invalid value for 'content': expected a string, got null.", param=f"messages.[{index}].content")


def _refuse_order(messages: list[Mapping[str, Any]]) -> Status | None:
    """Return the error of the first call of a tool without its result, or result without its call."""
    called: tuple[str, ...] = ()  # by the assistant's message before the results that are being read
    open_calls: dict[str, None] = {}
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            call = str(message["tool_call_id"])
            if call not in called:
                return _stray_result(call, index, directly=not called)
            open_calls.pop(call, None)
        elif open_calls:
            return _unanswered(open_calls, index)
        else:
            called = _call_ids(message)
            open_calls = dict.fromkeys(called)
    return _unanswered(open_calls, len(messages) - 1) if open_calls else None


def _call_ids(message: Mapping[str, Any]) -> tuple[str, ...]:
    calls = message.get("tool_calls") if message["role"] == "assistant" else None
    return tuple(str(call.get("id")) for call in calls if isinstance(call, Mapping)) if isinstance(calls, list) else ()


def _stray_result(call: str, index: int, *, directly: bool) -> Status:
    if directly:
        # The spelling is OpenAI's.
        problem = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        return Status(400, f"Invalid parameter: {problem}", param=f"messages.[{index}].role")
    problem = f"'tool_call_id' of '{call}' not found in 'tool_calls' of previous message."
    return Status(400, f"Invalid parameter: {problem}", param=f"messages.[{index}].tool_call_id")


def _unanswered(calls: Mapping[str, None], index: int) -> Status:
    return Status(
        400,
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(calls)}",
        param=f"messages.[{index}].role",
    )


def _missing(where: str) -> Status:
    message = f"Missing required parameter: '{where}'."
    return Status(400, message, param=where, error_code="missing_required_parameter")


def _wrong_type(where: str, expected: str) -> Status:
    message = f"Invalid type for '{where}': expected {expected}, but got something else instead."
    return Status(400, message, param=where, error_code="invalid_type")
