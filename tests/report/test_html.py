"""The page as a file: one piece, no request, escaped, structured for keyboard and ear."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
import sample
from reading import Page

from meshperf.report.assembly import assemble
from meshperf.report.html import json_for_script


def source(
    which=sample.clean, *, facts=sample.FACTS, charts: bool = True, points: int = 1, text=sample.EXPERIMENT
) -> str:
    comparison, runs = which()
    comparisons = [replace(comparison, load_point=n) for n in range(points)]
    every = [replace(run, load_point=n) for n in range(points) for run in runs]
    files = assemble(comparisons, every, experiment_text=text, command=sample.COMMAND, facts=facts, charts=charts)
    return files["report.html"].decode()


@pytest.fixture(scope="module")
def clean() -> str:
    return source()


@pytest.fixture(scope="module")
def ugly() -> str:
    return source(sample.ugly, facts=sample.UGLY_FACTS, text=sample.HOSTILE)


def test_the_structure_is_as_before(golden, clean, ugly):
    golden("clean.outline.txt", Page(clean).outline())
    golden("ugly.outline.txt", Page(ugly).outline())


def test_the_page_is_small(clean):
    assert len(clean.encode()) < 600_000


def test_the_policy_forbids_everything_but_inline_style(clean):
    policy = next(e for e in Page(clean).all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script-src" not in policy.attributes["content"]


@pytest.mark.parametrize("page", ["clean", "ugly"])
def test_nothing_is_loaded_from_anywhere(page, request):
    text = request.getfixturevalue(page)
    for element in Page(text).elements:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "background"):
            assert re.match(r"#|data:,$", element.attributes.get(name, "#")), (element.tag, element.attributes)
        assert not [name for name in element.attributes if name.startswith("on")]
    assert not re.search(r"@import|url\((?!#)", text.split("</style>")[0])


def test_the_only_script_is_data(clean, ugly):
    for text in (clean, ugly):
        scripts = Page(text).all("script")
        assert [s.attributes for s in scripts] == [{"type": "application/json", "id": "data"}]
        assert json.loads(scripts[0].text)["format"] == "meshperf.report.data/1"


def test_hostile_text_is_text_everywhere(ugly):
    assert "<script>alert" not in ugly
    assert sample.HOSTILE in Page(ugly).text
    assert json.loads(Page(ugly).all("script")[0].text)["comparisons"][0]["experiment"] == sample.HOSTILE
    assert "\u202e" not in Page(ugly).text and "\x1b" not in Page(ugly).text


def test_data_cannot_end_its_element():
    hostile = json.dumps({"a": "</script><!--<script>&\u2028"}, ensure_ascii=False)
    safe = json_for_script(hostile)
    assert not re.search(r"[<>&\u2028]", safe)
    assert json.loads(safe) == json.loads(hostile)


@pytest.mark.parametrize("page", ["clean", "ugly"])
def test_neither_nan_nor_none_leaks_into_the_text(page, request):
    text = Page(request.getfixturevalue(page)).text.replace("host.nan", "")
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b|\bundefined\b", text)


@pytest.mark.parametrize("points", [1, 2])
def test_headings_go_down_one_step_at_a_time_and_ids_are_unique(points):
    page = Page(source(charts=True, points=points))
    levels = [int(e.tag[1]) for e in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = [e.attributes["href"][1:] for e in page.all("a")]
    assert set(links) <= set(ids)
    labelled = [i for e in page.elements for i in e.attributes.get("aria-labelledby", "").split()]
    assert set(labelled) <= set(ids)


def test_the_first_thing_to_focus_skips_to_the_content(clean):
    first = Page(clean).all("a")[0]
    assert first.attributes["class"] == "skip"


def test_every_table_has_a_caption_and_scoped_heads_and_scrolls_by_keyboard(clean):
    page = Page(clean)
    tables = page.all("table")
    assert tables
    for table in tables:
        assert table.children[0].tag == "caption" and table.children[0].text.strip()
    assert all(e.attributes.get("scope") in ("col", "row") for e in page.all("th"))
    regions = [e for e in page.elements if e.attributes.get("class") == "scroll"]
    assert len(regions) == len(tables)
    assert all(r.attributes["tabindex"] == "0" and r.attributes["aria-label"] for r in regions)


@pytest.mark.parametrize("page", ["clean", "ugly"])
def test_every_chart_has_a_name_and_its_table(page, request):
    parsed = Page(request.getfixturevalue(page))
    charts = [e.attributes["data-chart"] for e in parsed.all("figure")]
    tables = {e.attributes["data-table-of"]: e for e in parsed.all("details") if "data-table-of" in e.attributes}
    assert charts and set(charts) == set(tables)
    for table in tables.values():
        assert any(c.tag == "div" for c in table.children)
    for svg in parsed.all("svg"):
        assert svg.attributes["role"] == "img" and svg.attributes["aria-labelledby"]


def test_the_answer_stands_before_every_table(clean):
    page = Page(clean)
    assert [e.text for e in page.all("h2")][:2] == ["The answer", "Verdicts"]
    assert "Class A" in page.text.split("Verdicts with intervals")[0]


def test_the_page_carries_its_command_and_experiment(clean):
    pres = [e.text for e in Page(clean).all("pre")]
    assert pres == [sample.COMMAND, sample.EXPERIMENT]


def test_unavailable_facts_say_why(clean):
    assert "unavailable: no cpufreq here: a virtual machine" in Page(clean).text
