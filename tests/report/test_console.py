"""The verdict on a terminal: readable at 80 columns, without colour, and with hostile names."""

import io
import re
from dataclasses import replace

import pytest
import sample
from rich.console import Console

from meshperf.report import terminal


def shown(comparison, *, width: int = 80, colour: bool = False) -> str:
    out = io.StringIO()
    terminal(
        comparison,
        Console(
            file=out,
            width=width,
            force_terminal=colour,
            color_system="truecolor" if colour else None,
            legacy_windows=False,
        ),
    )
    return out.getvalue()


def test_a_clean_comparison_reads_as_before(golden):
    golden("clean.txt", shown(sample.clean()[0]))


def test_a_hostile_comparison_reads_as_before(golden):
    golden("ugly.txt", shown(sample.ugly()[0]))


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("which", [sample.clean, sample.ugly])
def test_no_line_is_wider_than_the_window(which, width):
    assert max(map(len, shown(which()[0], width=width).splitlines())) <= width


def test_comparability_comes_before_any_figure():
    text = shown(sample.clean()[0])
    assert text.index("Class A") < text.index("Subject:") < re.search(r"\d+ us", text).start()


def test_every_verdict_has_ratio_interval_amount_margin_and_rounds():
    row = next(line for line in shown(sample.clean()[0], width=160).splitlines() if line.startswith("p50"))
    assert re.search(r"\d+ us +\d+ us +x[\d.]+ \([\d.]+ to [\d.]+\) +\+[\d.]+ us \(.*\) +5 % +worse +6", row)


def test_the_words_are_the_same_with_and_without_colour():
    comparison = sample.clean()[0]
    coloured = shown(comparison, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(comparison)


def test_names_are_text_and_never_markup_or_control():
    text = shown(sample.ugly()[0])
    assert "[red]" in text
    assert "\x1b" not in text and "\u202e" not in text


def test_pooled_p99_is_marked_as_no_verdict():
    text = " ".join(shown(sample.clean()[0], width=160).split())
    assert "pooled, no verdict" in text


@pytest.mark.parametrize("grade", ["D", "X"])
def test_a_class_without_verdicts_shows_none(grade):
    comparison = sample.clean()[0]
    text = shown(replace(comparison, comparability=replace(comparison.comparability, grade=grade)), width=160)
    assert "worse" not in text and "equivalent" not in text


@pytest.mark.parametrize("which", [sample.clean, sample.ugly])
def test_neither_nan_nor_none_leaks_as_a_figure(which):
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", shown(which()[0]))
