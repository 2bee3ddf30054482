"""Efficiency and power in every form of the report, from ladders whose truth is known."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from reading import Page
from rich.console import Console

from ladder_sample import TRUTHS, Truth, ladder
from meshperf.analysis import compare
from meshperf.analysis.scalability import scalability
from meshperf.report import charts, terminal_efficiency
from meshperf.report.assembly import assemble
from meshperf.report.charts.curve import curve_chart
from meshperf.report.efficiency import section, studies_of
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import Fact

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from efficiency_sample import ladder_with_use

OBJECTIVES = (parse_objective("p90 <= 20ms"),)
SLOW = {**TRUTHS, "envoy": replace(TRUTHS["envoy"], slow_from=750.0)}


def judged(runs, objectives=OBJECTIVES):
    return compare(runs, baseline="baseline", subject=("mesh",), margins={}, objectives=objectives), runs


def shown(of):
    (study,) = studies_of(*of)
    return section(study, *of)


def table(of, caption: str):
    return next(one.table for one in of.exhibits if one.table.caption.startswith(caption))


@pytest.fixture(scope="module")
def noisy():
    return judged(ladder_with_use(noise=0.03))


def test_the_lead_says_who_is_more_efficient_and_how_sure() -> None:
    of = shown(judged(ladder(noise=0.02)))
    assert of.sentences[0].startswith("baseline is more efficient: envoy takes ×3.0")
    assert "95% interval" in of.sentences[0] and "6 rounds" in of.sentences[0] and "at rest" in of.sentences[0]


def test_a_candidate_that_takes_less_is_called_more_efficient() -> None:
    truths = {"baseline": Truth(), "envoy": Truth(slope=20e-6, sidecars=1)}
    assert shown(judged(ladder(truths, noise=0.02))).sentences[0].startswith("envoy is more efficient")


def test_equal_arms_are_not_set_above_one_another() -> None:
    truths = {"baseline": Truth(), "envoy": Truth(sidecars=1)}
    of = shown(judged(ladder(truths, noise=0.05)))
    assert all(sentence.startswith("Neither is shown to be more") for sentence in of.sentences)
    assert len(of.sentences) == 2


def test_throughputs_that_do_not_overlap_name_the_more_powerful_arm() -> None:
    power = shown(judged(ladder(SLOW, noise=0.02))).sentences[1]
    assert power.startswith("baseline is more powerful") and "at least 1000/s" in power
    assert "up to between 500 and 750/s" in power and "p90 <= 20ms" in power


def test_a_pilot_and_a_single_round_decide_nothing() -> None:
    pilot = [replace(run, design=replace(run.design, pilot=True)) for run in ladder(SLOW)]
    said = shown(judged(pilot)).sentences
    assert len(said) == 2 and all("pilot decides nothing" in sentence for sentence in said)
    assert not any("is more" in sentence for sentence in said)
    single = shown(judged(ladder(SLOW, rounds=1))).sentences
    assert "no interval, 1 round" in single[0] and single[1].startswith("Neither")
    assert not any("is more" in sentence for sentence in single)


def test_arms_that_do_not_compare_are_not_set_above_one_another() -> None:
    runs = [
        replace(run, facts={**run.facts, "host.kernel": Fact(value="5.4", source="x")}) if run.arm == "envoy" else run
        for run in ladder(SLOW, noise=0.02)
    ]
    said = shown(judged(runs)).sentences
    assert all("nothing is concluded" in sentence for sentence in said)


def test_tables_hold_the_curve_the_knee_the_line_and_the_bytes(noisy) -> None:
    of = shown(noisy)
    curve = table(of, "Response time against rate")
    assert [row[1].text for row in curve.rows] == ["250/s", "500/s", "750/s", "1000/s"] * 2
    assert {row[-1].text for row in curve.rows} == {"6 of 6"}
    knee = table(of, "Knee and throughput")
    assert knee.rows[0][1].text == "at least 750/s" and "beyond the rates tried in 6 of 6" in knee.rows[0][1].detail
    assert knee.rows[0][2].text == "at least 1000/s" and knee.rows[0][3].text == "none"
    wire = table(of, "Bytes on the wire")
    added = [row[-1].text for row in wire.rows if [cell.text for cell in row[:3]] == ["1", "envoy", "app"]]
    assert added == ["+270\u00a0B"]
    node = table(of, "CPU of the whole machine")
    assert node.rows[1][-2].text.startswith("+0.4") and "to" in node.rows[1][-2].detail
    energy = table(of, "Energy of a million")
    assert energy.rows[0][3].text.endswith("\u00a0kJ") and energy.rows[1][4].text.startswith("+2")


def test_every_form_of_the_report_has_the_section(noisy) -> None:
    comparisons, runs = noisy
    files = assemble(comparisons, runs, experiment_text="", command="meshperf run x", facts={}, charts=False)
    out = io.StringIO()
    terminal_efficiency(comparisons, runs, Console(file=out, width=100))
    page = Page(files["report.html"].decode())
    for text in (out.getvalue(), files["report.md"].decode(), page.text):
        assert "Efficiency and power" in text and "Knee and throughput" in text
        assert "is more efficient" in " ".join(text.split())
        assert "nan" not in text.replace("finance", "") and "None" not in text
    (kept,) = json.loads(files["data.json"])["efficiency"]
    assert [one["arm"] for one in kept["rates"][0]["curves"]] == ["baseline", "envoy"]
    assert kept["rates"][0]["differences"][0]["slope"]["value"] == pytest.approx(3.0, rel=0.05)
    assert kept["rates"][0]["throughput"][0]["held"][0] == {"offered_rps": 250.0, "held": 6, "rounds": 6}
    assert kept["energy"][0]["used"]["value"] == pytest.approx(80_000, rel=0.05)


def test_an_experiment_that_says_nothing_of_it_has_no_section() -> None:
    comparisons, runs = judged(ladder(rates=(500.0,)))
    assert studies_of(comparisons, runs) == ()
    files = assemble(comparisons, runs, experiment_text="", command="meshperf run x", facts={}, charts=False)
    assert b"Efficiency and power" not in files["report.html"] and "efficiency" not in json.loads(files["data.json"])


def test_one_load_point_tells_its_bytes_and_its_verdict_and_stays_off_the_terminal() -> None:
    comparisons, runs = judged([run for run in ladder_with_use(noise=0.02) if run.load_point == 0])
    of = shown((comparisons, runs))
    assert of.sentences[0].startswith("baseline is more efficient: envoy takes ×")
    assert {one.table.caption for one in of.exhibits} >= {"Bytes on the wire", "CPU of the whole machine"}
    out = io.StringIO()
    terminal_efficiency(comparisons, runs, Console(file=out))
    assert out.getvalue() == ""


def test_why_there_is_no_energy_and_no_machine_is_said() -> None:
    of = shown(judged(ladder()))
    assert any(point.startswith("Energy: not known") for point in of.points)
    assert any(point.startswith("CPU of the whole machine: not known") for point in of.points)


def test_closed_loops_show_the_law_or_why_there_is_none() -> None:
    runs = []
    for run in ladder(rates=(1.0, 2.0, 4.0, 8.0, 16.0), requests=2000):
        n = int(run.offered_rps)
        rate = 1000 * n / (1 + 0.05 * (n - 1) + 0.004 * n * (n - 1))
        facts = {
            **run.facts, "load.in_flight": Fact(value=n), "load.arrivals": Fact(value="closed"),
            "load.rate": Fact(value="as fast as replies come"),
        }  # fmt: skip
        runs.append(replace(run, offered_rps=None, facts=facts, measured_s=run.counts.ok / rate))
    of = shown(judged(runs))
    laws = table(of, "Throughput against concurrency")
    assert [cell.text for cell in laws.rows[0][:4]] == ["baseline", "1000/s", "0.05", "0.004"]
    assert laws.rows[0][4].text == "15.4"
    few = [run for run in runs if run.load_point < 3]
    assert any("no law of scalability, 3 concurrencies" in point for point in shown(judged(few)).points)
    assert scalability.__module__.endswith("scalability")


@pytest.mark.skipif(not charts.available(), reason="the chart libraries are not installed")
def test_the_chart_draws_every_point_and_hollow_ones_that_were_not_sustained() -> None:
    truths = {**TRUTHS, "envoy": replace(TRUTHS["envoy"], slow_from=1000.0, gives_up_from=1000.0)}
    of = judged(ladder(truths, noise=0.02))
    (study,) = studies_of(*of)
    panels = curve_chart(study.rates[0].curves, study.arms, str).to_dict()["vconcat"]
    assert len(panels) == 3
    for panel in panels:
        dots = [layer for layer in panel["layer"] if layer["mark"]["type"] == "point"]
        assert [len(layer["data"]["values"]) for layer in dots] == [7, 1]
        assert [layer["mark"]["filled"] for layer in dots] == [True, False]
    assert any(layer["mark"]["type"] == "rect" for layer in panels[1]["layer"])
    assert not any(layer["mark"]["type"] == "rect" for layer in panels[0]["layer"])
    comparisons, runs = of
    files = assemble(comparisons, runs, experiment_text="", command="x", facts={}, charts=True)
    svg = files["charts/efficiency-1-curve-1.svg"].decode()
    assert "Response time against rate: http1" in svg and "<desc" in svg
    assert files["charts/efficiency-1-curve-1.png"].startswith(b"\x89PNG")
    assert Page(files["report.html"].decode()).text.count("Response time against rate") >= 1


@pytest.mark.skipif(not charts.available(), reason="the chart libraries are not installed")
def test_names_that_would_like_to_be_markup_stay_text_in_the_chart() -> None:
    hostile = "<script>alert(1)</script>"
    runs = [replace(run, arm=hostile) if run.arm == "envoy" else run for run in ladder(noise=0.02)]
    comparisons, _ = judged(runs)
    files = assemble(comparisons, runs, experiment_text="", command="x", facts={}, charts=True)
    assert all(b"<script>alert" not in content for name, content in files.items() if name.endswith((".svg", ".html")))
