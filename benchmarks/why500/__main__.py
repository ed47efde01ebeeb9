"""`python -m benchmarks.why500`: faults of known causes, injected into real AutoGen; is each one named rightly?"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from benchmarks.why500 import case as cases
from benchmarks.why500 import lines
from benchmarks.why500.conditions import Condition
from benchmarks.why500.score import Score, judge, macro_f1, set_f1, wilson
from benchmarks.why500.trials import run_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.why500.case import Case
    from benchmarks.why500.trials import Trial

# Two, because a machine with more cores would change what overlaps.
_AT_ONCE: Final = 2
Judged: TypeAlias = "tuple[Case, str, int, Score]"


def main() -> int:
    """Run the cases, print each one's answer and the scores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.why500", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how often each case is run (default: 5)")
    parser.add_argument("--case", nargs="*", help="only these, such as S1 N2")
    parser.add_argument("--line", nargs="*", choices=lines.NAMES, help="only these lines (default: all installed)")
    parser.add_argument(
        "--condition", default="whole", choices=[one.value for one in Condition], help="how telemetry reaches diagnose"
    )
    parser.add_argument("--json", type=Path, help="write each run's answer there")
    asked = parser.parse_args()
    here = [name for name in asked.line or lines.NAMES if name in lines.available()]
    runs = [
        (case, line, seed)
        for case in cases.load_all()
        if not asked.case or case.id in asked.case
        for line in case.lines
        if line in here and not case.missing
        for seed in range(asked.seeds)
    ]
    with tempfile.TemporaryDirectory(prefix="why500-") as folder:
        judged = [
            found
            for trial in run_all(runs, Path(folder), _AT_ONCE, Condition(asked.condition))
            if (found := _judged(trial)) is not None
        ]
    print(f"\n{len(judged)} of {len(runs)} runs count: in the others the oracle did not see the fault happen.")
    for name, hold_out in (("the list", False), ("cases held out", True)):
        part = [one for one in judged if one[0].hold_out is hold_out]
        if part:
            print(f"\n{name}: {len(part)} runs of {len({one[0].id for one in part})} cases")
            _report(part)
    if asked.json:
        document = [
            {"case": case.id, "line": line, "seed": seed, **score._asdict()} for case, line, seed, score in judged
        ]
        asked.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0


def _judged(trial: Trial) -> Judged | None:
    case, run = trial.case, f"{trial.case.id:4} {trial.line:10} {trial.seed}"
    if not trial.counts:
        print(f"{run}  {trial.problem or 'does not count: ' + str(trial.outcome['says'])}", flush=True)
        return None
    expected = case.expected(trial.line)
    score = judge(trial.outcome, expected, trial.diagnosis, trial.store)
    shutil.rmtree(trial.folder, ignore_errors=True)
    wrong = "" if score.component is not False else ", but not the component"
    print(f"{run}  {' + '.join(expected) or 'nothing'}: {', '.join(score.found) or 'nothing'}{wrong}", flush=True)
    return case, trial.line, trial.seed, score


def _report(judged: list[Judged]) -> None:
    single = [(next(iter(case.causes)), score) for case, _, _, score in judged if len(case.causes) == 1]
    mixed = [set_f1(score.found, case.causes) for case, _, _, score in judged if len(case.causes) > 1]
    healthy = [score for case, _, _, score in judged if case.healthy]
    blamed = [score.component for _, _, _, score in judged if score.component is not None]
    grounded, cited = (sum(score[place] for _, _, _, score in judged) for place in (2, 3))
    _share("top-1 cause (goal 0.97)", [score.found[:1] == (cause,) for cause, score in single])
    _share("top-3 cause", [cause in score.found[:3] for cause, score in single])
    print(f"{'macro-F1':34} {macro_f1((cause, (*score.found, 'none')[0]) for cause, score in single):.3f}")
    _share("false alarms, healthy (goal 0)", [bool(score.found) for score in healthy])
    _share("component named (goal 0.95)", blamed)
    print(f"{'evidence that exists (goal 1.00)':34} {grounded / cited if cited else 1:.3f}  {grounded} of {cited}")
    if mixed:
        print(f"{'set-F1 of mixtures':34} {sum(mixed) / len(mixed):.3f}")
    for name in single[0][1].baselines if single else ():
        _share(f"  top-1 of: {name}", [score.baselines[name] == cause for cause, score in single])


def _share(name: str, hits: Iterable[bool]) -> None:
    told = list(hits)
    low, high = wilson(sum(told), len(told))
    share = sum(told) / len(told) if told else 0.0
    print(f"{name:34} {share:.3f}  {sum(told)} of {len(told)}, 95 % interval {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    sys.exit(main())
