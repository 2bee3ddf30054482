"""The page as a file: one piece, no request, escaped, structured for keyboard and ear."""

import base64
import gzip
import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
import sample
from reading import Page

from meshperf.report.assembly import assemble


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


def carried(page: str) -> dict[str, bytes]:
    """The files inside a page, by name."""
    found = {}
    for link in Page(page).all("a"):
        kind, _, text = link.attributes["href"].partition(",")
        if kind == "data:application/gzip;base64":
            found[link.attributes["download"]] = gzip.decompress(base64.b64decode(text, validate=True))
    return found


def test_the_page_is_small(clean):
    assert len(clean.encode()) < 250_000


def test_the_policy_forbids_everything_but_inline_style(clean):
    policy = next(e for e in Page(clean).all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script-src" not in policy.attributes["content"]


@pytest.mark.parametrize("page", ["clean", "ugly"])
def test_nothing_is_loaded_from_anywhere(page, request):
    text = request.getfixturevalue(page)
    for element in Page(text).elements:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "background"):
            own = r"#|data:,$|data:application/gzip;base64,[A-Za-z0-9+/=]+$"
            assert re.match(own, element.attributes.get(name, "#")), (element.tag, element.attributes)
        assert not [name for name in element.attributes if name.startswith("on")]
    assert not re.search(r"@import|url\((?!#)", text.split("</style>")[0])


def test_there_is_no_script_at_all(clean, ugly):
    assert not Page(clean).all("script") and not Page(ugly).all("script")


def test_the_page_carries_its_data_byte_by_byte():
    comparison, runs = sample.clean()
    files = assemble([comparison], runs, experiment_text="", command="", facts=sample.FACTS, charts=False)
    found = carried(files["report.html"].decode())
    assert found["data.json.gz"] + b"\n" == files["data.json"]
    assert found["data.csv.gz"] == files["data.csv"]
    assert set(found) == {"data.json.gz", "data.csv.gz"}


def test_a_table_that_is_the_same_at_two_load_points_is_shown_once():
    page = Page(source(points=2, charts=False))
    links = {e.text: e.attributes["href"] for e in page.all("a") if e.text.startswith("at Load point 1")}
    captions = [e.text for e in page.all("caption")]
    assert captions.count("Every round of every metric") == 1
    assert captions.count("Noise floors of this machine (A/A)") == 1
    targets = {e.attributes.get("id") for e in page.elements}
    assert links and all(href[1:] in targets for href in links.values())


def test_hostile_text_is_text_everywhere(ugly):
    assert "<script>alert" not in ugly
    assert sample.HOSTILE in Page(ugly).text
    assert json.loads(carried(ugly)["data.json.gz"])["comparisons"][0]["experiment"] == sample.HOSTILE
    assert "\u202e" not in Page(ugly).text and "\x1b" not in Page(ugly).text


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
    links = [e.attributes["href"][1:] for e in page.all("a") if "download" not in e.attributes]
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
