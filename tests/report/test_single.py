"""Reports of single runs: the same words on the terminal, in Markdown and on the page; figures over time."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
import sample
from reading import Page
from rich.console import Console

import run_sample
from meshperf.report import terminal_run, write_runs
from meshperf.report.charts import run_charts
from meshperf.report.run_files import assemble_runs
from meshperf.report.single import SERIES_ROWS, of_run
from meshperf.spec.records import RunResult

COMMAND = "meshperf load http://127.0.0.1:8080/ --rate 500 --duration 20s"
EVERY = [run_sample.single, run_sample.udp, run_sample.capacity, run_sample.hostile]


def shown(run: RunResult, *, width: int = 100) -> str:
    out = io.StringIO()
    terminal_run(run, Console(file=out, width=width, legacy_windows=False))
    return out.getvalue()


def markdown(*runs: RunResult, charts: bool = False) -> str:
    return assemble_runs(runs, command=COMMAND, charts=charts)["report.md"].decode()


def tables(run: RunResult) -> dict[str, list[list[str]]]:
    return {
        exhibit.table.caption: [[cell.text.replace("\u00a0", " ") for cell in row] for row in exhibit.table.rows]
        for section in of_run(run)
        for exhibit in section.exhibits
    }


def test_a_run_reads_as_before(golden):
    golden("run.txt", shown(run_sample.single()))
    golden("run.md", markdown(run_sample.single()))
    golden("capacity.txt", shown(run_sample.capacity()))


def test_a_hostile_run_reads_as_before(golden):
    golden("run-ugly.md", markdown(run_sample.hostile()))


@pytest.mark.parametrize("make", EVERY)
def test_no_line_is_wider_than_the_window_and_no_gap_is_a_figure(make):
    run = make()
    assert max(map(len, shown(run, width=100).splitlines())) <= 100
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", shown(run) + markdown(run))


def test_hostile_names_cannot_become_markup():
    run = run_sample.hostile()
    page = assemble_runs([run], command=COMMAND, charts=False)["report.html"].decode()
    assert "<script>alert" not in page
    assert sample.HOSTILE in Page(page).text
    assert "<" not in re.sub(r"(?ms)^```.*?^```", "", markdown(run))


def test_the_generator_is_told_with_every_figure():
    rows = dict(tables(run_sample.single())["The load generator on itself"])
    assert rows["receive times taken by"] == "the kernel"
    assert rows["dispersion of sends at 1 ms"] == "0.52"
    assert rows["waited for a core, worst run"] == "3.1 %"
    assert re.fullmatch(r"\d+(\.\d+)? µs", rows["replies read late p99"])
    assert rows["end never seen"] == "80 of 10 000, up to 2.10 s and more"


def test_connections_and_handshakes_have_their_figures():
    (row,) = tables(run_sample.single())["Connections"]
    assert row[1:7] == ["4", "1", "0", "3", "2", "0"]
    assert row[7].startswith("200 µs") and row[8] == "none"


def test_lost_datagrams_are_shares_of_those_sent():
    rows = {row[0]: row[1:] for row in tables(run_sample.udp())["What became of the datagrams"]}
    assert rows["lost"] == ["540", "5.4 %"]
    assert rows["answered out of order"] == ["31", "0.31 %"]


def test_the_answer_of_a_capacity_search_has_figure_interval_and_verdict():
    found = tables(run_sample.capacity())
    assert found["The answer of the capacity test"][0] == [
        "highest rate that holds",
        "999.95/s",
        "990/s to 1010/s",
        "interval",
    ]
    outcomes = [row[-1] for row in found["Every stage"]]
    assert outcomes == ["held", "failed", "client-limited"]
    text = shown(run_sample.capacity())
    assert "Five of five steps held below and failed above." in text


def test_intervals_of_a_long_run_are_put_together_and_nothing_is_lost():
    run = run_sample.single(series=run_sample.series(512, step_s=2.0))
    rows = tables(run)["The run over time"]
    assert len(rows) <= SERIES_ROWS
    assert sum(int(row[1].replace(" ", "")) for row in rows) == 512 * 500
    assert sum(int(row[3].replace(" ", "")) for row in rows) == 580
    assert "400 ms" in {row[4] for row in rows}  # the slow interval stands, whatever its neighbours were


def test_stages_stand_one_after_the_other():
    run = run_sample.single(series=(*run_sample.series(4), *run_sample.series(4, begin_s=10.0)))
    assert [row[0] for row in tables(run)["The run over time"]] == [
        "0 s", "1 s", "2 s", "3 s", "10 s", "11 s", "12 s", "13 s",
    ]  # fmt: skip


def test_a_run_over_time_is_drawn_from_its_own_figures():
    valid = run_sample.capacity()
    charts = {chart.name: chart for chart in run_charts(valid)}
    assert set(charts) == {"percentiles", "series"}
    rates, times, failures = charts["series"].document["vconcat"]
    answered = [row for row in rates["data"]["values"] if row["what"] == "answered"]
    assert [row["figure"] for row in answered][9:11] == [420.0, 0.0]
    assert [row["t"] for row in answered][:2] == [0.5, 1.5]
    assert rates["encoding"]["y"]["scale"]["domain"][0] == 0
    gaps = [row for row in times["data"]["values"] if row["figure"] is None]
    assert [(row["t"], row["what"]) for row in gaps] == [(10.5, "p50"), (10.5, "p90"), (10.5, "p99")]
    assert max(row["figure"] for row in failures["data"]["values"]) == 500.0


def test_a_run_that_must_not_be_compared_is_drawn_under_its_verdict():
    run = run_sample.single()
    assert not run.validity.ok
    assert {chart.name for chart in run_charts(run)} == {"percentiles", "series"}
    assert "must not be compared" in shown(run)


def test_the_model_of_the_load_is_named():
    rows = dict(tables(run_sample.single())["The model of the load"])
    assert rows["model of the connections"] == "pooled, last in first out, growing to 8"
    assert (rows["requests under way on a connection"], rows["version of HTTP"]) == ("10", "2")


def test_an_interval_that_was_cut_short_has_no_rate():
    run = replace(run_sample.capacity(), measured_s=run_sample.SECONDS - 0.6)
    (chart,) = [chart for chart in run_charts(run) if chart.name == "series"]
    assert max(row["t"] for row in chart.document["vconcat"][0]["data"]["values"]) == run_sample.SECONDS - 1.5


def test_nothing_over_time_draws_no_chart():
    assert run_charts(run_sample.hostile()) == ()


def test_several_runs_have_a_part_each(tmp_path):
    runs = [replace(run_sample.single(), run_id=f"r{n}", arm=f"http://127.0.0.{n}/") for n in (1, 2)]
    paths = write_runs(runs, out=tmp_path / "out", command=COMMAND, charts=True)
    assert paths[0] == tmp_path / "out" / "report.html"
    names = {path.relative_to(tmp_path / "out").as_posix() for path in paths}
    assert {"report.md", "data.json", "data.csv", "charts/run1-series.svg", "charts/run2-series.png"} <= names
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert text.index("Run 1: load: http://127.0.0.1/") < text.index("Run 2: load: http://127.0.0.2/")
    assert set(re.findall(r"\]\((charts/[^)]+)\)", text)) <= names
    document = json.loads((tmp_path / "out" / "data.json").read_text(encoding="utf-8"))
    assert [run["run_id"] for run in document["runs"]] == ["r1", "r2"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "data.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 2 * 6 * run_sample.SECONDS
    assert [row["value"] for row in rows if row["metric"] == "p50"][10] == ""


def test_a_report_needs_a_run():
    with pytest.raises(ValueError, match="at least one run"):
        assemble_runs([], command=COMMAND)
