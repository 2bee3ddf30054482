"""`meshperf doctor --aa`: floors and lengths from an A/A test that is simulated, so that the truth is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from meshperf.analysis import Estimate, NoiseFloor, RoundFigure
from meshperf.cli import doctor_aa, main
from meshperf.experiment.aa_test import Resolution, lengths_to_see
from meshperf.units import Unit


def _floor(metric: str, sd: float, *, judged: bool = True) -> NoiseFloor:
    logs = np.random.default_rng(8).normal(size=6)
    logs = (logs - logs.mean()) / logs.std(ddof=1) * sd
    half = 2.571 * sd / math.sqrt(6)
    low, high = (math.exp(-half), math.exp(half)) if judged else (math.nan, math.nan)
    rounds = tuple(
        RoundFigure(round=number + 1, baseline=1e-3, candidate=1e-3 * math.exp(log), ratio=math.exp(log))
        for number, log in enumerate(logs)
    )
    ratio = Estimate(value=1.0, low=low, high=high, confidence=0.95, n=6, unit=Unit.RATIO)
    return NoiseFloor(arm="baseline", metric=metric, ratio=ratio, floor=math.expm1(half), holds=True, rounds=rounds)


SEEN = Resolution(
    floors=(_floor("p50", 0.02), _floor("p90", 0.06), _floor("mean", 0.9), _floor("p99", 0.2, judged=False)),
    reasons=("round 2, baseline: the machine was not quiet [steal]",),
    blocks=20,
    counted_s=2.0,
    requests=1000,
    load_s=5.0,
    round_s=8.0,
)


def test_a_rougher_metric_takes_a_longer_experiment() -> None:
    p50, p90, mean, p99 = lengths_to_see(SEEN, 0.05)
    assert p50.rounds is not None
    assert p90.rounds is not None
    assert 3 <= p50.rounds < p90.rounds
    assert p50.minutes is not None
    assert p50.counted_s == 2.0, "nothing tells what a shorter round would scatter"
    assert p50.minutes == pytest.approx(p50.rounds * 8.0 / 60)
    assert (mean.rounds, mean.why) == (None, "takes more than 200 rounds on this machine")
    assert p99.why == "takes 10000 counted requests per arm and round, about 20 s at this rate"


def test_a_smaller_difference_takes_more_rounds() -> None:
    coarse, fine = lengths_to_see(SEEN, 0.10)[0], lengths_to_see(SEEN, 0.03)[0]
    assert coarse.rounds is not None
    assert fine.rounds is not None
    assert coarse.rounds < fine.rounds


def test_the_lengths_are_told_metric_by_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths = lengths_to_see(SEEN, doctor_aa.SHARE)
    with (console := Console(width=200)).capture() as told:
        doctor_aa.show_aa(SEEN, lengths, console)
    text = told.get()
    assert f"to see 5% (p50): {lengths[0].rounds} rounds of 2 s, about {lengths[0].minutes:.1f} minutes" in text
    assert "2.1%" in text
    assert "not judged" in text
    assert "does not count: round 2, baseline: the machine was not quiet [steal]" in text


def test_as_json_unknown_is_null(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor_aa, "resolution", lambda **_: SEEN)
    assert doctor_aa.run_aa(rate=500.0, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["metric"] for one in document["lengths"]] == ["p50", "p90", "mean", "p99"]
    assert document["floors"][3]["ratio"]["low"] is None
    assert document["lengths"][2]["rounds"] is None
    assert document["validity"] == list(SEEN.reasons)


def test_a_machine_on_which_no_round_counts_has_no_floor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    none = Resolution(floors=(), reasons=SEEN.reasons, blocks=20, counted_s=2.0, requests=9, load_s=5.0, round_s=8.0)
    monkeypatch.setattr(doctor_aa, "resolution", lambda **_: none)
    assert doctor_aa.run_aa(rate=500.0, as_json=False) == 4
    assert "no round counts" in capsys.readouterr().out


@pytest.mark.parametrize("other", ["--generators", "--no-measure"])
def test_it_is_a_measurement_of_its_own(
    other: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", "--aa", other]) == 2
    assert "MP1002" in capsys.readouterr().err
