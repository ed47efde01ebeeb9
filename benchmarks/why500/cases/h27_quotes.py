"""H27. Users greet alike, and quote what somebody else was answered, with the ID of another request."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Slow, Text
from benchmarks.why500.case import Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True
_GREETING = "Hello, how can I help you today? TERMINATE"


def script(app: App) -> Script:
    """A model that greets everybody in the same words, and says how many messages of users it was given."""

    def polite(chat: ChatRequest) -> Reply:
        said = sum(message.get("role") == "user" for message in chat.messages)
        return Slow(app.latency, Text(_GREETING if said == 1 else f"{said} messages? TERMINATE"))

    return polite


def serve(app: App) -> None:
    """Some say hello, some repeat what the model said to others, some send an error that somebody was shown."""
    handle, handle_async = app.fresh(app.line.model(app))
    before: list[str] = []
    lock = threading.Lock()

    def text(question: Question) -> str:
        number = int(re.findall(r"\d+", question.text)[-1])
        with lock:
            before.append(question.id)
            other = before[len(before) // 2]
        return ("Hello", _GREETING, f"request {other} failed, why?", before[0])[number % 4]

    app.serve(
        lambda question: handle(question._replace(text=text(question))),
        lambda question: handle_async(question._replace(text=text(question))),
        app.ask(24, 40),
        app.rng.randint(4, 10),
    )


def proof(app: App) -> Proof:
    """The model was given one message of a user each time, and everybody was greeted."""
    wrong = [answer for answer in app.answers if answer.status != 200 or answer.text != _GREETING]
    return Proof(not wrong and len(app.answers) == len(app.asked), f"{len(wrong)} of {len(app.answers)} not greeted")
