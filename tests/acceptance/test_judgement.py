"""Acceptance tests of the judgement: identical arms, known differences, and drift.

Few experiments of each kind here, with three sampling errors of their number added to what is allowed; the full tables
are those of `python -m benchmarks simulations`. Every experiment is a set of result records, judged by the product; it
is tried first that records which were written as documents and read again are judged alike.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.simulated_documents import Logs, Noise, documents, paired
from benchmarks.simulations_verdicts import ORDER, RULE
from meshperf.analysis import Comparison, Terms, Verdict, compare, comparison_to_document, judge_paired
from meshperf.cli import main
from meshperf.report import wording
from meshperf.report.console import show
from meshperf.spec.records import RunResult
from meshperf.spec.smp_read import result_from_document
from meshperf.spec.smp_write import result_to_document
from tests.analysis.simulated import BARE, ENVOY, HOST, MARGINS, Simulation, facts_of
from tests.e2e.command import Command

DIFFERENT = (Verdict.BETTER, Verdict.WORSE)
P50 = Terms(arm="envoy", against="baseline", grade="A", family=("p50",), metrics=("p50",), margins={"p50": 0.05})


def test_written_and_read_again_an_experiment_is_judged_the_same() -> None:
    runs = Simulation(requests=300, run_sd=0.05, cpu_sd=0.05, twins=("envoy",)).run(1)
    kept = [result_from_document(json.loads(json.dumps(result_to_document(run)))) for run in runs]
    assert comparison_to_document(_compared(kept)) == comparison_to_document(_compared(runs))


def test_1_identical_arms_are_called_different_no_more_often_than_agreed() -> None:
    """Any of the primary metrics, at 5 % for all of them together: at most 8.5 % of 200 experiments."""
    wrong = 0
    for seed in range(200):
        comparison = _compared(Simulation(requests=300, run_sd=0.05, cpu_sd=0.05).run(seed))
        wrong += any(metric.verdict in DIFFERENT for metric in comparison.metrics if metric.primary)
    assert wrong / 200 <= 0.085


def test_1_the_printed_noise_floor_is_the_half_width_of_the_interval() -> None:
    simulation = Simulation(requests=300, run_sd=0.05, twins=("baseline", "envoy"))
    seen = 0
    for seed in range(5):
        comparison = _compared(simulation.run(seed))
        printed = StringIO()
        show(comparison, Console(file=printed, width=160, no_color=True))
        lines = printed.getvalue().splitlines()
        for floor in comparison.noise_floors:
            if math.isnan(floor.ratio.low):  # rounds merged: no interval
                continue
            half = math.sqrt(floor.ratio.high / floor.ratio.low) - 1
            observed = math.exp(abs(math.log(floor.ratio.value))) - 1
            # An interval that misses 1 has seen more than its half-width, and says so.
            assert floor.floor == pytest.approx(half if floor.holds else observed)
            name = f"{floor.arm}, {wording.metric_name(floor.metric)}"
            (line,) = (each for each in lines if name in each and "+/-" in each)
            assert f"+/-{wording.plain(wording.share(floor.floor))}" in line
            seen += floor.holds
    assert seen >= 40


class _NoiseAllowed(Command):
    """A `meshperf` whose rounds count though others use the machine: here a floor is wanted, not a small one."""

    def arguments(self, *arguments: str | Path) -> list[str]:
        code = (
            "import sys; from meshperf.experiment import rounds; from meshperf.load import validity; "
            "from meshperf.cli import main; rounds.noise_guards = lambda noise: ((), ()); "
            "validity.DELAY_FLOOR_S = validity.LATE_READ_FLOOR_S = validity.QUEUE_LIMIT = 1.0; "
            "sys.exit(main(sys.argv[1:]))"
        )
        return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.mark.e2e
@pytest.mark.needs_native
def test_1_a_real_arm_against_itself_reports_its_floor(tmp_path: Path) -> None:
    done = _NoiseAllowed(tmp_path).run("doctor", "--rate", "100", "--json", timeout=200)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    floors = {floor["metric"]: floor for floor in told["resolution"]}
    assert told["validity"] == []
    p50 = floors["p50"]
    half = math.sqrt(p50["ratio"]["high"] / p50["ratio"]["low"]) - 1
    assert p50["ratio"]["n"] == 3 and 0 < half <= p50["floor"]
    assert p50["holds"] is (p50["ratio"]["low"] <= 1 <= p50["ratio"]["high"])
    assert not p50["holds"] or p50["floor"] == pytest.approx(half)


@pytest.mark.parametrize("cv", [0.02, 0.05, 0.10])
def test_2_a_known_ratio_is_judged_as_often_as_the_rule_says(cv: float) -> None:
    """Verdicts over ten rounds against the rule's own frequencies: three points, and the sampling error."""
    drawn = 150
    for place, ratio in enumerate((1.00, 1.03, 1.10, 1.30)):
        rng, noise = np.random.default_rng([7, place, round(100 * cv)]), Noise(sd=cv)
        verdicts = Counter(_p50(noise.draw(rng, 10), noise.draw(rng, 10) + math.log(ratio)) for _ in range(drawn))
        for verdict, wanted in zip(ORDER, RULE[cv, ratio], strict=True):
            error = math.sqrt((wanted * (1 - wanted) + 1 / drawn) / drawn)
            assert verdicts[verdict] / drawn == pytest.approx(wanted, abs=0.03 + 3 * error), (ratio, verdict)
        if ratio >= 1.10:
            assert not verdicts[Verdict.EQUIVALENT]


def test_3_arms_measured_one_after_the_other_while_the_machine_drifts_get_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """15 % over the session, no difference at all: every such import would be a false difference."""
    files = _imported(tmp_path, _drifting(np.random.default_rng(3), 10, sequential=True), sequential=True)
    assert main(["compare", *files, "--subject", "mesh", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    (p50,) = (metric for metric in found["metrics"] if metric["metric"] == "p50")
    assert p50["ratio"]["low"] > 1 or p50["ratio"]["high"] < 1
    assert p50["verdict"] == "inconclusive" and "indicative" in p50["reason"]
    assert {metric["verdict"] for metric in found["metrics"]} == {"inconclusive"}


def test_3_sessions_of_one_arm_each_are_indicative_at_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures, imported as what they are: two experiments without a baseline of their own."""
    arms = _drifting(np.random.default_rng(3), 10, sequential=True)
    files = _imported(tmp_path, arms, sequential=True, apart=True)
    assert main(["compare", *files, "--subject", "mesh", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert found["comparability"]["grade"] == "D"
    assert {metric["verdict"] for metric in found["metrics"]} == {"inconclusive"}


@pytest.mark.parametrize("rounds", [6, 10])
def test_3_arms_in_random_order_inside_rounds_survive_the_drift(rounds: int) -> None:
    """At most 6 % of the experiments, with three sampling errors of their number."""
    drawn = 300
    rng = np.random.default_rng([11, rounds])
    wrong = sum(_p50(*_drifting(rng, rounds, sequential=False)) in DIFFERENT for _ in range(drawn))
    assert wrong / drawn <= 0.06 + 3 * math.sqrt(0.06 * 0.94 / drawn)


def _compared(runs: list[RunResult]) -> Comparison:
    twins = tuple(dict.fromkeys(run.arm for run in runs if run.twin))
    (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS, aa=twins)
    return comparison


def _p50(baseline: Logs, candidate: Logs) -> Verdict:
    (judged,) = judge_paired(paired(*documents(baseline, candidate)), P50)
    return judged.comparison.verdict


def _drifting(rng: np.random.Generator, rounds: int, *, sequential: bool) -> tuple[Logs, Logs]:
    """Two identical arms on a machine that gets 15 % slower, or faster, from the first slot to the last."""
    slots = np.arange(2 * rounds)
    level = rng.choice([-1.0, 1.0]) * 0.15 * slots / slots[-1]
    if not sequential:
        level = rng.permuted(level.reshape(rounds, 2), axis=1).T.ravel()
    figures = level + rng.normal(size=2 * rounds) * 0.03
    return figures[:rounds], figures[rounds:]


def _imported(folder: Path, arms: tuple[Logs, Logs], *, sequential: bool, apart: bool = False) -> Iterator[str]:
    """One file of result documents an arm. `apart`: each arm is an experiment of its own."""
    for runs, own in zip(documents(*arms, sequential=sequential), (BARE, ENVOY), strict=True):
        name = runs[0].arm
        path = folder / f"{name}.json"
        of = {"experiment": name, "experiment_id": name} if apart else {}
        own = {**own, "security.mtls": "off", "security.tls_version": "none"}  # neither is a baseline of the other
        made = [replace(run, facts=facts_of({**HOST, **own}), **of) for run in runs]
        path.write_text(json.dumps([result_to_document(run) for run in made]))
        yield str(path)
