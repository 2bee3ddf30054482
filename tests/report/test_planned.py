"""What a reader is told of an experiment whose rounds a pilot planned, on the terminal and in every report."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import sample
from rich.console import Console

from meshperf.analysis import Comparison, PlannedEnd, comparison_from_document, comparison_to_document
from meshperf.report import terminal
from meshperf.report.assembly import assemble
from meshperf.report.planned import planned_rows, planned_sentences

END = PlannedEnd(
    resolution={"p50": 0.05, "cpu_per_request": 0.03},
    planned=16,
    made=9,
    needed=16,
    pilot_rounds=3,
    scale=2.0,
    looks=(6, 9, 12, 15, 16),
    early=True,
    reached=True,
    why="the look after round 9 found every interval as sharp as asked for",
)


def _planned(**changes: object) -> Comparison:
    comparison: Comparison = sample.clean()[0]
    return replace(comparison, planned=replace(END, **changes), alpha=0.0025)  # type: ignore[arg-type]


def test_an_early_end_is_told_with_its_rounds_its_looks_and_its_level() -> None:
    text = " ".join(planned_sentences(_planned()))
    assert "p50 ±5" in text
    assert "16 rounds were planned from a pilot of 3 that does not count, 9 were made" in text
    assert "the look after round 9 found every interval as sharp as asked for" in text
    assert "alpha 0.0025 (99.8\u00a0% intervals)" in text


def test_a_resolution_that_was_not_reached_says_so_and_what_it_would_have_taken() -> None:
    text = " ".join(planned_sentences(_planned(reached=False, early=False, needed=40, made=16)))
    assert "not reached" in text
    assert "It was planned to take 40 rounds, more than the experiment allows" in text
    assert "more than 200 rounds" in " ".join(planned_sentences(_planned(needed=None)))


def test_an_experiment_without_a_plan_says_nothing_of_one() -> None:
    comparison = sample.clean()[0]
    assert planned_sentences(comparison) == ()
    assert planned_rows(comparison) == []


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_tells_it(width: int) -> None:
    out = io.StringIO()
    terminal(_planned(), Console(file=out, width=width))
    words = " ".join(out.getvalue().split())
    assert "16 rounds were planned from a pilot of 3" in words
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_every_form_of_the_report_tells_it() -> None:
    files = assemble([_planned()], [], experiment_text="", command="meshperf run x", facts={}, charts=False)
    for name in ("report.html", "report.md"):
        assert "the look after round 9 found every interval as sharp as asked for" in files[name].decode()
    (carried,) = json.loads(files["data.json"])["comparisons"]
    assert carried["planned"]["made"] == 9
    assert carried["alpha"] == 0.0025


def test_a_comparison_keeps_its_plan_in_its_document_and_older_documents_have_none() -> None:
    document = comparison_to_document(_planned())
    assert comparison_from_document(json.loads(json.dumps(document))).planned == END
    del document["planned"]
    assert comparison_from_document(document).planned is None
