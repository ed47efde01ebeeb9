"""An application under test: its names, its provider, the questions of its users and the answers they got."""

from __future__ import annotations

import random
import threading
import uuid
from typing import TYPE_CHECKING, Any

from autogen_otel.demo.provider import Slow, echo_tools
from benchmarks.why500 import web
from benchmarks.why500.forks import in_forks
from benchmarks.why500.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from autogen_otel.demo.provider import ChatRequest, Provider, Reply
    from benchmarks.why500.lines import Line
    from benchmarks.why500.web import Answer, AsyncHandler, Handler, Question


class App:
    """One application; everything in it is drawn from the seed.

    Args:
        line: The AutoGen line that it is written for.
        seed: What its names, latencies and counts are drawn from.
        folder: Where it may leave files.
        hold_out: Whether it is to differ from those by which the detectors were written, in names and latencies.

    Attributes:
        rng: For a case's own draws.
        words: Names of agents, tools and the model.
        latency: How long the model thinks, in seconds, and
        thought: how long it did at most.
        provider: The model provider; there once the run has started it.
        provider_url: Where the model is reached.
        answers: What the clients got, and
        asked: What they asked.
        notes: What the code of the application itself saw, for the oracle; the telemetry knows nothing of it.
        pids: The workers that were forked.
    """

    provider: Provider
    provider_url: str

    def __init__(self, line: Line, seed: str, folder: Path, *, hold_out: bool) -> None:
        self.line = line
        self.folder = folder
        self.rng = random.Random(seed)
        self.words = Words(self.rng, hold_out=hold_out)
        self.latency = self.rng.uniform(0.1, 0.3) if hold_out else self.rng.uniform(0.02, 0.09)
        self.thought = 0.0
        self.asked: list[Question] = []
        self.answers: list[Answer] = []
        self.notes: list[Any] = []
        self.pids: list[int] = []
        self.used_tools: set[str] = set()
        self._lock = threading.Lock()

    # --- what the model does ---

    def think(self, chat: ChatRequest) -> Reply:
        """The model: answers from the prompt, calls the tools that a line of it asks for, and takes a while."""
        seconds = self.latency * self.rng.uniform(0.6, 1.8)
        self.thought = max(self.thought, seconds)
        return Slow(seconds, echo_tools(chat))

    # --- what clients ask ---

    def ask(
        self, least: int, most: int, text: Callable[[int], str] = lambda number: f"What about case {number}?"
    ) -> list[Question]:
        """Draw how many questions are asked, and make them; `text` gets the number of each."""
        return self.questions([text(number) for number in range(self.rng.randint(least, most))])

    def questions(self, texts: Sequence[str]) -> list[Question]:
        """Make a question of each text."""
        made = [self._question(text) for text in texts]
        self.asked += made
        return made

    def _question(self, text: str) -> Question:
        token = f"{self.words.trade[:3]}{uuid.UUID(int=self.rng.getrandbits(128)).hex[:10]}"
        number = uuid.UUID(int=self.rng.getrandbits(128)).hex[:16]
        return web.Question(f"req-{number}", token, f"[rq:{token}] {text}")

    # --- how the application serves ---

    def fresh(self, model: Any, *tools: Callable[..., Any], **more: Any) -> tuple[Handler, AsyncHandler]:
        """Return handlers, a sync and an async one, that make agents for each question."""

        def handle(question: Question) -> str:
            return self.line.ask(self.line.agents(self, model, *tools, **more), question.text)

        async def handle_async(question: Question) -> str:
            return await self.line.ask_async(self.line.agents(self, model, *tools, **more), question.text)

        return handle, handle_async

    def threads(self, handle: Handler, questions: Sequence[Question], workers: int) -> None:
        """Serve from a pool of threads."""
        self.answers += web.in_threads(handle, questions, workers)

    def serially(self, handle: Handler, questions: Sequence[Question]) -> None:
        """Serve one after the other."""
        self.answers += web.one_by_one(handle, questions)

    def loop(self, handle: AsyncHandler, questions: Sequence[Question], **how: Any) -> None:
        """Serve in one event loop; `how` as in `web.in_loop`."""
        self.answers += web.in_loop(handle, questions, **how)

    def forks(self, handle: Handler, questions: Sequence[Question], workers: int) -> None:
        """Serve from forked workers."""
        answers, pids = in_forks(lambda share: web.one_by_one(handle, share), questions, workers)
        self.answers += answers
        self.pids += pids

    def serve(self, handle: Handler, handle_async: AsyncHandler, questions: Sequence[Question], at_once: int) -> None:
        """Serve from threads or in a loop, as the seed decides."""
        if self.rng.random() < 0.5:
            self.threads(handle, questions, at_once)
        else:
            self.loop(handle_async, questions, at_once=at_once)

    def note(self, what: Any) -> None:
        """Keep something that the code of the application saw."""
        with self._lock:
            self.notes.append(what)

    def tool(
        self, function: Callable[..., Any], name: str | None = None, says: str | None = None
    ) -> Callable[..., Any]:
        """Give a function a name of the trade, as its author would have."""
        function.__name__ = function.__qualname__ = name or self.words.tools[0]
        function.__doc__ = says or f"Look something up about {self.words.trade}."
        self.used_tools.add(function.__name__)
        return function
