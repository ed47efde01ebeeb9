"""Classic AutoGen's model calls: one span for each call of a provider, so that a fallback that failed stays visible."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.model_calls import request_attributes, response_attributes
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.operation import OpenOperation, current_operation, open_operation
from autogen_otel.patching.patch import Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.patching.patches import Patches


class _Choice:
    """One `OpenAIWrapper.create`: it tries the entries of its config_list until one answers."""

    __slots__ = ("agent", "before", "started_ns", "tried")

    def __init__(self, agent: str | None) -> None:
        self.agent = agent
        self.before = _choice.get()
        self.started_ns = time.time_ns()
        self.tried = 0


_choice: ContextVar[_Choice | None] = ContextVar("autogen_otel_choice", default=None)


class ModelCalls:
    """Observes `OpenAIWrapper.create` and, as it meets them, the classes of the clients that it calls."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches

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
            finally:
                _choice.set(choice.before)
            guard.call(_answered, choice, response, kwargs)
            return response

        return create

    def _begin(self, wrapper: Any, kwargs: dict[str, Any]) -> _Choice:
        for client in wrapper._clients:
            self._patches.weave_class(type(client), "create", _CREATE, "a call of the provider")
        choice = _Choice(getattr(kwargs.get("agent"), "name", None))
        _choice.set(choice)
        return choice


def _open(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.MODEL:
        # A client class that calls its parent's create: one call, one span.
        return None
    attributes = request_attributes(client, args[0] if args else kwargs["params"])
    choice = _choice.get()
    if choice is not None:
        attributes[names.MODEL_CONFIG_INDEX] = choice.tried
        choice.tried += 1
    agent = choice.agent if choice else None
    return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], agent=agent, attributes=attributes)


def _close(opened: OpenOperation, response: Any) -> None:
    opened.attributes.update(response_attributes(response))


_CREATE: Final = operation(_open, _close)


def _answered(choice: _Choice, response: Any, kwargs: dict[str, Any]) -> None:
    """Settle the attempts that failed before this answer; tell of an answer that came from the cache."""
    current = current_operation()
    if choice.tried == 0:
        attributes = response_attributes(response)
        model = str(attributes.get(names.RESPONSE_MODEL) or kwargs.get("model") or "unknown")
        cached = open_operation(
            Kind.MODEL,
            model,
            agent=choice.agent,
            attributes={names.REQUEST_MODEL: model, names.CACHE_HIT: True},
            started_ns=choice.started_ns,
        )
        cached.attributes.update(attributes)
        cached.finish()
    elif choice.tried > 1 and current is not None:
        current.answered()
