"""Phases of the tests: each test is run once, and what measures is run alone."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath

import pytest

from phases import ALONE, PHASES, may_hold, phase_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "packaging"))
import run_tests  # noqa: E402


@pytest.mark.parametrize(
    ("path", "markers", "phase"),
    [
        ("analysis/test_compare.py", (), "computing-1"),
        ("spec/test_smp.py", ("needs_shared", "parametrize"), "computing-1"),
        ("cli/test_load.py", ("needs_native",), "serving-2"),
        ("meshes/test_binaries.py", (), "serving-2"),
        ("load/adapters/test_session.py", (), "serving-1"),
        ("load/test_generators.py", ("needs_native",), "alone"),
        ("experiment/test_residents.py", ("needs_native",), "alone"),
        ("experiment/kinds/test_truth.py", ("needs_native",), "alone"),
        ("e2e/test_run.py", ("e2e", "needs_native"), "alone"),
        ("e2e/test_kill_pods.py", ("e2e", "needs_native"), "serving-2"),
        ("load/test_truth.py", (), "alone"),
        ("test_units.py", (), "alone"),
        ("new/test_new.py", (), "alone"),
    ],
)
def test_what_holds_time_to_the_truth_is_run_alone_and_the_rest_in_shares(
    path: str, markers: tuple[str, ...], phase: str
) -> None:
    assert phase_of(PurePath(path), markers) == phase


def test_a_package_is_looked_into_where_it_may_have_tests_of_the_phase() -> None:
    assert may_hold("computing-1", PurePath("analysis"))
    assert may_hold("computing-1", PurePath("analysis/test_compare.py"))
    assert not may_hold("computing-2", PurePath("analysis"))
    assert not may_hold("computing-1", PurePath("load/adapters"))
    assert may_hold("serving-2", PurePath("e2e"))
    assert may_hold(ALONE, PurePath("analysis"))


def test_every_phase_is_run_and_the_last_one_alone() -> None:
    assert [name for together in run_tests.ORDER for name in together] == list(PHASES)
    assert run_tests.ORDER[-1] == ("alone",)


def test_a_phase_that_fails_fails_all_and_one_without_tests_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    def command(phase: str) -> list[str]:
        code = {"computing-2": 1, "alone": 5}.get(phase, 0)
        return [sys.executable, "-S", "-c", f"print({phase!r}, 'ran'); raise SystemExit({code})"]

    assert run_tests.run(command) == 1
    printed = capfd.readouterr().out
    assert [f"{phase} ran" in printed for phase in PHASES] == [True] * len(PHASES)
    assert run_tests.run(lambda phase: [sys.executable, "-S", "-c", "raise SystemExit(5)"]) == 5


def test_pytest_runs_the_tests_of_one_phase_only(pytestconfig: pytest.Config) -> None:
    chosen = pytestconfig.getoption("--phase")
    assert chosen in (None, "alone"), "this test is run alone"
