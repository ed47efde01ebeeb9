"""Classic AutoGen's model calls: one span for each call of a provider, so that a fallback that failed stays visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.classic.choice import Choice, current_choice
from autogen_otel.instrumentation.clients import client_attributes
from autogen_otel.instrumentation.content import input_messages, output_messages
from autogen_otel.instrumentation.messages import foreign_attributes, texts_of
from autogen_otel.instrumentation.model_calls import request_attributes, response_attributes
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.provenance import introduce
from autogen_otel.patching.patch import Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patches import Patches


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

    def _begin(self, wrapper: Any, config: dict[str, Any]) -> Choice:
        for client in wrapper._clients:
            self._patches.weave_class(type(client), "create", self._create, "a call of the provider")
        return Choice(wrapper, config)


def _open(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.MODEL:
        # A client class that calls its parent's create: one call, one span.
        return None
    params = args[0] if args else kwargs["params"]
    choice = current_choice()
    attributes = request_attributes(client, params) if choice is None else choice.attributes_of(client, params)
    attributes.update(client_attributes(client, getattr(getattr(client, "_oai_client", None), "_client", None)))
    attributes.update(foreign_attributes(_input_of(client, params)))
    if choice is None:
        return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], attributes=attributes)
    choice.called()
    return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], agent=choice.agent, attributes=attributes)


def _input_of(client: Any, params: dict[str, Any]) -> list[str]:
    """Return the texts that the model gets, and the ID of the answer at which the provider is to go on."""
    texts: list[str] = []
    for message in params.get("messages", ()):
        texts += texts_of(message)
    # The clients of the Responses API keep it from call to call, whoever calls.
    for kept in ("previous_response_id", "_previous_response_id"):
        if isinstance(response_id := getattr(client, kept, None), str):
            texts.append(response_id)
    return texts


def _close(opened: OpenOperation, response: Any) -> None:
    opened.attributes.update(response_attributes(response))
    introduce(getattr(response, "id", None))
    choice = current_choice()
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
