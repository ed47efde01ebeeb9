"""The report: what the application saw beside what autogen-otel recorded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.exhibits import effect_of, exhibits_of, explain, mistaken
from autogen_otel.demo.texts import counted, enumerated, shortened
from autogen_otel.demo.verdict import Verdict, owners_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.cases import Case
    from autogen_otel.demo.exhibits import Exhibit
    from autogen_otel.demo.screen import Screen
    from autogen_otel.demo.trial import Trial

_EXHIBITS: Final = 4


def show_case(screen: Screen, case: Case, broken: Trial, fixed: Trial) -> None:
    """Show one case, broken and fixed."""
    screen.heading(f"{case.line}, {case.name}: {case.title}")
    screen.field("Symptom", case.symptom)
    screen.field("Code", case.file)
    header = ("", "the client got", "the provider got", "autogen-otel recorded")
    screen.table(header, [_summary(broken), _summary(fixed)], (7, 38, 30, 38))
    if broken.rounds > 1:
        screen.field("Note", f"The broken way got away with it at first: this is round {broken.rounds}.")
    exhibits = exhibits_of(broken)
    rows = [(_seen(exhibit), "\n".join(exhibit.recorded)) for exhibit in exhibits[:_EXHIBITS]]
    screen.table(("the application saw", "autogen-otel recorded of the same request"), _apart(rows), (44, 74))
    if len(exhibits) > _EXHIBITS:
        screen.field("", f"and {len(exhibits) - _EXHIBITS} more kinds of failure")
    screen.verbatim("")
    screen.field("Cause", case.cause)
    screen.field("Fix", case.fix, "green")


def show_outcomes(screen: Screen, outcomes: Sequence[tuple[Case, Trial, Trial]]) -> None:
    """Show what came of all cases, a row for each and a column for each line."""
    cells = {(case.name, case.line): _outcome(broken, fixed) for case, broken, fixed in outcomes}
    names, lines = (list(dict.fromkeys(keys)) for keys in zip(*cells, strict=True))
    screen.heading("Wrong answers, broken and then fixed")
    rows = [(name, *(cells.get((name, line), "") for line in lines)) for name in names]
    screen.table(("", *lines), rows, (16, *(24 for _ in lines)))


def _outcome(broken: Trial, fixed: Trial) -> str:
    bad = "" if broken.wrong and not fixed.wrong else "!"
    return f"{bad}{len(broken.wrong)} of {len(broken.answers)}, then {len(fixed.wrong)} of {len(fixed.answers)}"


def problems_of(broken: Trial, fixed: Trial) -> list[str]:
    """Return what did not come out as it must: the demo fails by these."""
    found = []
    if not broken.wrong:
        found.append("the broken way showed no fault")
    elif not any(explain(broken, answer) for answer in broken.wrong):
        found.append("autogen-otel recorded nothing that explains a wrong answer")
    if fixed.wrong:
        wrong = ", ".join(answer.question.request_id for answer in fixed.wrong)
        found.append(f"the fixed way showed a fault in {wrong}")
    return found


def _summary(trial: Trial) -> tuple[str, str, str, str]:
    bad = "!" if trial.wrong else ""
    answers = [f"{count:>2} × {verdict.value}" for verdict, count in trial.verdicts.items()]
    return trial.way, bad + "\n".join(answers), _provider(trial), _recorded(trial)


def _provider(trial: Trial) -> str:
    statuses = Counter(received.status for received in trial.received)
    lines = [f"{counted(count, 'call')}, {_sent(status)}" for status, count in sorted(statuses.items())]
    mixed = sum(len(received.tokens) > 1 for received in trial.received)
    return "\n".join([*lines, *_counted(mixed, "prompt with text of several users")])


def _sent(status: int) -> str:
    return f"answered with {status}" if status else "not answered"


def _recorded(trial: Trial) -> str:
    kinds = Counter((fault.type, effect_of(trial, fault)) for fault in trial.recorded.faults)
    faults = [f"{count:>2} × {type_.rpartition('.')[2]}, {effect}" for (type_, effect), count in kinds.most_common()]
    sharing = sum(bool(trial.recorded.sharing(answer.question.request_id)) for answer in trial.answers)
    foreign = sum(bool(trial.recorded.foreign(answer.question.request_id)) for answer in trial.answers)
    strayed = sum(mistaken(trial, answer) is not None for answer in trial.answers)
    unexplained = sum(not explain(trial, answer) for answer in trial.wrong)
    found = (trial.recorded.causes.get(answer.question.request_id) for answer in trial.answers)
    causes = [f"{count:>2} × cause {cause}" for cause, count in Counter(one[0] for one in found if one).most_common()]
    lines = [
        *(faults or ["no fault"]),
        *(causes or ["no cause"]),
        *_counted(sharing, "request shared a conversation"),
        *_counted(foreign, "request read another's messages"),
        *_counted(strayed, "request took another's response"),
        *_counted(unexplained, "answer not explained by this"),
    ]
    return "\n".join(lines)


def _counted(number: int, what: str) -> list[str]:
    return [counted(number, what)] if number else []


def _seen(exhibit: Exhibit) -> str:
    answer = exhibit.answer
    text = shortened(answer.text, 100)
    lines = [answer.question.request_id, f'{answer.status} "{text}"' if answer.status else "no answer"]
    if exhibit.verdict is Verdict.FOREIGN:
        others = enumerated(sorted(owners_of(answer) - {answer.question.user}))
        lines.append(f"asked by {answer.question.user}, with text of {others}")
    if exhibit.alike > 1:
        lines.append(f"and {exhibit.alike - 1} more like it")
    return "\n".join(lines)


def _apart(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put an empty line between rows of many lines."""
    return [*((f"{left}\n", f"{right}\n") for left, right in rows[:-1]), *rows[-1:]]
