"""What a client would say of an answer. What the client asked, and nothing from autogen-otel, decides."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from autogen_otel.demo.provider.chat import tokens_in

if TYPE_CHECKING:
    from autogen_otel.demo.web import Answer


class Verdict(Enum):
    """A closed list; the value completes "3 x ..."."""

    RIGHT = "200, the right answer"
    FOREIGN = "200 with somebody else's text"
    ERROR_TEXT = "200 with an error as its text"
    BESIDE = "200 that does not answer the question"
    FAILED = "500"
    NOTHING = "no answer at all"


def judge(answer: Answer) -> Verdict:
    """Return what a client would say of an answer."""
    if answer.status != 200:
        return Verdict.FAILED if answer.status else Verdict.NOTHING
    if owners_of(answer) - {answer.question.user}:
        return Verdict.FOREIGN
    if "Error:" in answer.text:
        return Verdict.ERROR_TEXT
    answered = owners_of(answer) and answer.question.expected in answer.text
    return Verdict.RIGHT if answered else Verdict.BESIDE


def owners_of(answer: Answer) -> set[str]:
    """Return the users whose text is in an answer."""
    return set(tokens_in(answer.text))
