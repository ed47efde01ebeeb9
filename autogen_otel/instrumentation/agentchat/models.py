"""Model calls: `create` and `create_stream` of each client class, with what AutoGen's own result leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.instrumentation.agentchat.classes import is_left, meet_below
from autogen_otel.instrumentation.agentchat.conversations import texts_in
from autogen_otel.instrumentation.agentchat.openai import OPENAI
from autogen_otel.instrumentation.clients import client_attributes
from autogen_otel.instrumentation.content import content_of, input_messages
from autogen_otel.instrumentation.messages import foreign_attributes
from autogen_otel.instrumentation.model_calls import request_attributes
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patch import Switch
    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# The classes that define the two methods; their modules may be imported at any time.
_CLIENTS: Final = (
    ("openai._openai_client", "BaseOpenAIChatCompletionClient"),
    ("anthropic._anthropic_client", "BaseAnthropicChatCompletionClient"),
    ("azure._azure_ai_client", "AzureAIChatCompletionClient"),
    ("ollama._ollama_client", "BaseOllamaChatCompletionClient"),
    ("llama_cpp._llama_cpp_completion_client", "LlamaCppChatCompletionClient"),
    ("semantic_kernel._sk_chat_completion_adapter", "SKChatCompletionAdapter"),
    ("cache._chat_completion_cache", "ChatCompletionCache"),
    ("replay._replay_chat_completion_client", "ReplayChatCompletionClient"),
)
_BASE: Final = "autogen_core.models._model_client"
_ROLES: Final = {"SystemMessage": "system", "UserMessage": "user", "AssistantMessage": "assistant"}


def model_input(args: Args, kwargs: Kwargs) -> Iterable[Any]:
    """Return the messages that a call of `create` or `create_stream` sends to the model."""
    messages: Iterable[Any] = args[0] if args else kwargs["messages"]
    return messages


def texts_of_input(messages: Iterable[Any]) -> list[str]:
    """Return the texts of the messages of a model call, results of tools and arguments of calls included."""
    return [text for message in messages for text in texts_in(message)]


def _provider_behind(client: Any) -> Any:
    """Return the client that asks a provider; a cache stands before one."""
    for _ in range(4):
        inner = getattr(client, "client", None)
        if not hasattr(inner, "create_stream"):
            break
        client = inner
    return client


def _open(client: Any, args: Args, kwargs: Kwargs, *, stream: bool) -> OpenOperation | None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.MODEL:
        # A cache that asks the client behind it, a class that calls its parent: one call, one span.
        return None
    asked = _provider_behind(client)
    params = {**(getattr(asked, "_create_args", None) or {}), **(kwargs.get("extra_create_args") or {})}
    params["model"] = params.get("model") or type(asked).__name__
    attributes = request_attributes(asked, {**params, "stream": stream})
    attributes.update(client_attributes(asked, getattr(getattr(asked, "_client", None), "_client", None)))
    attributes.update(foreign_attributes(texts_of_input(model_input(args, kwargs))))
    return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], attributes=attributes)


def _open_create(client: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:
    return _open(client, args, kwargs, stream=False)


def _open_stream(client: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:
    return _open(client, args, kwargs, stream=True)


def _close(opened: OpenOperation, result: Any) -> None:
    """Note what a `CreateResult` tells; the last item of a stream is one, unless it was left early."""
    usage = getattr(result, "usage", None)
    if usage is None:
        return
    opened.signal = is_left
    if getattr(result, "cached", False):
        opened.attributes[names.CACHE_HIT] = True
        return
    opened.attributes[names.INPUT_TOKENS] = usage.prompt_tokens
    opened.attributes[names.OUTPUT_TOKENS] = usage.completion_tokens
    # The provider's own word, noted further down, is more exact.
    opened.attributes.setdefault(names.FINISH_REASONS, [str(result.finish_reason)])


def _as_openai(messages: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield AutoGen's messages in OpenAI's shape."""
    for message in messages:
        content = message.content
        role = _ROLES.get(type(message).__name__)
        if role is None:
            for result in content:
                yield {"role": "tool", "tool_call_id": result.call_id, "content": result.content}
        elif role == "assistant" and isinstance(content, list):
            yield {"role": role, "tool_calls": _calls_of(content)}
        else:
            parts = content if isinstance(content, list) else [content]
            yield {"role": role, "content": "\n".join(part for part in parts if isinstance(part, str))}


def _calls_of(content: list[Any]) -> list[dict[str, Any]]:
    return [{"id": call.id, "function": {"name": call.name, "arguments": call.arguments}} for call in content]


def _with_content(
    opening: Callable[[Any, Args, Kwargs], OpenOperation | None],
) -> Callable[[Any, Args, Kwargs], OpenOperation | None]:
    def open_with_content(client: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:
        opened = opening(client, args, kwargs)
        if opened is not None:
            opened.attributes.update(input_messages(_as_openai(model_input(args, kwargs))))
        return opened

    return open_with_content


def _close_with_content(opened: OpenOperation, result: Any) -> None:
    _close(opened, result)
    content = getattr(result, "content", None)
    if content is not None:
        calls = isinstance(content, list)
        parts = (
            [{"type": "tool_call", "id": one.id, "name": one.name, "arguments": one.arguments} for one in content]
            if calls
            else [{"type": "text", "content": content}]
        )
        opened.attributes[names.OUTPUT_MESSAGES] = content_of([{"role": "assistant", "parts": parts}])


class ModelClients:
    """Observes the classes of model clients: those of autogen_ext, and an application's own as they are met."""

    def __init__(self, patches: Patches, content: bool) -> None:
        self._patches = patches
        close = _close_with_content if content else _close
        create: Callable[[Any, Args, Kwargs], OpenOperation | None] = _open_create
        stream: Callable[[Any, Args, Kwargs], OpenOperation | None] = _open_stream
        if content:
            create, stream = _with_content(create), _with_content(stream)
        self._methods = {"create": operation(create, close), "create_stream": operation(stream, close, stream=True)}

    def meet(self, client: Any) -> None:
        """Observe the class of a client; None is an agent without one."""
        if client is not None:
            self.meet_class(type(client))

    def meet_class(self, cls: type) -> None:
        """Observe a class."""
        for name, replace in self._methods.items():
            self._patches.weave_class(cls, name, replace, "a model call")

    def patches(self) -> tuple[Patch, ...]:
        """Return the patches of the client classes, the base class last."""
        known = tuple(
            Patch(f"autogen_ext.models.{module}", f"{cls}.{name}", replace, "a model call")
            for module, cls in _CLIENTS
            for name, replace in self._methods.items()
        )
        return (
            *known,
            *OPENAI,
            Patch(_BASE, "ChatCompletionClient.create", self._replace_base, "a model call of an application's client"),
        )

    def _replace_base(self, original: Any, switch: Switch) -> Any:
        meet_below(f"{_BASE}.ChatCompletionClient", self.meet_class)
        return self._methods["create"](original, switch)
