"""Joules of a million requests, from a known power."""

from __future__ import annotations

from dataclasses import replace

import pytest
from efficiency_sample import WATTS, ladder_with_use

from ladder_sample import ladder
from meshperf.analysis.energy import arm_energies, why_no_energy
from meshperf.spec.records import Fact

ARMS = ("baseline", "envoy")


def test_joules_are_power_by_the_requests_of_the_same_stretch() -> None:
    made = {(one.arm, one.load_point): one for one in arm_energies(ladder_with_use(), baseline="baseline", arms=ARMS)}
    for arm in ARMS:
        assert made[arm, 0].used.value == pytest.approx(WATTS[arm] / 250 * 1e6)
        assert made[arm, 3].used.value == pytest.approx(WATTS[arm] / 1000 * 1e6)
    assert made["envoy", 0].added.value == pytest.approx(6.0 / 250 * 1e6) and made["baseline", 0].added is None
    assert made["envoy", 0].rate_rps == pytest.approx(250.0) and made["envoy", 0].used.n == 6


def test_runs_without_a_reading_have_no_energy() -> None:
    assert arm_energies(ladder(), baseline="baseline", arms=ARMS) == ()
    unread = [
        replace(run, control={key: value for key, value in run.control.items() if not key.startswith("energy")})
        for run in ladder_with_use()
    ]
    assert arm_energies(unread, baseline="baseline", arms=ARMS) == ()


def test_an_arm_whose_baseline_was_not_read_adds_nothing_that_is_known() -> None:
    runs = [replace(run, control={}) if run.arm == "baseline" else run for run in ladder_with_use()]
    assert {(one.arm, one.added) for one in arm_energies(runs, baseline="baseline", arms=ARMS)} == {("envoy", None)}


def test_energy_is_absent_with_its_reason() -> None:
    assert "no energy counter" in why_no_energy({"host.energy_counters": Fact(unavailable="no energy counter")})
    assert "no run" in why_no_energy({"host.energy_counters": Fact(value="package-0")})
    assert "not known" in why_no_energy({})
