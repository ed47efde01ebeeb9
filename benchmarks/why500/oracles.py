"""The oracles: what clients got and what the provider saw. Nothing here reads telemetry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from autogen_otel.demo.provider.chat import text_of, tokens_in
from benchmarks.why500.case import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from autogen_otel.demo.provider import Received
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Answer, Question


def right(answer: Answer, expected: str = "") -> bool:
    """Tell whether a client got its own answer, and nobody else's."""
    return answer.status == 200 and set(tokens_in(answer.text)) == {answer.question.token} and expected in answer.text


def healthy(
    app: App, expected: Callable[[Question], str] = lambda _: "", *, statuses: Collection[int] = (200,)
) -> Proof:
    """Everybody got the right answer, no prompt held two users' tokens, and the provider sent nothing but these."""
    wrong = [answer for answer in app.answers if not right(answer, expected(answer.question))]
    mixed = [seen for seen in app.provider.received if len(set(seen.tokens)) > 1]
    sent = set(app.provider.statuses()) - set(statuses)
    complete = len(app.answers) == len(app.asked)
    says = f"{len(wrong)} wrong of {len(app.answers)}, {len(mixed)} mixed prompts, statuses {_counts(app)}"
    if wrong:
        says += f"; first: {wrong[0].status} {wrong[0].text[:80]!r} {wrong[0].error and wrong[0].error[:2]}"
    return Proof(complete and not wrong and not mixed and not sent, says)


def turns(app: App, conversations: Iterable[list[Question]], answers: Iterable[tuple[Question, str]]) -> Proof:
    """Each turn was answered with the tokens of its own conversation up to there, and with nobody else's.

    Args:
        app: The application.
        conversations: The questions of each, in their order.
        answers: What each turn was answered.
    """
    up_to = {
        turn.token: {one.token for one in asked[: place + 1]}
        for asked in conversations
        for place, turn in enumerate(asked)
    }
    mixed = [seen for seen in app.provider.received if set(seen.tokens) != up_to[seen.user_tokens[-1]]]
    answered = sum(f"[rq:{turn.token}]" in text for turn, text in answers)
    says = f"{answered} of {len(app.asked)} answered, {len(mixed)} prompts with others' messages"
    return Proof(answered == len(app.asked) and not mixed, says)


def crosstalk(app: App) -> Proof:
    """Tokens of other users stand in answers, or in prompts that the provider received."""
    ids = _ids(app)
    wrong = {answer.question.id for answer in app.answers if set(tokens_in(answer.text)) - {answer.question.token}}
    mixed = [seen for seen in app.provider.received if len(set(seen.tokens) & ids.keys()) > 1]
    failed = {answer.question.id for answer in app.answers if answer.status != 200}
    says = f"{len(wrong)} of {len(app.answers)} answers foreign, {len(mixed)} prompts mixed, {len(failed)} bad"
    return Proof(bool(wrong or mixed), says, frozenset(wrong), frozenset(ids.values()))


def refused(app: App, statuses: Collection[int], least: int = 3) -> Proof:
    """The provider's own count of these statuses; hurt is who failed, or was refused more than once."""
    ids = _ids(app)
    refusals = Counter(
        ids[token] for seen in app.provider.received if seen.status in statuses for token in seen.tokens if token in ids
    )
    failed = {answer.question.id for answer in app.answers if not right(answer)}
    hit = {request for request, times in refusals.items() if times > 1 or request in failed}
    says = f"the provider sent {_counts(app)} to {len(refusals)} requests, {len(failed)} failed"
    return Proof(sum(refusals.values()) >= least and bool(hit), says, frozenset(hit), frozenset(refusals) | failed)


def told(app: App, needle: Callable[[Question], str], hit: Iterable[Question], success: str = "found") -> Proof:
    """The provider was told of a tool's result that names what was looked for, and is no success."""
    expected = {question.token: question for question in hit}
    seen: set[str] = set()
    for received in app.provider.received:
        for text in _results(received):
            for token in received.tokens:
                question = expected.get(token)
                if question is not None and needle(question) in text and success not in text:
                    seen.add(question.id)
    says = f"the model was told of a failed tool in {len(seen)} of {len(expected)} requests"
    ids = frozenset(question.id for question in expected.values())
    return Proof(bool(seen) and len(seen) == len(expected), says, ids, ids)


def silent(app: App, hit: Iterable[Question], success: str = "found") -> Proof:
    """The clients of exactly these questions read of no success, though they were answered: the tool had nothing."""
    wanted = {question.id for question in hit}
    ids = {answer.question.id for answer in app.answers if answer.status == 200 and success not in answer.text}
    says = f"{len(ids)} of {len(app.answers)} were told of no success, {len(wanted)} of them expected"
    return Proof(bool(wanted) and ids == wanted, says, frozenset(wanted), frozenset(wanted))


def sent_only(app: App, statuses: Collection[int]) -> Proof:
    """The provider sent no other statuses than these."""
    return Proof(set(app.provider.statuses()) <= set(statuses), f"the provider sent {_counts(app)}")


def failed(app: App, hit: Iterable[Question], kind: str | None = None, status: int = 500) -> Proof:
    """Exactly these requests failed, and the application caught this type of exception."""
    wanted = {question.id for question in hit}
    got = {answer.question.id: answer for answer in app.answers if answer.status == status}
    kinds = Counter(answer.error.type for answer in got.values() if answer.error)
    fits = wanted == set(got) and (kind is None or set(kinds) == {kind})
    return Proof(
        bool(wanted) and fits,
        f"{len(got)} of {len(app.answers)} failed: {dict(kinds)}",
        frozenset(wanted),
        frozenset(wanted),
    )


def wrong_text(app: App, expected: Callable[[Question], str]) -> Proof:
    """These clients did not read what they should have."""
    wrong = frozenset(answer.question.id for answer in app.answers if not right(answer, expected(answer.question)))
    return Proof(bool(wrong), f"{len(wrong)} of {len(app.answers)} answers lack what was asked for", wrong, wrong)


def _results(seen: Received) -> list[str]:
    messages: list[dict[str, Any]] = seen.body.get("messages") or []
    return [text_of(message) for message in messages if message.get("role") in {"tool", "function"}]


def _ids(app: App) -> dict[str, str]:
    return {question.token: question.id for question in app.asked}


def _counts(app: App) -> str:
    return ", ".join(f"{times}x {status or 'nothing'}" for status, times in sorted(app.provider.statuses().items()))
