"""The Markdown report."""

import re

import pytest
import sample

from meshperf.report.assembly import assemble
from meshperf.report.markdown import escape


def report(which=sample.clean, *, facts=None, charts: bool = False, command: str = sample.COMMAND) -> str:
    comparison, runs = which()
    files = assemble(
        [comparison],
        runs,
        experiment_text=sample.EXPERIMENT,
        command=command,
        facts=sample.FACTS if facts is None else facts,
        charts=charts,
    )
    return files["report.md"].decode()


def test_a_clean_comparison_reads_as_before(golden):
    golden("clean.md", report())


def test_a_hostile_comparison_reads_as_before(golden):
    golden("ugly.md", report(sample.ugly, facts=sample.UGLY_FACTS))


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    for which in (sample.clean, sample.ugly):
        for block in re.findall(r"(?:^\|.*\n)+", report(which), flags=re.M):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_hostile_names_cannot_become_markup():
    text = report(sample.ugly, facts=sample.UGLY_FACTS)
    assert "<" not in re.sub(r"(?ms)^```.*?^```", "", text)
    assert escape("<b>|`x`*_[a](b)~#") == "&lt;b&gt;\\|\\`x\\`\\*\\_\\[a\\](b)\\~\\#"


def test_a_command_with_fences_stays_inside_its_own():
    text = report(command="a\n```\n# not a heading\n```")
    assert "````\na\n```\n# not a heading\n```\n````" in text


def test_charts_are_linked_by_relative_path():
    text = report(charts=True)
    assert set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)) == {
        f"charts/{name}.svg" for name in ("percentiles", "ratios", "rounds", "cpu", "memory", "noise")
    }


@pytest.mark.parametrize("which", [sample.clean, sample.ugly])
def test_neither_nan_nor_none_leaks_as_a_figure(which):
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", report(which).replace(r"host.nan", ""))
