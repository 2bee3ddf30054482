"""The run loop: every round of the plan deployed afresh, measured, written at once; broken rounds kept and redone.

What it decides: when a round counts. A round counts when all its residents were measured, every claim held before and
after, and no guard on the environment was violated; then all its runs are appended to the bundle together. Any other
round is kept as a record with its reason, excluded whole (never one arm of it), and redone, a bounded number of times.

What it refuses: to drop a round because of what it measured. Guards look at the machine and the generator only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from meshperf.analysis import COMPANION_ROUNDS, FEWEST_ROUNDS
from meshperf.environments.local import LocalSite
from meshperf.errors import ComparisonError, DeploymentError, TargetError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.conditions import refuse_changed_facts, round_facts
from meshperf.experiment.events import Event, Listener, figures
from meshperf.experiment.feasibility import expected_s, require_feasible
from meshperf.experiment.kept_templates import with_kept_templates
from meshperf.experiment.plan import Plan, RoundPlan, make_plan
from meshperf.experiment.rounds import RoundTask, run_round
from meshperf.load.recording import Progress
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult, Validity, ValidityState
from meshperf.telemetry import INVALIDATING, shown

__all__ = ["execute"]

_NOT_UP = "MP5102"
_BROKEN_ROUND = frozenset({_NOT_UP, "MP5104", "MP5301", "MP5302", "MP5303"})
"""Codes that end a round and not the experiment: a process died, or a resident that was up no longer answers."""


def execute(
    experiment: Experiment,
    bundle: Bundle,
    *,
    state_dir: Path,
    listener: Listener,
    pilot: bool = False,
    slice_s: float | None = None,
    enough: Callable[[int], bool] = lambda made: False,
) -> tuple[RunResult, ...]:
    """Run every round that the bundle does not have yet.

    Args:
        pilot: the experiment was shortened to see that it works, or plans another one; its results are labelled so and
            decide nothing.
        slice_s: length of a slice that was found before [s]; None: the first round finds it.
        enough: asked after every round, with the number of finished ones, whether no more are to be made.

    Returns:
        All runs of the bundle's finished rounds.

    Raises:
        ComparisonError: an arm is not what it says (MP4003), or the machine changed since the bundle began (MP4004), or
            guards kept invalidating rounds until none was left to try (MP4002).
        DeploymentError, PrerequisiteError, StorageError: as their layers say; finished rounds are kept.
    """
    require_feasible(experiment)
    experiment = with_kept_templates(experiment, bundle.path)
    plan = make_plan(experiment)
    loop = _Loop(
        experiment=experiment,
        bundle=bundle,
        plan=plan,
        state_dir=state_dir,
        listener=listener,
        pilot=pilot,
        slice_s=experiment.slice_s or slice_s,
        enough=enough,
    )
    loop.run()
    return tuple(bundle.runs())


@dataclass(kw_only=True)
class _Loop:
    experiment: Experiment
    bundle: Bundle
    plan: Plan
    state_dir: Path
    listener: Listener
    pilot: bool
    slice_s: float | None
    enough: Callable[[int], bool]
    current: int = 1
    began: float = 0.0
    round_began: float = 0.0
    durations: list[float] = field(default_factory=list)
    broken: DeploymentError | TargetError | None = None
    """Why the last attempt at a round did not come to its end; None: it did."""
    before: dict[str, RunResult] = field(default_factory=dict)
    """Runs of rounds that were finished before this process began, one a resident."""

    def run(self) -> None:
        self.began = time.monotonic()
        finished = self.bundle.finished_rounds()
        if finished:
            self.before = {run.resident: run for run in self.bundle.runs()}
            # The pilot was at the first load point; the others follow from it.
            self.slice_s = min(run.design.slice_s or 0.0 for run in self.before.values()) or None
            self._tell("resumed", f"{len(finished)} of {self.experiment.rounds} rounds are there already")
        self._tell("planned", self._outline())
        spare = self.experiment.rounds // 3 + 1
        for number in range(1, self.experiment.rounds + 1):
            if number in finished:
                continue
            if self.enough(number - 1):
                return
            self.current, attempt = number, self.bundle.attempts(number)
            self.round_began = time.monotonic()
            while not self._round(number, attempt):
                attempt += 1
                if spare == 0 and self.broken is not None:
                    raise self.broken  # it names the process and shows its last lines
                if spare == 0:
                    raise ComparisonError(
                        "MP4002",
                        f"round {number} was excluded again and no spare attempts are left",
                        hint="the excluded records say which guard; quieten the machine, or lower the offered rate",
                    )
                spare -= 1
            self.durations.append(time.monotonic() - self.round_began)

    def _outline(self) -> str:
        residents = max(len(group.residents) for group in self.plan.groups)
        rounds = self.experiment.rounds
        decides = (
            f"fewer than {FEWEST_ROUNDS} rounds never decide"
            if rounds < FEWEST_ROUNDS
            else "a pilot, which never counts"
            if self.pilot
            else f"{FEWEST_ROUNDS} rounds can decide by the t interval, {COMPANION_ROUNDS} by Hodges-Lehmann as well"
        )
        minutes = expected_s(self.experiment, self.plan) * rounds / 60
        groups = f" in {len(self.plan.groups)} groups" if len(self.plan.groups) > 1 else ""
        return f"{rounds} rounds of up to {residents} residents{groups}; about {minutes:.1f} min; {decides}"

    def _round(self, number: int, attempt: int) -> bool:
        """Run all groups of one round. False: excluded, to be redone."""
        self.bundle.begin_round(number, attempt)
        runs: list[RunResult] = []
        try:
            for round_plan in (item for item in self.plan.rounds if item.round == number):
                runs += self._group(round_plan, attempt)
        except (DeploymentError, TargetError) as broken:
            if broken.code not in _BROKEN_ROUND or self._never_up(broken):
                raise
            self._exclude(runs, f"broken: {broken.message}")
            self.broken = broken
            return False
        self.broken = None
        guilty = _violated(runs)
        if guilty:
            self._exclude(runs, guilty)
            return False
        self.bundle.append(runs)
        self._tell("saved", f"round {number} of {self.experiment.rounds}")
        return True

    def _never_up(self, broken: DeploymentError | TargetError) -> bool:
        """Whether processes end before they are ready because the deployment is wrong, and not because one was killed.

        Nothing was ever seen to come up, and the same happened in the attempt just before: trying again only hides it.
        """
        again = self.broken is not None and self.broken.code == _NOT_UP == broken.code
        return again and not self.bundle.finished_rounds()

    def _group(self, round_plan: RoundPlan, attempt: int) -> Sequence[RunResult]:
        with LocalSite.open(
            self.bundle.experiment_id,
            self.experiment.cpus,
            self.state_dir,
            environment=self.experiment.environment,
        ) as site:
            facts = round_facts(site, self.experiment)
            recorded = self.bundle.facts()
            if recorded is None:
                self.bundle.write_facts(facts)
            else:
                refuse_changed_facts(recorded, facts)
            first = self.slice_s is None and round_plan.group.index == 0
            task = RoundTask(
                experiment=self.experiment,
                experiment_id=self.bundle.experiment_id,
                plan=round_plan,
                attempt=attempt,
                pilot=self.pilot,
                slice_s=self.slice_s,
                # One continuous control a session: the sliced figures are held against it.
                with_control=round_plan.round == 1 or self.experiment.control == "every-round",
                facts=facts,
                cpus=site.cpus,
                note=self._tell,
                on_progress=self._progress,
            )
            runs = run_round(site, task)
            for run in runs:
                if run.resident in self.before:
                    refuse_changed_facts(self.before[run.resident].facts, run.facts)
            if first:
                self.slice_s = runs[0].design.slice_s
                self._tell("chosen", f"slices of {(self.slice_s or 0) * 1e3:.0f} ms ({runs[0].design.slice_chosen_by})")
            return runs

    def _exclude(self, runs: Sequence[RunResult], reason: str) -> None:
        for run in runs:
            invalid = Validity(state=ValidityState.INVALID, reasons=(*run.validity.reasons, reason))
            self.bundle.exclude(run if not run.validity.ok else replace(run, validity=invalid), reason)
        if not runs:
            self.bundle.exclude_round(self.current, reason)
        self._tell("excluded", reason)

    # Telling -----------------------------------------------------------------------------------------------------

    def _progress(self, stage: str, progress: Progress, counted_s: float) -> None:
        self._tell(stage, progress=progress, counted_s=counted_s)

    def _tell(self, stage: str, note: str = "", *, progress: Progress | None = None, counted_s: float = 0.0) -> None:
        now = time.monotonic()
        self.listener(
            Event(
                stage=stage,
                round=self.current,
                rounds=self.experiment.rounds,
                elapsed_s=now - self.began,
                left_s=self._left(now),
                note=note,
                **figures(progress, counted_s),
            )
        )

    def _left(self, now: float) -> float:
        """What a round took so far, times the rounds to do; before any is done, what its counted time says."""
        to_do = self.experiment.rounds - self.current + 1
        done = self.durations
        each = sum(done) / len(done) if done else expected_s(self.experiment, self.plan)
        begun = self.round_began or now  # nothing is under way while the plan is told
        return max(0.0, each * to_do - (now - begun))


def _violated(runs: Sequence[RunResult]) -> str | None:
    """Why a round must be redone: a guard on the machine or the generator, never a figure of an arm."""
    reasons = []
    for run in runs:
        if run.validity.state is ValidityState.CLIENT_LIMITED:
            reasons.append(f"{run.resident}: client-limited: {'; '.join(run.validity.reasons)}")
        reasons += [
            f"the machine was not quiet: {guard.guard.replace('_', ' ')} {shown(guard.value, guard.unit)}, "
            f"more than {shown(guard.invalid_above, guard.unit)}"
            for guard in run.guards
            if guard.outcome == "invalid" and guard.guard in INVALIDATING
        ]
        reasons += [
            f"{run.resident}: claim broken at the end of the round: {claim.claim}: {claim.evidence}"
            for claim in run.claims
            if not claim.held
        ]
    return "; ".join(dict.fromkeys(reasons)) or None
