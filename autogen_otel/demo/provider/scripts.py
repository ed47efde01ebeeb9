"""Scripts: functions from a request to a reply. One drives useful chats, the others put scripts together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from autogen_otel.demo.provider.chat import ChatRequest, text_of, without_tokens
from autogen_otel.demo.provider.replies import Reply, Text, ToolCalls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Script: TypeAlias = Callable[[ChatRequest], Reply]
Step: TypeAlias = Script | Reply

# Arguments begin like JSON, so that "call me back" is no call; they need not be valid, for a model errs there too.
_CALL: Final = re.compile(r"^\s*call ([\w.-]+)(?:\s+([\[{\"].*|null))?\s*$", re.MULTILINE)


def echo_tools(chat: ChatRequest) -> Reply:
    """Answer from the prompt alone, so that any number of chats can go on at once.

    * The newest message of the user has lines like `call lookup_policy {"policy_id": "p9"}`, and tools (or functions)
      are on offer: call those tools, all at once. A tool that is not on offer is called too: models do that.
    * The prompt ends with results of tools: repeat them and say TERMINATE.
    * Otherwise: repeat the newest message of the user and say TERMINATE.

    Each answer begins with the request tokens of the whole prompt, so that one can tell from it whose data was there.
    """
    marks = " ".join(f"[rq:{token}]" for token in chat.tokens)
    results = list(itertools.takewhile(_is_result, reversed(chat.messages)))
    if results:
        return _final(marks, "\n".join(text_of(result) for result in reversed(results)))
    said = without_tokens(text_of(chat.last_user_message))
    calls = _CALL.findall(said)
    if calls and (chat.tools or chat.functions):
        return ToolCalls(*((name, arguments.strip() or "{}") for name, arguments in calls), content=marks or None)
    return _final(marks, said)


class Sequence:
    """A script that gives the n-th request the n-th step; the last step repeats.

    Args:
        steps: Replies or scripts, at least one.

    Raises:
        ValueError: There is no step.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = tuple(steps)
        if not self._steps:
            raise ValueError("a sequence needs at least one step")
        self._ordinals = itertools.count()

    def __call__(self, chat: ChatRequest) -> Reply:
        """Return what the next step replies."""
        return play(self._steps[min(next(self._ordinals), len(self._steps) - 1)], chat)


def per_model(steps: Mapping[str, Step], otherwise: Step = echo_tools) -> Script:
    """Return a script that chooses by the model that is asked for.

    Args:
        steps: Model to reply or script.
        otherwise: What all other models do.
    """
    return lambda chat: play(steps.get(chat.model, otherwise), chat)


def failing_first(n: int, reply: Reply, then: Step = echo_tools) -> Script:
    """Return a script that gives the first `n` requests the same reply and all later ones to `then`."""
    return Sequence([*itertools.repeat(reply, n), then])


def play(step: Step, chat: ChatRequest) -> Reply:
    """Return what a step replies: the reply that it is, or the one that the script returns."""
    return step(chat) if callable(step) else step


def _is_result(message: Mapping[str, object]) -> bool:
    return message.get("role") in {"tool", "function"}


def _final(marks: str, text: str) -> Text:
    return Text(" ".join(part for part in (marks, text.strip(), "TERMINATE") if part))
