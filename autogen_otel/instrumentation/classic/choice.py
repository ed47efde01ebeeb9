"""One `OpenAIWrapper.create`: which entries of its config_list were tried, and which one has answered."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.instrumentation.model_calls import request_attributes, response_attributes
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation

_ALONE: Final = "OpenAIWrapper.create"


class Choice:
    """One `OpenAIWrapper.create`: it tries the entries of its config_list until one answers.

    Called by an application directly, outside any chat, it is a workflow of its own: that a later entry answered must
    be known before anything is said about the fault of an earlier one.

    Args:
        wrapper: The `OpenAIWrapper`.
        config: What its `create` is called with.
    """

    def __init__(self, wrapper: Any, config: dict[str, Any]) -> None:
        self.agent: str | None = getattr(config.get("agent"), "name", None)
        self._wrapper = wrapper
        self._config = config
        self._before = _choice.get()
        self._alone = self._open_alone()
        self._started_ns = time.time_ns()
        self._calls = 0
        self._answers = 0
        _choice.set(self)

    def attributes_of(self, client: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return what is known before a client is called, with its place in the config_list."""
        attributes = request_attributes(client, params)
        index = next((i for i, one in enumerate(self._wrapper._clients) if one is client), None)
        if index is not None:
            attributes[names.MODEL_CONFIG_INDEX] = index
        return attributes

    def called(self) -> None:
        """Note that a client is called."""
        self._calls += 1

    def heard(self) -> None:
        """Note that a client has answered."""
        self._answers += 1

    def answered(self, response: Any) -> None:
        """Settle what failed before this answer; tell of an answer that came from the cache."""
        _choice.set(self._before)
        if self._answers == 0:
            self._tell_cached(response)
        current = current_operation()
        if self._calls > self._answers and current is not None:
            current.answered()
        if self._alone is not None:
            self._alone.finish()
            self._alone.leave()

    def failed(self, error: BaseException) -> None:
        """End it after the last entry has failed."""
        _choice.set(self._before)
        if self._alone is not None:
            self._alone.fail(error)
            self._alone.leave()

    def _open_alone(self) -> OpenOperation | None:
        current = current_operation()
        if current is not None and current.fact.kind is not Kind.REQUEST:
            return None
        alone = open_operation(Kind.WORKFLOW, _ALONE, attributes={names.WORKFLOW_NAME: _ALONE})
        alone.enter()
        return alone

    def _tell_cached(self, response: Any) -> None:
        index = _place_of(response, self._wrapper)
        client, entry = self._wrapper._clients[index], self._wrapper._config_list[index]
        if not hasattr(type(client), "create") or "create" in getattr(client, "__dict__", ()):
            # A client that is called past its class, such as a mock: it may have been called.
            return
        attributes = {**self.attributes_of(client, {**self._config, **entry}), names.CACHE_HIT: True}
        answer = response_attributes(response)
        for used_once in (names.INPUT_TOKENS, names.OUTPUT_TOKENS):
            answer.pop(used_once, None)
        model = attributes[names.REQUEST_MODEL]
        started_ns = None if self._calls else self._started_ns
        cached = open_operation(Kind.MODEL, model, agent=self.agent, attributes=attributes, started_ns=started_ns)
        cached.attributes.update(answer)
        cached.finish()


def _place_of(response: Any, wrapper: Any) -> int:
    """Return which entry of the config_list has answered: the newer wrappers note it, the older ones the response."""
    noted = getattr(wrapper, "_response_metadata", {}).get(getattr(response, "id", None), {})
    return int(noted.get("config_id") or getattr(response, "config_id", None) or 0)


_choice: ContextVar[Choice | None] = ContextVar("autogen_otel_choice", default=None)


def current_choice() -> Choice | None:
    """Return the innermost `OpenAIWrapper.create` that is going on in this context."""
    return _choice.get()
