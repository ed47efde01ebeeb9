"""The provider itself: a listener, a script and the record of what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider.connection import Connection
from autogen_otel.demo.provider.listener import HOST, Address, Listener
from autogen_otel.demo.provider.received import Received, ReceivedLog
from autogen_otel.demo.provider.scripts import Step, echo_tools, play
from autogen_otel.demo.provider.validation import refusal

if TYPE_CHECKING:
    import socket
    from collections import Counter
    from types import TracebackType

    from typing_extensions import Self

    from autogen_otel.demo.provider.chat import ChatRequest
    from autogen_otel.demo.provider.replies import Reply


class Provider:
    """A model provider on this machine that speaks OpenAI's HTTP API and answers what a script says.

    It serves chat completions and the list of models. A script that raises costs the client its connection; the
    exception goes to `threading.excepthook`. A forked child can call the provider of its parent, but never answers.

    Args:
        script: A function from `ChatRequest` to `Reply`, called in the thread of the connection; or always this reply.
        strict: Refuse what OpenAI refuses, in its words, before the script is asked: a wrong key, model or message.
        keep: How many requests, the newest, `received` remembers; None for all.
    """

    def __init__(self, script: Step = echo_tools, *, strict: bool = True, keep: int | None = None) -> None:
        self._script = script
        self._strict = strict
        self._log = ReceivedLog(keep)
        self._listener = Listener(self._serve)

    def start(self) -> Self:
        """Listen, and return itself. After a stop it takes the same port again, as a restarted service does.

        Raises:
            RuntimeError: It listens already.
            OSError: There is no port to listen on.
        """
        self._listener.start()
        return self

    def stop(self) -> None:
        """End all connections, also those that hang, and free the port. Does nothing the second time."""
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL; final once the provider has started."""
        return f"http://{HOST}:{self._listener.port}/v1"

    @property
    def received(self) -> tuple[Received, ...]:
        """The requests for completions in the order of arrival, those still without an answer included."""
        return self._log.snapshot()

    def statuses(self) -> Counter[int]:
        """Return how many requests for completions ended with each HTTP status; 0 stands for none sent."""
        return self._log.statuses()

    def _serve(self, connection: socket.socket, peer: Address) -> None:
        Connection(connection, peer, self._answer, self._log)

    def _answer(self, chat: ChatRequest) -> Reply:
        refused = refusal(chat) if self._strict else None
        return refused or play(self._script, chat)
