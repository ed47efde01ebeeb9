"""Classic AutoGen's model calls: one span for each call of a provider, so that a fallback that failed stays visible."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.content import input_messages, output_messages
from autogen_otel.instrumentation.model_calls import request_attributes, response_attributes
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.operation import OpenOperation, current_operation, open_operation
from autogen_otel.patching.patch import Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.patching.patches import Patches

_ALONE: Final = "OpenAIWrapper.create"


class _Choice:
    """One `OpenAIWrapper.create`: it tries the entries of its config_list until one answers.

    Called by an application directly, outside any chat, it is a workflow of its own: that a later entry answered must
    be known before anything is said about the fault of an earlier one.
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
        model = attributes[names.REQUEST_MODEL]
        started_ns = None if self._calls else self._started_ns
        cached = open_operation(Kind.MODEL, model, agent=self.agent, attributes=attributes, started_ns=started_ns)
        cached.attributes.update(response_attributes(response))
        for used_once in (names.INPUT_TOKENS, names.OUTPUT_TOKENS):
            cached.attributes.pop(used_once, None)
        cached.finish()


def _place_of(response: Any, wrapper: Any) -> int:
    """Return which entry of the config_list has answered: the newer wrappers note it, the older ones the response."""
    noted = getattr(wrapper, "_response_metadata", {}).get(getattr(response, "id", None), {})
    return int(noted.get("config_id") or getattr(response, "config_id", None) or 0)


_choice: ContextVar[_Choice | None] = ContextVar("autogen_otel_choice", default=None)


class ModelCalls:
    """Observes `OpenAIWrapper.create` and, as it meets them, the classes of the clients that it calls."""

    def __init__(self, patches: Patches, content: bool) -> None:
        self._patches = patches
        self._create = operation(_open_with_content, _close_with_content) if content else operation(_open, _close)

    @property
    def replace(self) -> Callable[[Any, Switch], Any]:
        """The `Patch.replace` for `OpenAIWrapper.create`."""
        return wrap(self._make)

    def _make(self, _: Any, switch: Switch) -> Callable[..., Any]:
        def create(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
            choice = guard.call(self._begin, instance, kwargs) if switch.on else None
            if not choice:
                return wrapped(*args, **kwargs)
            try:
                response = wrapped(*args, **kwargs)
            except BaseException as error:
                guard.call(choice.failed, error)
                raise
            guard.call(choice.answered, response)
            return response

        return create

    def _begin(self, wrapper: Any, config: dict[str, Any]) -> _Choice:
        for client in wrapper._clients:
            self._patches.weave_class(type(client), "create", self._create, "a call of the provider")
        return _Choice(wrapper, config)


def _open(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.MODEL:
        # A client class that calls its parent's create: one call, one span.
        return None
    params = args[0] if args else kwargs["params"]
    choice = _choice.get()
    if choice is None:
        attributes = request_attributes(client, params)
        return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], attributes=attributes)
    choice.called()
    attributes = choice.attributes_of(client, params)
    return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], agent=choice.agent, attributes=attributes)


def _close(opened: OpenOperation, response: Any) -> None:
    opened.attributes.update(response_attributes(response))
    choice = _choice.get()
    if choice is not None:
        choice.heard()


def _open_with_content(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    opened = _open(client, args, kwargs)
    if opened is not None:
        opened.attributes.update(input_messages((args[0] if args else kwargs["params"]).get("messages", ())))
    return opened


def _close_with_content(opened: OpenOperation, response: Any) -> None:
    _close(opened, response)
    opened.attributes.update(output_messages(response))


def keep_bad_request(_: Any, switch: Switch) -> Callable[..., Any]:
    """Keep the 400 of which AutoGen makes a ValueError when it looks as if an agent's name had caused it."""

    def handle(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        create = wrapped(*args, **kwargs)

        def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                return create(*args, **kwargs)
            except ValueError as error:
                guard.call(_catch_original, error)
                raise

        return watched if switch.on else create

    return handle


def _catch_original(error: ValueError) -> None:
    current, original = current_operation(), error.__context__
    # A JSONDecodeError is a ValueError too, with a context that says nothing.
    if current is not None and current.fact.kind is Kind.MODEL and original is not None and type(error) is ValueError:
        current.catch(original)
