"""Progress in a log: a line is a line, however narrow a terminal somebody assumes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from meshperf.cli.output import consoles
from meshperf.cli.progress import ExperimentProgress, describe
from meshperf.experiment.events import Event

LONG = Event(stage="saved", round=1, rounds=9, elapsed_s=1.0, left_s=61.0, note="a word " * 30, achieved_rps=1234.5)


def test_a_line_in_a_log_is_not_broken() -> None:
    log = io.StringIO()
    with ExperimentProgress(Console(file=log, width=40)) as progress:
        progress.show(LONG)
    assert log.getvalue().splitlines() == [describe(LONG)]


def test_what_is_told_is_not_broken_either(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "results go to /a/" + "folder with a name/" * 20
    _, to_tell = consoles()
    to_tell.print(path, markup=False)
    assert capsys.readouterr().err == f"{path}\n"


def test_rounds_of_the_pilot_are_told_apart_and_a_plan_belongs_to_no_round() -> None:
    pilot = Event(stage="measuring", round=1, rounds=3, elapsed_s=1.0, left_s=None, pilot=True)
    assert describe(pilot) == "pilot round 1/3 · measuring"
    plan = Event(stage="plan", round=0, rounds=12, elapsed_s=1.0, left_s=None, note="12 rounds")
    assert describe(plan) == "plan · 12 rounds"
