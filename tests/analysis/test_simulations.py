"""Small versions of the simulation tables; `python -m benchmarks simulations` prints the large ones.

Seeds are fixed, so these do not flicker; bounds are wide enough for the few experiments that are made here.
"""

import numpy as np
import pytest

from benchmarks.simulations import TABLES, main
from benchmarks.simulations_coverage import coverage
from benchmarks.simulations_design import drift
from benchmarks.simulations_intervals import intervals
from benchmarks.simulations_planning import planning, stopping
from benchmarks.simulations_resolution import resolution
from benchmarks.simulations_verdicts import equality, minimum, power, whole


def _column(table, name):
    place = table.rows[0].index(name)
    return [row[place] for row in table.rows[1:]]


def _shares(table, name):
    return [float(cell.split()[0]) for cell in _column(table, name)]


def test_every_interval_covers_the_truth():
    table = coverage(3, 60)
    assert {row[0] for row in table.rows[1:]} == {"paired t", "signed-rank HL", "Welch", "rank-sum HL"}
    shares = [float(share) for share in _column(table, "coverage")]
    assert min(shares) >= 0.95 - 4 * 0.028
    assert sum(shares) / len(shares) == pytest.approx(0.957, abs=0.015)


def test_a_drift_is_a_difference_only_to_those_who_measure_one_arm_after_the_other():
    table = drift(3, 60)
    assert max(_shares(table, "t excludes 1")) <= 16
    assert max(_shares(table, "one after the other: Welch excludes")) >= 90
    decided = [row[9] for row in table.rows[1:]]
    assert decided == ["0.0 %"] * len(decided)


def test_verdicts_come_as_often_as_planned():
    table = power(3, 50)
    by = {(row[0], row[1]): row for row in table.rows[1:]}
    assert by["10%", "x1.30"][2] == "100.0 %"
    assert 25 <= float(by["10%", "x1.10"][2].split()[0]) <= 70
    assert by["2%", "x1.10"][2] == "100.0 %"


def test_what_is_promised_is_shown_about_as_often():
    table = minimum(3, 40)
    assert sum(_shares(table, "t alone")) / 15 == pytest.approx(80, abs=6)
    # A verdict also needs Hodges-Lehmann to agree, which costs some of it with few rounds.
    assert 66 <= sum(_shares(table, "shown")) / 15 <= 80


def test_arms_at_the_margin_are_rarely_called_equal_and_beyond_it_never():
    table = equality(3, 60)
    assert max(_shares(table, "x1.05")) <= 15
    assert set(_column(table, "x1.10")) == set(_column(table, "x1/1.10")) == {"0.0 %"}
    assert max(_shares(table, "x1.00")) == 100.0


def test_ending_early_saves_rounds_and_no_honesty():
    table = stopping(3, 25)
    rows = {(row[0], row[1]): row for row in table.rows[1:]}
    assert float(rows["20", "x1.30"][5]) < 8
    assert rows["20", "x1.30"][2] == "100.0 %"
    assert float(rows["20", "x1.00"][2].split()[0]) <= 12
    assert min(_shares(table, "covered at the end")) >= 84


def test_a_planned_experiment_is_as_sharp_as_asked_for():
    shares = _shares(planning(3, 40), "as sharp as wanted")
    assert sum(shares) / len(shares) >= 80


def test_a_family_of_metrics_makes_no_more_false_differences_than_one():
    assert max(_shares(whole(3, 100), "any primary metric")) <= 11


def test_every_other_interval_covers_the_truth_too():
    """All that is published, few experiments each: over all rows the share is near the nominal one."""
    table = intervals(3, 16)
    names = set(_column(table, "interval"))
    assert len(names) > 40
    assert np.mean([float(row[5]) for row in table.rows[1:] if not row[-1]]) == pytest.approx(0.955, abs=0.025)
    unasked = [row for row in table.rows[1:] if row[-1]]
    assert {row[1] for row in unasked} == {"heavy"} and names >= {f"{row[0]}, typical round" for row in unasked}
    assert sum(not finding.limit for finding in table.findings) == len(unasked)


def test_the_command_runs_the_tables_it_is_asked_for(capsys):
    outcome = main(["--seed", "5", "--runs", "5", "--only", "whole"])
    assert "seed 5, 5 experiments a row" in capsys.readouterr().out
    assert set(outcome.data) == {"seed", "runs", "whole"}
    assert len(outcome.findings) == 4
    assert len(TABLES) == 11


def test_experiments_asked_for_a_resolution_reach_it_and_are_seldom_wrong():
    table = resolution(5, 300)
    reached, of = (_shares(table, "as sharp as asked for"), [int(cell) for cell in _column(table, "planned")])
    assert sum(share * count for share, count in zip(reached, of, strict=True)) / sum(of) >= 80
    assert sum(_shares_known(table, "called different")) / 3 <= 5 + 3 * 2.3
    assert min(_shares(table, "p50 covered")) >= 95 - 4 * 4
    assert any(share > 0 for share in _shares(table, "ended early"))


def _shares_known(table, name):
    return [float(cell.split()[0]) for cell in _column(table, name) if cell != "-"]
