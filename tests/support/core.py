"""Agents of `autogen_core` as an application writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("autogen_core", reason="autogen_core is not installed")

from autogen_core import AgentId, DefaultTopicId, MessageContext, RoutedAgent, TypeSubscription, message_handler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autogen_core import AgentRuntime


@dataclass
class Ask:
    """A message that wants an answer."""

    text: str


@dataclass
class News:
    """A message for all who listen."""

    text: str


@dataclass
class Unknown:
    """A message that nobody handles."""

    text: str


class Working(RoutedAgent):
    """An agent that does what a function says."""

    def __init__(self, work: Callable[[Working, str], Awaitable[Any]]) -> None:
        super().__init__("It works.")
        self._work = work

    @message_handler
    async def handle_ask(self, message: Ask, ctx: MessageContext) -> Ask:
        return Ask(str(await self._work(self, message.text)))

    @message_handler
    async def handle_news(self, message: News, ctx: MessageContext) -> None:
        await self._work(self, message.text)

    async def ask(self, other: str, text: str) -> str:
        """Ask another agent and wait for the answer."""
        return str((await self.send_message(Ask(text), AgentId(other, "default"))).text)

    async def tell(self, text: str, topic: str = "default") -> None:
        """Tell all who listen."""
        await self.publish_message(News(text), DefaultTopicId(topic))


async def echo(agent: Working, text: str) -> str:
    """Answer what was asked."""
    return text


async def add(runtime: AgentRuntime, name: str, work: Any = echo, *, topic: str | None = None) -> None:
    """Register an agent, which is made at its first message.

    Args:
        runtime: Where.
        name: Its type.
        work: What it does with a message.
        topic: To what it listens.
    """
    await Working.register(runtime, name, lambda: Working(work), skip_class_subscriptions=True)
    if topic is not None:
        await runtime.add_subscription(TypeSubscription(topic, name))
