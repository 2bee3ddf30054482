"""The answers of all test kinds as tables: every figure with its interval and verdict, and no row that says nothing."""

from __future__ import annotations

import pytest

import run_sample
from meshperf.report.kinds import answer, rules, stages
from meshperf.report.tables import Tone
from meshperf.spec.kinds import (
    Bounded,
    DriftOutcome,
    ErrorBurst,
    Kind,
    KindOutcome,
    KneeOutcome,
    LoadOutcome,
    ObjectiveBreak,
    SlopeOutcome,
    SoakOutcome,
    SpikeOutcome,
    StepState,
    StressOutcome,
)


def bounded(value: float, low: float | None, high: float | None, unit: str) -> Bounded:
    return Bounded(value=value, low=low, high=high, confidence=0.95, n=9, unit=unit)


LOAD = LoadOutcome(
    offered_rps=200.0,
    achieved_rps=199.5,
    held=True,
    drift=(
        DriftOutcome(
            metric="p50", level_s=0.001, change=bounded(0.3, 0.2, 0.4, "1"), margin=0.05, verdict="drifting", rule="R1"
        ),
    ),
)
STRESS = StressOutcome(
    breaks=(
        ObjectiveBreak(objective="p99 <= 50ms", held_at_rps=1_000.0, broke_at_rps=1_250.0, value=0.2, unit="s"),
        ObjectiveBreak(objective="errors <= 1%", held_at_rps=1_250.0, broke_at_rps=None),
    ),
    first_broken=("p99 <= 50ms",),
    first_component="workload",
    first_component_at_rps=1_250.0,
    busy_limit=0.9,
    stopped_by="2 steps in a row that did not hold",
    rule="R2",
)
SOAK = SoakOutcome(
    slopes=(
        SlopeOutcome(
            quantity="private_bytes", component="workload", slope=bounded(1_000.0, 900.0, 1_100.0, "B/s"), level=1e7,
            detectable=50.0, limit=291.0, verdict="leak", rule="R3",
        ),
        SlopeOutcome(
            quantity="p50_s", component="response", slope=bounded(-1e-12, None, None, "s/s"), level=0.001,
            detectable=None,
        ),
    ),
    leak="leak",
    peaks=3,
    restarts={"workload": 2, "sidecar": 0},
    held=False,
    rule="R3",
)  # fmt: skip
SPIKE = SpikeOutcome(
    before_rps=200.0, peak_rps=1_500.0, metric="p90", level_s=0.0015, band_s=0.003, highest_s=0.62,
    peak_quantile_s=0.61, errors=ErrorBurst(failed=30, requests=3_000, begin_s=0.5, duration_s=1.5),
    recovery=bounded(0.8, 0.7, 0.8, "s"), verdict="recovered", watched_s=6.0, rule="R4",
)  # fmt: skip
KNEE = KneeOutcome(metric="p99", knee_rps=800.0, low_rps=600.0, high_rps=None, verdict="beyond", rule="R5")


def rows(kind: Kind, **part: object) -> dict[str, list[str]]:
    table = answer(KindOutcome(kind=kind, **part))  # type: ignore[arg-type]
    assert all(row[0].text and any(cell.text for cell in row[1:]) for row in table.rows)
    texts = [[cell.text.replace("\u00a0", " ") for cell in row] for row in table.rows]
    return {name: figures for name, *figures in texts}


def test_a_plateau_tells_whether_it_held_and_how_it_drifted() -> None:
    found = rows(Kind.LOAD, load=LOAD)
    assert found["rate held on the plateau"] == ["199.5/s", "of 200/s", "held"]
    assert found["p50 from begin to end"] == ["+30 %", "+20 % to +40 %", "drifting"]


def test_a_stress_test_tells_what_broke_first_and_what_did_not() -> None:
    found = rows(Kind.STRESS, stress=STRESS)
    assert found["p99 <= 50ms breaks at (first)"] == ["1250/s", "held at 1000/s", "broken"]
    assert found["errors <= 1% breaks at"] == ["did not break", "held at 1250/s", "held"]
    assert found["first component busy more than 90 %"] == ["workload", "at 1250/s", ""]
    note = answer(KindOutcome(kind=Kind.STRESS, stress=STRESS, complete=False, ended="Ctrl-C")).note
    assert "Ctrl-C" in note and "2 steps in a row" in note


def test_a_soak_tells_slopes_by_the_hour_and_restarts() -> None:
    found = rows(Kind.SOAK, soak=SOAK)
    assert found["memory over the whole plateau"][2] == "leak"
    assert found["objectives"][2] == "broken"
    # 1000 B/s are 3.6 MB an hour, 3.43 MiB
    assert found["private_bytes of workload, an hour"] == ["3.43 MiB", "3.09 MiB to 3.78 MiB", "leak"]
    assert found["p50_s of response, an hour"][1] == "no interval"
    assert found["workload found gone"] == ["2", "", ""]
    assert "sidecar found gone" not in found


def test_a_spike_tells_recovery_and_errors() -> None:
    found = rows(Kind.SPIKE, spike=SPIKE)
    assert found["time to recover after the peak"] == ["800 ms", "700 ms to 800 ms", "recovered"]
    assert found["failed from the peak on"] == ["30", "1 %, over 1.5 s", ""]


def test_a_sweep_tells_its_knee_and_a_bound_that_is_missing_is_left_out() -> None:
    assert rows(Kind.SWEEP, sweep=KNEE) == {"knee of p99 against rate": ["800/s", "600/s", "beyond"]}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"load": LOAD}, ("R1",)),
        ({"stress": STRESS}, ("R2",)),
        ({"soak": SOAK}, ("R3",)),
        ({"spike": SPIKE}, ("R4",)),
        ({"sweep": KNEE}, ("R5",)),
    ],
)
def test_every_rule_is_said_once(part: dict[str, object], said: tuple[str, ...]) -> None:
    assert rules(KindOutcome(kind=Kind.LOAD, **part)) == said  # type: ignore[arg-type]


def test_no_stage_that_could_not_be_judged_is_good_or_bad() -> None:
    steps = tuple(run_sample.step("step", 100.0, state, reason="why") for state in StepState)
    tones = {row[-1].text: row[-1].tone for row in stages(KindOutcome(kind=Kind.STRESS, steps=steps)).rows}
    assert {name for name, tone in tones.items() if tone is Tone.GOOD} == {"held"}
    assert {name for name, tone in tones.items() if tone is Tone.BAD} == {"failed"}
    assert len(tones) == len(StepState)
