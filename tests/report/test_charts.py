"""Charts: what is drawn, deterministically, and without the libraries a clear note."""

import importlib.util
import re
from dataclasses import replace
from functools import cache

import pytest
import sample

from meshperf.analysis.records import ComponentCost, RoundFigure
from meshperf.errors import PrerequisiteError
from meshperf.report import charts as package
from meshperf.report.assembly import assemble
from meshperf.report.charts import charts
from meshperf.report.charts.scale import log_domain, log_ticks, unit_step
from meshperf.report.charts.theme import ArmStyle
from meshperf.units import Unit


def drawn(which=sample.clean) -> dict[str, str]:
    comparison, runs = which()
    return {drawing.name: drawing.svg for drawing in charts(comparison, runs)}


drawn_once = cache(drawn)


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.fixture
def without_libraries(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in ("altair", "vl_convert") else find(name, *rest)
    )


def test_a_clean_comparison_has_all_charts_and_each_has_a_name():
    drawings = charts(*sample.clean())
    assert [d.name for d in drawings] == ["percentiles", "ratios", "rounds", "cpu", "memory", "noise"]
    for d in drawings:
        assert d.svg.startswith("<svg ") and 'role="img"' in d.svg
        assert f'<title id="{d.file}-title">{d.title}</title>' in d.svg
        assert d.png().startswith(b"\x89PNG\r\n")


def test_equal_input_draws_equal_bytes():
    assert drawn() == drawn_once()


def test_nothing_in_a_drawing_points_outside():
    for svg in (*drawn_once().values(), *drawn_once(sample.ugly).values()):
        assert set(re.findall(r"https?://[^\"' <]+", svg)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_inner_ids_of_all_drawings_are_distinct():
    ids = [i for svg in drawn_once().values() for i in re.findall(r'\bid="([^"]+)"', svg)]
    assert ids and len(ids) == len(set(ids))
    for svg in drawn_once().values():
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_hostile_names_are_text_in_a_drawing():
    svgs = drawn_once(sample.ugly)
    assert svgs
    for svg in svgs.values():
        assert "<script" not in svg
    assert any("&lt;script&gt;" in svg for svg in svgs.values())


def test_the_percentile_axis_counts_nines_and_ends_where_ten_remain():
    texts = labels(drawn_once()["percentiles"])
    assert {"0 %", "50 %", "90 %", "99 %", "99.9 %"} <= set(texts)
    assert "99.99 %" not in texts  # 24 000 requests an arm leave 2.4 beyond it


def test_each_ratio_has_its_verdict_in_words():
    texts = labels(drawn_once()["ratios"])
    comparison = sample.clean()[0]
    assert sum("worse" in t or "equivalent" in t or "no verdict" in t for t in texts) == len(comparison.metrics)


def test_a_class_without_ratios_draws_none():
    comparison, runs = sample.clean()
    for grade in ("D", "X"):
        graded = replace(comparison, comparability=replace(comparison.comparability, grade=grade))
        assert "ratios" not in {d.name for d in charts(graded, runs)}


def test_bars_start_at_zero_and_show_the_sum_without_the_generator():
    texts = labels(drawn_once()["cpu"])
    assert texts.count("0") == 2  # both panels
    assert "249\u00a0µs" in texts


def test_an_excluded_round_is_hollow():
    comparison, runs = sample.clean()
    metric = comparison.metrics[6]
    assert (metric.arm, metric.metric) == ("envoy", "p50")
    rounds = (replace(metric.rounds[0], excluded="guard"), *metric.rounds[1:])
    changed = replace(comparison, metrics=(replace(metric, rounds=rounds),))
    before = {d.name: d.svg for d in charts(replace(comparison, metrics=(metric,)), runs)}["rounds"]
    after = {d.name: d.svg for d in charts(changed, runs)}["rounds"]

    def hollow(svg: str) -> int:
        marks = re.findall(r'<path aria-roledescription[^>]*>|<path [^>]*stroke="#d55e00"[^>]*>', svg)
        return sum('stroke="#d55e00"' in mark and 'fill="#d55e00"' not in mark for mark in marks)

    assert hollow(after) == hollow(before) + 1


def test_what_has_no_figure_is_left_out_rather_than_drawn_empty():
    comparison, _ = sample.clean()
    bare = replace(
        comparison,
        arms=tuple(replace(arm, components=()) for arm in comparison.arms),
        metrics=tuple(replace(m, rounds=()) for m in comparison.metrics),
        noise_floors=(),
    )
    assert {d.name for d in charts(bare, [])} == {"ratios"}


def test_one_round_and_unknown_parts_still_draw():
    comparison, runs = sample.clean()
    metric = replace(comparison.metrics[0], rounds=(RoundFigure(round=1, baseline=1e-4, candidate=2e-4, ratio=2.0),))
    unknown = replace(
        comparison.arms[0].components[0], component="gone", cpu_s_per_request=sample.ugly()[0].metrics[0].ratio
    )
    assert isinstance(unknown, ComponentCost)
    arm = replace(comparison.arms[0], components=(*comparison.arms[0].components, unknown))
    names = {d.name for d in charts(replace(comparison, metrics=(metric,), arms=(arm,)), runs[:1])}
    assert {"rounds", "cpu"} <= names


@pytest.mark.usefixtures("without_libraries")
def test_without_the_libraries_a_report_says_that_it_has_no_charts():
    comparison, runs = sample.clean()
    files = assemble([comparison], runs, experiment_text="", command="", facts={})
    assert set(files) == {"report.html", "report.md", "data.json", "data.csv"}
    assert "no charts" in files["report.html"].decode() and "no charts" in files["report.md"].decode()


@pytest.mark.usefixtures("without_libraries")
def test_charts_that_were_asked_for_are_a_prerequisite():
    comparison, runs = sample.clean()
    with pytest.raises(PrerequisiteError) as caught:
        assemble([comparison], runs, experiment_text="", command="", facts={}, charts=True)
    assert caught.value.code == "MP3004"
    assert "meshperf[charts]" in (caught.value.hint or "")


def test_looking_for_the_libraries_imports_neither():
    assert package.available()


def test_arms_differ_in_colour_dash_and_shape():
    style = ArmStyle([f"arm{n}" for n in range(7)])
    for looks in (style.colours, map(tuple, style.dashes), style.shapes):
        assert len(set(looks)) == 7


def test_axes_choose_units_and_ticks_that_people_read():
    assert unit_step([740e-6], Unit.SECONDS) == (1e-6, "µs")
    assert unit_step([5e-3, 1e-6], Unit.SECONDS) == (1e-3, "ms")
    assert unit_step([], Unit.BYTES) == (1.0, "B")
    assert log_ticks(0.9, 22) == [1, 2, 5, 10, 20]
    low, high = log_domain([1.0, 100.0])
    assert low < 1 and high > 100
    assert log_domain([]) == pytest.approx([0.98, 1.02], rel=1e-3)
