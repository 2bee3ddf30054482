"""Experiments that are asked for a resolution: pilot, plan, looks, going on, checking. Load is simulated."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import kept_sample
from meshperf.analysis import comparison_to_document, packaged_rules
from meshperf.cli.compare_pairs import Settings, judge_sources
from meshperf.cli.compare_sources import read_sources
from meshperf.errors import ComparisonError, DocumentError
from meshperf.experiment import runner
from meshperf.experiment.bundle import Bundle, BundleView
from meshperf.experiment.bundle_replacement import replace_bundle
from meshperf.experiment.events import Event
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.planned import execute_planned, make_run_plan, pilot_experiment, planned_experiment
from meshperf.experiment.planned.running import plan_sentence
from meshperf.experiment.rounds import RoundTask
from meshperf.experiment.verification import verify
from meshperf.spec.records import RunResult
from meshperf.spec.run_plan import plan_from_document, plan_to_document

TEXT = kept_sample.TEXT.replace("rounds: 3", "rounds: 12\nslice: 100ms").replace("aa: [baseline]", "aa: []")

ROUGH_PILOT = {1: 0.0, 2: 0.4, 3: -0.4, **dict.fromkeys(range(4, 40), 0.1)}
"""By call: a pilot that scatters by far more than the rounds that follow, so that many are planned and few needed."""


class Machine:
    """Stands in for deployment and load: the sample with the luck of rounds that a test wants, one call a round."""

    def __init__(self) -> None:
        self.calls: list[tuple[bool, int]] = []
        self.durations: list[float] = []
        self.slices: list[float | None] = []
        self.luck: Mapping[int, float] = {}
        """Log amount by which envoy is slower in the n-th call."""
        self.sd = 0.02
        self.killed_at = 0

    def run_round(self, site: object, task: RoundTask) -> tuple[RunResult, ...]:
        self.calls.append((task.pilot, task.plan.round))
        self.durations.append(task.experiment.load[0].duration_s)
        self.slices.append(task.slice_s)
        if len(self.calls) == self.killed_at:
            raise KeyboardInterrupt
        rng = np.random.default_rng([task.plan.seed % 2**32, 5])
        luck = self.luck.get(len(self.calls), float(rng.normal() * self.sd))
        made = kept_sample.round_of(task.plan.round, experiment_id=task.experiment_id, attempt=task.attempt)
        runs = [run for run in made if run.twin == 0]
        design = replace(runs[0].design, pilot=task.pilot)
        return tuple(
            replace(_slower(run, luck) if run.arm == "envoy" else run, run_id=f"{run.run_id}-p", design=design)
            for run in runs
        )


def _slower(run: RunResult, log: float) -> RunResult:
    """The run with every time moved by a whole number of buckets, so that it stays the sum of its slices."""
    from meshperf.histograms import Histogram

    def moved(of: Histogram) -> Histogram:
        steps = round(log / math.log1p(1 / 1024))
        return Histogram.from_pairs((int(i) + steps, int(c)) for i, c in zip(of.index, of.count, strict=True))

    slices = tuple(replace(part, response=moved(part.response)) for part in run.slices)
    return replace(run, slices=slices, response=moved(run.response), service=moved(run.service))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    stand_in = Machine()

    @contextmanager
    def opened(*_: object, environment: str) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(cpus=None, facts=dict)

    monkeypatch.setattr(runner, "LocalSite", SimpleNamespace(open=opened))
    monkeypatch.setattr(runner, "round_facts", lambda site, experiment: kept_sample.facts())
    monkeypatch.setattr(runner, "run_round", stand_in.run_round)
    return stand_in


def execute(folder: Path, resolution: str = "{p50: 8%}", *, resume: bool = False, text: str = TEXT) -> list[Event]:
    """Run as the command line does, to the sealed bundle. Returns what was told."""
    experiment = kept_sample.experiment(folder, f"{text}resolution: {resolution}\n")
    told: list[Event] = []
    out = folder / "out"
    with Bundle.resume(out, experiment) if resume else Bundle.create(out, experiment, command="x") as bundle:
        runs = execute_planned(experiment, bundle, state_dir=folder, listener=told.append)
        judged = judge_runs(experiment, runs, bundle.excluded(), plan=bundle.plan())
        bundle.write_comparison([comparison_to_document(one) for one in judged])
        bundle.seal()
    return told


def problems(out: Path) -> set[str]:
    return {f"{one.file}: {one.message}" for one in verify(out).problems if "figures say" not in one.message}


def test_the_plan_is_fixed_before_anything_counts(tmp_path: Path, machine: Machine) -> None:
    told = execute(tmp_path)
    out = tmp_path / "out"
    plan = BundleView(out).plan()
    assert plan is not None
    assert machine.calls[:3] == [(True, 1), (True, 2), (True, 3)]
    assert machine.calls[3:] == [(False, number) for number in range(1, len(machine.calls) - 2)]
    assert plan.looks[-1] == plan.rounds
    assert sum(plan.alphas) == pytest.approx(0.05)
    assert machine.durations[3] == 5.0 * plan.scale
    assert [event.stage for event in told if event.stage in ("plan", "saved")][:4] == [
        "saved",
        "saved",
        "saved",
        "plan",
    ]
    assert [event.pilot for event in told if event.stage == "saved"][:4] == [True, True, True, False]
    assert {event.rounds for event in told if event.stage == "saved" and not event.pilot} == {plan.rounds}
    assert {run.experiment_id for run in BundleView(out / "pilot").runs()}.isdisjoint(
        {run.experiment_id for run in BundleView(out).runs()}
    )


def test_a_resolution_that_is_met_early_ends_at_a_look_at_its_level(tmp_path: Path, machine: Machine) -> None:
    machine.luck = ROUGH_PILOT
    execute(tmp_path, "{p50: 25%}")
    out = tmp_path / "out"
    plan = BundleView(out).plan()
    (document,) = BundleView(out).comparisons() or ()
    assert plan is not None
    made = len(BundleView(out).finished_rounds())
    assert made == plan.looks[0] < plan.rounds
    assert document["planned"]["early"]
    assert document["planned"]["reached"]
    assert document["alpha"] == plan.alphas[0] < 0.05
    assert document["metrics"][0]["ratio"]["confidence"] == pytest.approx(1 - plan.alphas[0])
    assert problems(out) == set()


@pytest.mark.parametrize("killed_at", [1, 3, 4, 6])
def test_a_run_cut_off_anywhere_goes_on_with_the_same_plan(tmp_path: Path, machine: Machine, killed_at: int) -> None:
    machine.killed_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path)
    out = tmp_path / "out"
    kept = (out / "plan.json").read_bytes() if (out / "plan.json").exists() else None
    assert (kept is None) == (killed_at <= 3)
    assert problems(out) == set(), "what was cut off verifies as far as it goes"
    before = list(machine.calls)
    execute(tmp_path, resume=True)
    again = machine.calls[len(before) :]
    assert again[0] == before[-1], "it goes on with the round that was cut off"
    assert kept is None or (out / "plan.json").read_bytes() == kept
    assert sorted({number for pilot, number in machine.calls if pilot}) == [1, 2, 3]
    assert problems(out) == set()


def test_going_on_after_the_pilot_alone_plans_from_it(tmp_path: Path, machine: Machine) -> None:
    machine.killed_at = 4
    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path)
    planned = (tmp_path / "out" / "plan.json").read_bytes()
    (tmp_path / "out" / "plan.json").unlink()
    machine.killed_at = 0
    machine.calls.clear()
    execute(tmp_path, resume=True)
    assert not any(pilot for pilot, _ in machine.calls)
    assert (tmp_path / "out" / "plan.json").read_bytes() == planned


def test_too_few_rounds_are_told_before_they_are_made_and_made_all_the_same(tmp_path: Path, machine: Machine) -> None:
    machine.sd = 0.15
    told = execute(tmp_path, "{p50: 1%}")
    note = next(event.note for event in told if event.stage == "plan")
    assert "needs more than 200 rounds" in note
    assert "the file allows 12" in note
    assert "the half-width will be about p50 +/-" in note
    (document,) = BundleView(tmp_path / "out").comparisons() or ()
    assert len(BundleView(tmp_path / "out").finished_rounds()) == 12
    assert document["planned"]["needed"] is None
    assert not document["planned"]["reached"]
    assert "not yet as sharp" in document["planned"]["why"]
    assert problems(tmp_path / "out") == set()


def test_rounds_made_past_the_look_that_ended_it_are_found(tmp_path: Path, machine: Machine) -> None:
    machine.luck = ROUGH_PILOT
    execute(tmp_path, "{p50: 25%}")
    out = tmp_path / "out"
    experiment = kept_sample.experiment(tmp_path, f"{TEXT}resolution: {{p50: 25%}}\n")
    plan = BundleView(out).plan()
    assert plan is not None
    with Bundle.resume(out, experiment) as bundle:
        runner.execute(planned_experiment(experiment, plan), bundle, state_dir=tmp_path, listener=lambda event: None)
        judged = judge_runs(experiment, bundle.runs(), bundle.excluded(), plan=plan)
        bundle.write_comparison([comparison_to_document(one) for one in judged])
        bundle.seal()
    found = problems(out)
    assert any(f"the look after round {plan.looks[0]} ended the experiment" in one for one in found), (
        plan.looks,
        found,
    )


def test_a_plan_that_does_not_follow_from_its_pilot_is_found(tmp_path: Path, machine: Machine) -> None:
    execute(tmp_path)
    out = tmp_path / "out"
    document = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps({**document, "power": 0.5}))
    assert any(one.startswith("plan.json: says 0.5, the runs in pilot/ say 0.8") for one in problems(out))
    (out / "plan.json").unlink()
    assert any("there is no plan" in one for one in problems(out))


def test_a_changed_pilot_is_found(tmp_path: Path, machine: Machine) -> None:
    execute(tmp_path)
    run = next((tmp_path / "out" / "pilot" / "results").glob("*.json"))
    run.write_text(run.read_text().replace('"ok":', '"ok": '))
    assert any(one.startswith("pilot/results/") for one in problems(tmp_path / "out"))


def test_a_bundle_with_a_pilot_may_be_written_over(tmp_path: Path, machine: Machine) -> None:
    machine.killed_at = 3
    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path)
    experiment = kept_sample.experiment(tmp_path, f"{TEXT}resolution: {{p50: 8%}}\n")
    with replace_bundle(tmp_path / "out", lambda folder: Bundle.create(folder, experiment, command="x")) as bundle:
        assert bundle.pilot() is None


def test_an_experiment_without_resolution_is_judged_at_5_percent_and_knows_no_plan(tmp_path: Path) -> None:
    view = BundleView(kept_sample.bundle(tmp_path))
    (document,) = view.comparisons() or ()
    assert document["alpha"] == 0.05
    assert document["planned"] is None
    assert view.plan() is None
    assert view.pilot() is None


def _pilot(tmp_path: Path, machine: Machine, resolution: str, **changes: object) -> tuple[object, list[RunResult]]:
    experiment = kept_sample.experiment(tmp_path, f"{TEXT}resolution: {resolution}\n")
    experiment = replace(experiment, **changes)  # type: ignore[arg-type]
    runs = [
        run
        for number in (1, 2, 3)
        for run in machine.run_round(
            None,
            SimpleNamespace(  # type: ignore[arg-type]
                pilot=True,
                plan=SimpleNamespace(round=number, seed=number),
                experiment=experiment,
                slice_s=0.1,
                experiment_id="p",
                attempt=0,
            ),
        )
    ]
    return experiment, runs


def test_the_wall_time_of_a_round_is_that_from_load_to_load(tmp_path: Path, machine: Machine) -> None:
    experiment, runs = _pilot(tmp_path, machine, "{p50: 8%}")
    plan = make_run_plan(experiment, runs)  # type: ignore[arg-type]
    # The sample's rounds begin a minute apart, and their load takes five seconds.
    assert plan.round_s == pytest.approx(55 + 5 * plan.scale)
    broken = [replace(r, start_time=r.start_time + timedelta(hours=r.round == 3)) for r in runs]
    assert make_run_plan(experiment, broken).round_s < 3600  # type: ignore[arg-type]


def test_deployments_that_cost_much_make_rounds_longer_never_fewer_than_needed(
    tmp_path: Path, machine: Machine
) -> None:
    experiment, runs = _pilot(tmp_path, machine, "{p50: 3%}")
    slow = [replace(r, start_time=(t := r.start_time + timedelta(hours=r.round)), end_time=t + timedelta(seconds=5))
            for r in runs]  # fmt: skip
    dear, cheap = make_run_plan(experiment, slow), make_run_plan(experiment, runs)  # type: ignore[arg-type]
    assert dear.scale >= cheap.scale
    assert dear.rounds <= cheap.rounds


def test_a_p99_makes_the_pilot_as_long_as_it_must_be(tmp_path: Path) -> None:
    text = TEXT.replace("rate: 500", "rate: 1000")
    experiment = kept_sample.experiment(tmp_path, f"{text}resolution: {{p99: 20%}}\n")
    assert pilot_experiment(experiment).load[0].duration_s == 20.0
    assert pilot_experiment(replace(experiment, resolution={"p50": 0.1})).load[0].duration_s == 5.0
    assert pilot_experiment(experiment).rounds == 3
    assert pilot_experiment(experiment).seed != experiment.seed


def test_a_closed_loop_too_slow_for_a_p99_is_refused_after_the_pilot(tmp_path: Path, machine: Machine) -> None:
    closed = TEXT.replace("rate: 500, ", "").replace("arrivals: poisson", "arrivals: closed")
    experiment = kept_sample.experiment(tmp_path, f"{closed}resolution: {{p99: 20%}}\n")
    _, runs = _pilot(tmp_path, machine, "{p50: 8%}")
    with pytest.raises(DocumentError, match="10000 counted requests") as refused:
        make_run_plan(experiment, runs)
    assert refused.value.code == "MP2107"
    assert "write `duration:" in str(refused.value.hint)


def test_a_metric_that_no_pilot_round_tells_is_refused(tmp_path: Path, machine: Machine) -> None:
    experiment, runs = _pilot(tmp_path, machine, "{memory: 8%}")
    silent = [replace(r, resources=tuple(replace(u, private_bytes=None) for u in r.resources)) for r in runs]
    with pytest.raises(ComparisonError, match="no pilot round tells memory of `envoy`") as refused:
        make_run_plan(experiment, silent)  # type: ignore[arg-type]
    assert refused.value.code == "MP4002"


def test_a_plan_is_read_as_it_was_written_and_a_wrong_one_refused(tmp_path: Path, machine: Machine) -> None:
    experiment, runs = _pilot(tmp_path, machine, "{p50: 8%}")
    plan = make_run_plan(experiment, runs)  # type: ignore[arg-type]
    document = json.loads(json.dumps(plan_to_document(plan)))
    assert plan_from_document(document) == plan
    assert "p50 +/-8 %" in plan_sentence(plan)
    for wrong in ({"version": 2}, {"looks": [9, 3]}, {"alphas": [0.05, 0.01, 0.2]}, {"rounds": 999}):
        with pytest.raises(DocumentError) as refused:
            plan_from_document({**document, **wrong})
        assert refused.value.code == "MP2201"


def test_a_bundle_that_is_compared_again_keeps_its_level_and_its_plan(tmp_path: Path, machine: Machine) -> None:
    machine.luck = ROUGH_PILOT
    execute(tmp_path, "{p50: 25%}")
    (shown,) = judge_sources(
        read_sources([str(tmp_path / "out")]), Settings(subject=("mesh",), margins={}, rules=packaged_rules())
    )
    (published,) = BundleView(tmp_path / "out").comparisons() or ()
    assert shown.comparison.alpha == published["alpha"] < 0.05
    assert shown.comparison.planned is not None
    assert shown.comparison.planned.made == published["planned"]["made"]
