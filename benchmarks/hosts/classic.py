"""Two agents of classic AutoGen."""

from __future__ import annotations

from typing import Any, Final

from autogen import AssistantAgent, UserProxyAgent, register_function
from autogen.agentchat.conversable_agent import ConversableAgent
from autogen.io.base import IOStream
from autogen.oai.client import OpenAIClient

from benchmarks.hosts.model import CALL_ID, KEY, MODEL, TOOL, answer_at_once, lookup_policy

PLACES: Final[dict[str, tuple[Any, str]]] = {
    "invoke_workflow": (ConversableAgent, "initiate_chat"),
    "invoke_agent": (ConversableAgent, "generate_reply"),
    "chat": (OpenAIClient, "create"),
    "execute_tool": (ConversableAgent, "execute_function"),
}


def silence() -> None:
    """Do nothing: it opens no spans of its own."""


class Host:
    """Two agents and what can be asked of them."""

    def __init__(self) -> None:
        answer_at_once()
        IOStream.set_global_default(_Silent())
        model = {"model": MODEL, "api_key": KEY, "price": [0, 0]}
        self._assistant = AssistantAgent("assistant", llm_config={"config_list": [model], "cache_seed": None})
        self._user = UserProxyAgent(
            "user", human_input_mode="NEVER", code_execution_config=False, is_termination_msg=_is_last
        )
        register_function(
            lookup_policy, caller=self._assistant, executor=self._user, name=TOOL, description="Look up a policy."
        )

    def chat(self, times: int) -> None:
        """Hold chats: a model call that asks for the tool, the tool call, a second model call."""
        for _ in range(times):
            self._user.initiate_chat(self._assistant, message="How long?", silent=True)

    def tool(self, times: int) -> None:
        """Call the tool as AutoGen does."""
        for _ in range(times):
            self.call_tool()

    def call_tool(self, policy_id: str = "p1") -> bool:
        """Call the tool once, and return whether it succeeded; only `p1` exists."""
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
