"""The application that is measured: two agents of classic AutoGen, a model that answers at once, and one tool."""

from __future__ import annotations

from typing import Any, Final

import openai._base_client
from autogen import AssistantAgent, UserProxyAgent, register_function
from autogen.io.base import IOStream
from openai._models import add_request_id
from openai.types.chat import ChatCompletion

TOOL: Final = "lookup_policy"
CALL_ID: Final = "call_1"
_POLICIES: Final = {"p1": "30 days"}


def lookup_policy(policy_id: str) -> str:
    """Look up a policy: the tool that the model asks for."""
    return _POLICIES[policy_id]


class Host:
    """Two agents and what can be asked of them."""

    def __init__(self) -> None:
        _answer_at_once()
        IOStream.set_global_default(_Silent())
        model = {"model": "gpt-4o-mini", "api_key": "sk-" + "a" * 48, "price": [0, 0]}
        self._assistant = AssistantAgent("assistant", llm_config={"config_list": [model], "cache_seed": None})
        self._user = UserProxyAgent(
            "user", human_input_mode="NEVER", code_execution_config=False, is_termination_msg=_is_last
        )
        register_function(
            lookup_policy, caller=self._assistant, executor=self._user, name=TOOL, description="Look up a policy."
        )

    def chat(self) -> None:
        """Hold one chat: a model call that asks for the tool, the tool call, a second model call."""
        self._user.initiate_chat(self._assistant, message="How long?", silent=True)

    def call_tool(self, policy_id: str = "p1") -> bool:
        """Call the tool as AutoGen does, and return whether it succeeded; only `p1` exists."""
        call = {"name": TOOL, "arguments": f'{{"policy_id": "{policy_id}"}}'}
        return bool(self._user.execute_function(call, CALL_ID)[0])

    def tool_error(self) -> KeyError:
        """Return what the tool raises, with the traceback of the functions that AutoGen has put around it."""
        try:
            self._user._function_map[TOOL](policy_id="p9")
        except KeyError as error:
            return error
        raise AssertionError("the tool did not fail")


class _Silent(IOStream):
    """Prints nothing, at no cost."""

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Drop it."""

    def send(self, message: Any) -> None:
        """Drop it."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:  # noqa: ARG002
        """Nobody is asked."""
        return ""


def _is_last(message: dict[str, Any]) -> bool:
    return "TERMINATE" in (message.get("content") or "")


def _answer_at_once() -> None:
    """Answer below the method of openai that instrumentations wrap, and above everything that costs time."""
    function = {"name": TOOL, "arguments": '{"policy_id": "p1"}'}
    asks = {"content": None, "tool_calls": [{"id": CALL_ID, "type": "function", "function": function}]}
    first = _completion(asks, "tool_calls")
    last = _completion({"content": "30 days. TERMINATE"}, "stop")

    def request(client: Any, cast_to: Any, options: Any, **_: Any) -> ChatCompletion:  # noqa: ARG001
        answer = last if options.json_data["messages"][-1]["role"] == "tool" else first
        return answer.model_copy(deep=True)

    openai._base_client.SyncAPIClient.request = request  # type: ignore[assignment, method-assign]


def _completion(message: dict[str, Any], reason: str) -> ChatCompletion:
    completion = ChatCompletion.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}],
            "usage": {"prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99},
        }
    )
    add_request_id(completion, "req_1")
    return completion
