"""Which conversation an agent or a team uses, and in which request each of its messages was said.

An agent keeps what was said in its model context, for whoever asks it; several agents may be given one context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.core.ids import serials
from autogen_otel.operations.provenance import introduce
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.operations.operation import OpenOperation

_CONTEXT: Final = "autogen_core.model_context._chat_completion_context"
_contexts: Final = serials()
_teams: Final = serials()


def use_context(opened: OpenOperation, agent: Any) -> None:
    """Tell that an agent's turn uses its model context; an agent without one keeps nothing."""
    context = getattr(agent, "_model_context", None)
    if context is not None:
        opened.use(f"context-{_contexts.of(context)}")


def use_team(opened: OpenOperation, team: Any) -> None:
    """Tell that a run uses its team, which keeps the messages of all its agents."""
    opened.use(f"team-{_teams.of(team)}")


def _introducing(parameter: str, said: Callable[[Any], None]) -> Callable[[Any, Switch], Any]:
    """Return a `Patch.replace` that notes what a call is given.

    Args:
        parameter: Its first parameter.
        said: Notes what that holds.
    """

    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        def call(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            if switch.on:
                guard.call(said, args[0] if args else kwargs.get(parameter))
            return wrapped(*args, **kwargs)

        return call

    return wrap(make)


def _introduce(message: Any) -> None:
    for text in texts_in(message):
        introduce(text)


def _introduce_all(messages: Any) -> None:
    for message in messages or ():
        _introduce(message)


def _introduce_state(state: Any) -> None:
    _introduce_all(state.get("messages"))


def texts_in(message: Any) -> Iterator[str]:
    """Yield the texts of a message of `autogen_core`, or of what one was saved as: results and arguments included."""
    content = _part(message, "content")
    for part in content if isinstance(content, list) else (content,):
        # A call has arguments and no content; a result that is asked for arguments takes long to say that it has none.
        text = part if isinstance(part, str) else _part(part, "content") or _part(part, "arguments")
        if isinstance(text, str):
            yield text


def _part(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


CONVERSATIONS: Final = (
    Patch(
        _CONTEXT,
        "ChatCompletionContext.add_message",
        _introducing("message", _introduce),
        "in which request a message was said, so that it is noticed in the prompt of another",
    ),
    Patch(
        _CONTEXT,
        "ChatCompletionContext.__init__",
        _introducing("initial_messages", _introduce_all),
        "what a context is made with, such as examples, is said by the request that makes it",
    ),
    Patch(
        _CONTEXT,
        "ChatCompletionContext.load_state",
        _introducing("state", _introduce_state),
        "what an application loads is said by the request that loads it",
    ),
)
