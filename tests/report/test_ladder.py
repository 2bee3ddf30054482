"""A price list in every form of the report, from simulated runs whose steps are known."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reading import Page
from rich.console import Console

from meshperf.analysis import compare
from meshperf.analysis.ladder import price_ladder
from meshperf.report import charts, terminal_ladders
from meshperf.report.assembly import assemble
from meshperf.report.charts.waterfall import waterfall
from meshperf.report.ladder import ladder_csv, ladder_of, orders_in, section

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from simulated import BARE, ENVOY, HOST, constant_run, facts_of

TEXT = """\
experiment: simulated
subject: [mesh, "mesh_config:mtls", "mesh_config:access_log"]
load: [{rate: 500, duration: 5s}]
rounds: 6
arms:
  baseline: {mesh: none}
  http: {mesh: envoy}
  mtls: {mesh: envoy, mtls: strict}
  log: {mesh: envoy, access_log: true}
  both: {mesh: envoy, mtls: strict, access_log: true}
"""
ADDED_S = {"baseline": 0.0, "http": 400e-6, "mtls": 520e-6, "log": 460e-6, "both": 620e-6}
GROUPS = (("http", "mtls"), ("log", "both"))


def simulate(*, rounds: int = 6, seed: int = 4, left_out: str = "") -> list:
    rng = np.random.default_rng(seed)
    return [
        constant_run(
            1e-3 + ADDED_S[arm] + rng.normal() * 5e-6, arm=arm, round=number, group=group, requests=2000,
            cpu_s=2000 * (50e-6 + ADDED_S[arm]), facts=facts_of({**HOST, **(BARE if arm == "baseline" else ENVOY)}),
        )
        for number in range(1, rounds + 1)
        for group, arms in enumerate(GROUPS)
        for arm in ("baseline", *arms)
        if arm != left_out
    ]  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    runs = simulate()
    margins = {"p50": 0.05, "p90": 0.1, "cpu_per_request": 0.05}
    return compare(runs, baseline="baseline", subject=("mesh",), margins=margins), runs


def written(judged, text=TEXT, charts=False):
    comparisons, runs = judged
    return assemble(comparisons, runs, experiment_text=text, command="meshperf run x", facts={}, charts=charts)


def test_every_form_shows_each_step_and_what_is_left_over(judged):
    comparisons, runs = judged
    files = written(judged)
    out = io.StringIO()
    terminal_ladders(comparisons, runs, Console(file=out, width=80), experiment_text=TEXT)
    page = Page(files["report.html"].decode())
    for text in (out.getvalue(), files["report.md"].decode(), page.text):
        assert "The price list" in text
        assert "What each step adds" in text and "The steps against the whole" in text
        assert "its 3 steps together" in " ".join(text.split())
        assert "nan" not in text.replace("finance", "")
    rows = [row for row in page.all("tr") if row.children and row.children[0].text.startswith("mtls")]
    assert any("mtls: strict, on http" in row.children[0].text for row in rows)
    assert any("CPU per request: both adds" in point.text for point in page.all("li"))


def test_an_experiment_without_steps_has_no_price_list(judged):
    comparisons, runs = judged
    for text in ("", "experiment: {", TEXT.replace("  both", "  #")[: TEXT.index("  mtls:")]):
        files = written(judged, text)
        assert "price-list.csv" not in files and b"The price list" not in files["report.html"]
        assert "price_lists" not in json.loads(files["data.json"])
        out = io.StringIO()
        terminal_ladders(comparisons, runs, Console(file=out), experiment_text=text)
        assert out.getvalue() == ""


def test_the_data_hold_every_price_of_every_round(judged):
    files = written(judged)
    rows = list(csv.DictReader(io.StringIO(files["price-list.csv"].decode())))
    (kept,) = json.loads(files["data.json"])["price_lists"]
    assert {row["after"] for row in rows} == {"http", "mtls", "log", "both"}
    cpu = [float(row["price"]) for row in rows if (row["after"], row["metric"]) == ("mtls", "cpu_per_request")]
    assert cpu == pytest.approx([120e-6] * 6)
    residual = {one["metric"]: one["residual"]["value"] for one in kept["sums"]}
    assert residual["cpu_per_request"] == pytest.approx(40e-6)


def test_a_missing_step_is_said_and_leaves_no_sum():
    runs = simulate(left_out="log")
    orders = orders_in(TEXT)
    ladder = price_ladder(runs, orders[""], subject=("mesh",))
    shown = section(ladder, runs)
    assert any(point.startswith("log: no price of p50") for point in shown.points)
    prices, sums = (exhibit.table for exhibit in shown.exhibits)
    assert [row[2].text for row in prices.rows if row[0].text == "log"] == ["not known"]
    assert {row[2].text for row in sums.rows} == {"not known"} and sums.rows[0][1].text != "not known"
    assert waterfall(ladder) is None


@pytest.mark.skipif(not charts.available(), reason="the chart libraries are not installed")
def test_bars_of_the_waterfall_meet_and_end_at_the_whole(judged):
    comparisons, runs = judged
    ladder = ladder_of(comparisons[0], runs, orders_in(TEXT))
    assert ladder is not None
    panels = waterfall(ladder).to_dict()["vconcat"]
    for panel in panels:
        bars = panel["layer"][0]["data"]["values"]
        assert [bar["label"] for bar in bars] == ["http", "mtls", "log", "residual", "= both"]
        assert bars[0]["begin"] == 0.0 and bars[-1]["begin"] == 0.0
        for before, after in itertools.pairwise(bars[:-1]):
            assert after["begin"] == pytest.approx(before["end"], rel=1e-4)
        assert bars[-2]["end"] == pytest.approx(bars[-1]["end"], rel=1e-4)
        low, high = panel["layer"][0]["encoding"]["x"]["scale"]["domain"]
        assert low <= 0.0 < high
    files = written(judged, charts=True)
    assert b"The price list" in files["charts/waterfall.svg"]


def test_the_csv_names_the_cell(judged):
    comparisons, runs = judged
    ladder = ladder_of(comparisons[0], runs, orders_in(TEXT))
    assert ladder is not None
    first, second = ladder_csv([("clusters-2", ladder)]).splitlines()[:2]
    assert first.startswith("load_point,cell,metric,unit,before,after") and second.startswith("0,clusters-2,p50,s,")


def test_arms_of_a_development_build_carry_their_label_in_table_and_chart(judged):
    label = facts_of({"mesh.release": "development", "mesh.label": "istio-dev"})
    runs = [replace(run, facts={**run.facts, **label}) if run.arm == "mtls" else run for run in judged[1]]
    again = compare(runs, baseline="baseline", subject=("mesh",), margins={})
    files = written((again, runs), charts=charts.available())
    assert "| mtls (istio-dev) (mtls: strict, on http) |" in files["report.md"].decode()
    if charts.available():
        assert b"mtls (istio-dev)" in files["charts/waterfall.svg"]
