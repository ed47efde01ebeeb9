"""Wrong answers beside what was recorded of the same request, one for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.demo.places import places_of
from autogen_otel.demo.texts import counted, enumerated, shortened
from autogen_otel.demo.verdict import Verdict, judge, owners_of

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Received
    from autogen_otel.demo.recorded import RecordedFault
    from autogen_otel.demo.trial import Trial
    from autogen_otel.demo.web import Answer


class Exhibit(NamedTuple):
    """One wrong answer that stands for all of its kind.

    Attributes:
        answer: What the application answered.
        verdict: What the client says of it.
        alike: How many there are of this kind.
        recorded: What autogen-otel knows of that request, in lines.
    """

    answer: Answer
    verdict: Verdict
    alike: int
    recorded: list[str]


def exhibits_of(trial: Trial) -> list[Exhibit]:
    """Return one wrong answer for each verdict and each kind of fault behind it, in the order of the verdicts."""
    kinds: dict[tuple[Verdict, tuple[str, ...]], list[Answer]] = {}
    for answer in trial.wrong:
        faults = trial.recorded.faults_of(answer.question.request_id)
        # As far as it is shown: what the client's library had raised before may differ.
        kind = (faults[-1].type, *places_of(faults[-1].frames)) if faults else ()
        kinds.setdefault((judge(answer), kind), []).append(answer)
    found = [_exhibit(trial, verdict, answers) for (verdict, _), answers in kinds.items()]
    order = list(Verdict)
    return sorted(found, key=lambda exhibit: (order.index(exhibit.verdict), -exhibit.alike))


def _exhibit(trial: Trial, verdict: Verdict, answers: list[Answer]) -> Exhibit:
    shown = next((answer for answer in answers if explain(trial, answer)), answers[0])
    return Exhibit(shown, verdict, len(answers), explain(trial, shown) or ["nothing that explains it"])


def explain(trial: Trial, answer: Answer) -> list[str]:
    """Return what was recorded that explains an answer; nothing when nothing does."""
    faults = trial.recorded.faults_of(answer.question.request_id)
    cause = trial.recorded.causes.get(answer.question.request_id)
    told = [shortened(f"cause {cause[0]}: {cause[1]}", 220)] if cause else []
    beside = [*_foreign_lines(trial, answer), *_shared_lines(trial, answer), *_mistaken_lines(trial, answer)]
    if faults:
        return [*told, *_fault_lines(trial, faults[-1]), *beside]
    return [*told, "no exception: nothing was raised anywhere", *beside] if told or beside else []


def effect_of(trial: Trial, fault: RecordedFault) -> str:
    """Return what became of a fault."""
    if fault.masked:
        return "masked"
    return "recovered" if trial.recorded.finished.get(fault.request_id) == "ok" else "fatal"


_EFFECTS: Final = {
    "masked": "masked: AutoGen made a text of it and answered on",
    "recovered": "recovered: the application tried again",
    "fatal": "fatal: it left AutoGen, and the application made a 500 of it",
}


def _fault_lines(trial: Trial, fault: RecordedFault) -> list[str]:
    lines = [shortened(f"{fault.type}: {fault.message}")]
    if fault.root:
        lines.append(shortened(f"caused by {fault.root}"))
    lines += places_of(fault.frames)
    if fault.attempts is not None:
        told = f", told to come back after {fault.retry_after} s" if fault.retry_after else ""
        lines.append(f"HTTP attempts: {fault.attempts}{told}")
    lines.append(f"agent {fault.agent or 'none'}, tool {fault.tool or 'none'}")
    lines.append(_EFFECTS[effect_of(trial, fault)])
    return lines


def _foreign_lines(trial: Trial, answer: Answer) -> list[str]:
    """Tell whose messages the model has read in this request."""
    others = trial.recorded.foreign(answer.question.request_id)
    return [f"its model call read what was said in {enumerated(others)}"] if others else []


def _shared_lines(trial: Trial, answer: Answer) -> list[str]:
    """Tell of conversations that this and other requests used at the same time."""
    sharing = trial.recorded.sharing(answer.question.request_id)
    if not sharing:
        return []
    foreign = {_request_of(trial, user) for user in owners_of(answer)}
    mine, other = next((pair for pair in sharing if pair[1].request_id in foreign), sharing[0])
    others = len({pair[1].request_id for pair in sharing})
    overlap = (min(mine.ended_ns, other.ended_ns) - max(mine.started_ns, other.started_ns)) / 1e6
    what = f"its conversation ({names.CONVERSATIONS} = {mine.conversation})"
    requests = counted(others, "request").strip()
    return [f"{what} was also used by {requests} at the same time, for {overlap:.0f} ms by {other.request_id}"]


def mistaken(trial: Trial, answer: Answer) -> Received | None:
    """Return the provider's record of a response that one of the request's model calls took, made for another one."""
    recorded = trial.recorded.provider_ids.get(answer.question.request_id, ())
    user = answer.question.user
    return next((one for one in trial.received if one.request_id in recorded and user not in one.tokens), None)


def _mistaken_lines(trial: Trial, answer: Answer) -> list[str]:
    received = mistaken(trial, answer)
    if received is None:
        return []
    owners = enumerated([_request_of(trial, user) for user in received.tokens])
    return [f"its model call took response {received.request_id}, which the provider had made for {owners}"]


def _request_of(trial: Trial, user: str) -> str:
    questions = (answer.question for answer in trial.answers)
    return next((question.request_id for question in questions if question.user == user), user)
