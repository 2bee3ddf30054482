"""What the shapes are held against, on simulated rounds whose prices and lines are known."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.findings import Finding
from benchmarks.price_list import EXAMPLE, shortened
from benchmarks.price_list import judged as judged_list
from benchmarks.real_experiments import Measured
from benchmarks.shapes_truth import ARMS, RATES, experiment, found_in, judged
from meshperf.spec.experiment import Experiment, read_experiment
from meshperf.spec.records import RunResult

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from simulated import BARE, ENVOY, HOST, constant_run, facts_of

GROUPS = (("client", "tcp"), ("tcp-2", "tcp-mtls"), ("tcp-3", "http"), ("http-2", "mtls"))
ADDED = {"client": 100e-6, "tcp": 200e-6, "tcp-mtls": 290e-6, "http": 340e-6, "mtls": 430e-6}
"""What each arm adds to the baseline [s]; those that are deployed again add the same."""
BASE_S = 1e-3
REST = "residual of the steps' sum, CPU per request"


@pytest.fixture
def asked(tmp_path: Path) -> Experiment:
    path = tmp_path / "shapes.yaml"
    path.write_text(experiment(rounds=6, seconds=1.0, seed=1))
    return read_experiment(path)


def cost(arm: str, changed: dict[str, float]) -> float:
    name = arm.rpartition("-")[0] if arm[-1].isdigit() else arm
    return {"baseline": 0.0, **ADDED, **changed}[name]


def rounds(changed: dict[str, float] | None = None, *, number: int = 6, bend: float = 0.0) -> list[RunResult]:
    """Every arm at every rate; `bend` adds CPU time at the highest rate, as a share."""
    runs = []
    for one in range(1, number + 1):
        for point, rate in enumerate(RATES):
            for group, arms in enumerate(GROUPS):
                for arm in ("baseline", *arms):
                    seconds = BASE_S + cost(arm, changed or {}) + one * 1e-7 * (len(arm) % 3)
                    cpu = seconds * (1 + bend * (point == len(RATES) - 1))
                    own = BARE if arm == "baseline" else ENVOY
                    runs.append(
                        constant_run(
                            seconds, arm=arm, round=one, group=group, load_point=point, cpu_s=cpu * 10 * rate,
                            facts=facts_of({**HOST, **own}), requests=10 * rate, measured_s=10.0,
                            run_id=f"r{one}-g{group}-l{point}-{arm}",
                        )
                    )  # fmt: skip
    return runs


def found(asked: Experiment, runs: list[RunResult]) -> dict[str, Finding]:
    measured = Measured(experiment=asked, runs=runs, bundle=Path())
    return {one.what: one for one in judged(*found_in(measured))}


def test_costs_of_the_known_shape_meet_all_that_is_asked(asked: Experiment) -> None:
    told = found(asked, rounds())
    shapes = [name for name in told if " < " in name]
    assert len(shapes) == 6
    assert [told[name].met for name in shapes] == [True] * 6
    rest = told[REST]
    assert rest.met and rest.value == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({"client": -50e-6}, {"direct < one hop: p50", "direct < one hop: cpu_per_request"}),
        ({"tcp": 90e-6}, {"one hop < two hops: p50", "one hop < two hops: cpu_per_request", REST}),
        ({"http": 190e-6}, {"TCP < HTTP: cpu_per_request", REST}),
        ({"mtls": 330e-6}, {"HTTP < HTTP + mTLS: cpu_per_request", REST}),
        ({"mtls": 640e-6}, {REST}),
    ],
)
def test_another_shape_is_missed(asked: Experiment, changed: dict[str, float], missed: set[str]) -> None:
    told = found(asked, rounds(changed))
    assert {name for name, one in told.items() if one.met is False and "line" not in name} == missed


def test_one_round_shows_no_shape(asked: Experiment) -> None:
    told = found(asked, rounds(number=1))
    assert all(one.met is None and "no interval" in one.note for name, one in told.items() if " < " in name)


def test_cpu_time_that_bends_is_off_its_line(asked: Experiment) -> None:
    straight, bent = found(asked, rounds()), found(asked, rounds(bend=1.0))
    for arm in ARMS:
        name = f"CPU of {arm} off its line, worst rate"
        assert straight[name].met is not bent[name].met, (straight[name], bent[name])
        assert not bent[name].met


def test_the_example_of_prices_is_shortened_to_one_load_point(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(shortened(EXAMPLE.read_text(), load_point=1, rounds=2))
    whole, short = read_experiment(EXAMPLE), read_experiment(path)
    assert short.load == whole.load[1:2] and short.rounds == 2
    assert dict(short.arms) == dict(whole.arms) and list(short.arms) == list(whole.arms)
    assert short.subject == whole.subject and short.slice_s == whole.slice_s


def test_a_step_without_a_price_is_missed(asked: Experiment) -> None:
    runs = [run for run in rounds() if run.arm != "tcp-mtls"]
    ladder, _ = found_in(Measured(experiment=asked, runs=runs, bundle=Path()))
    first, rest = judged_list(ladder)
    assert first.met is False and "tcp-mtls" in first.note
    assert rest.met is None and rest.value is None
    assert math.isnan(ladder.sum("cpu_per_request").share)
    whole = replace(ladder, prices=tuple(one for one in ladder.prices if not one.missing))
    assert judged_list(whole)[0].met
