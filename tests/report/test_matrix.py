"""The matrix of comparability: when there is one, and that letters, colours and reasons agree."""

import re
from dataclasses import replace

import sample
from reading import Page

from meshperf.analysis.records import Comparability, Comparison, Violation
from meshperf.report.assembly import assemble
from meshperf.report.charts.matrix import matrix_chart
from meshperf.report.matrix import pair_classes, section

KERNEL = Violation(path="host.kernel", a="6.1", b="6.12", severity="EQ", why="kernels differ", fix="use one kernel")
TURBO = Violation(path="host.turbo", a=None, b=None, severity="unknown-flag", why="", fix="record it")
NOTE = Violation(path="host.bios", a=None, b=None, severity="unknown-note", why="", fix="record that too")


def pair(grade: str, arm: str, against: str = "baseline", **changes: object) -> Comparability:
    return Comparability(grade=grade, subject=("mesh",), arm=arm, against=against, **changes)  # type: ignore[arg-type]


def comparison(*pairs: Comparability, **changes: object) -> Comparison:
    return replace(sample.clean()[0], pairs=pairs, **changes)  # type: ignore[arg-type]


def test_two_arms_or_one_class_need_no_matrix():
    assert pair_classes([comparison(pair("X", "envoy", violations=(KERNEL,)))]) == ()
    assert pair_classes([comparison(pair("A", "envoy"), pair("A", "client-library"))]) == ()
    assert pair_classes([sample.clean()[0]]) == ()
    assert matrix_chart(()) is None


def test_the_lowest_class_of_a_pair_over_load_points_counts_with_its_reasons():
    first = comparison(pair("A", "envoy"), pair("A", "client-library"))
    second = comparison(pair("X", "envoy", violations=(KERNEL,), unknowns=(TURBO, NOTE)), pair("A", "client-library"))
    for order in ((first, second), (second, first)):
        found = {each.arm: each for each in pair_classes(order)}
        assert found["envoy"].grade == "X" and found["client-library"].grade == "A"
        assert found["envoy"].reasons == ("host.kernel differs: 6.1 and 6.12", "host.turbo is not known")
        assert found["envoy"].fixes == ("use one kernel", "record it")


def test_every_pair_is_a_letter_in_the_drawing_and_a_row_of_the_table():
    hostile = sample.HOSTILE_ARM
    pairs = pair_classes(
        [
            comparison(
                pair("A", "envoy"),
                pair("D", hostile, unknowns=(TURBO,)),
                pair("X", "envoy", hostile, violations=(KERNEL,)),
            )
        ]
    )
    drawing = matrix_chart(pairs)
    assert drawing is not None
    letters = re.findall(r"<text[^>]*font-size=\"14px\"[^>]*>([^<]*)</text>", drawing.svg)
    assert sorted(letters) == ["A", "D", "X"]
    assert "<script" not in drawing.svg and "&lt;script&gt;" in drawing.svg
    rows = section(pairs).exhibits[0].table.rows
    assert [row[1].text for row in rows] == ["A", "D", "X"]
    assert rows[0][2].text == "nothing stands in the way"


def test_a_report_has_it_once_above_all_load_points():
    mixed = comparison(pair("A", "envoy"), pair("X", "client-library", violations=(KERNEL,)))
    _, runs = sample.clean()
    for points in (1, 2):
        several = [replace(mixed, load_point=n) for n in range(points)]
        files = assemble(several, runs, experiment_text="", command="", facts={}, charts=True)
        page = Page(files["report.html"].decode())
        assert [e.attributes["data-chart"] for e in page.all("figure")].count("matrix") == 1
        assert [e.text for e in page.all("h2", "h3")].count("Which arms may be compared") == 1
        assert {"charts/matrix.svg", "charts/matrix.png"} <= set(files)
        assert "charts/matrix.svg" in files["report.md"].decode()
