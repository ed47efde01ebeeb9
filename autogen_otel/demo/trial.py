"""One way of one case, run: what was asked and answered, what the provider saw, and what autogen-otel recorded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from autogen_otel.demo.provider import Provider
from autogen_otel.demo.recorded import Recorded
from autogen_otel.demo.verdict import Verdict, judge
from autogen_otel.demo.web import Question

if TYPE_CHECKING:
    from pathlib import Path

    from autogen_otel.demo.cases import Case
    from autogen_otel.demo.provider import Received
    from autogen_otel.demo.recorded import Witness
    from autogen_otel.demo.web import Answer

# What is intermittent may fail to appear once.
_ROUNDS = 3


class Trial(NamedTuple):
    """What came of one way to serve the questions of a case.

    Attributes:
        way: `broken` or `fixed`.
        answers: What the client got.
        received: What the provider got.
        recorded: What autogen-otel recorded.
        rounds: How often all questions were asked until it showed; the rest is of the last round.
    """

    way: str
    answers: list[Answer]
    received: tuple[Received, ...]
    recorded: Recorded
    rounds: int = 1

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many answers were of which kind, in the order of the list of kinds."""
        found = Counter(judge(answer) for answer in self.answers)
        return Counter({verdict: found[verdict] for verdict in Verdict if found[verdict]})

    @property
    def wrong(self) -> list[Answer]:
        """The answers that are not right."""
        return [answer for answer in self.answers if judge(answer) is not Verdict.RIGHT]


def run_broken(case: Case, log: Path, witness: Witness) -> Trial:
    """Serve in the broken way until it shows; a race may be won by chance, but hardly three times."""
    for number in range(_ROUNDS):
        trial = _run(case, "broken", number * case.requests + 1, log, witness)
        if trial.wrong:
            break
    return trial._replace(rounds=number + 1)


def run_fixed(case: Case, log: Path, witness: Witness) -> Trial:
    """Serve in the fixed way."""
    return _run(case, "fixed", 1, log, witness)


def _run(case: Case, way: str, first: int, log: Path, witness: Witness) -> Trial:
    questions = [_question(case, way, number) for number in range(first, first + case.requests)]
    serve = case.broken if way == "broken" else case.fixed
    with Provider(case.script()) as provider:
        model = {"model": "gpt-4o-mini", "api_key": "sk-demo", "base_url": provider.base_url}
        answers = serve(model, questions)
    request_ids = [question.request_id for question in questions]
    return Trial(way, answers, provider.received, Recorded(log, witness, request_ids))


def _question(case: Case, way: str, number: int) -> Question:
    user = f"user-{number:02}"
    request_id = f"{case.line}-{case.name.replace('_', '-')}-{way}-{number:02}"
    return Question(request_id, user, f"[rq:{user}] {case.prompt(number)}", case.expected(number))
