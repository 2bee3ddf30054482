"""From simulated runs through the product's own judgement to every form of the report."""

import io
import re
import sys
from pathlib import Path

import pytest
from reading import Page
from rich.console import Console

from meshperf.analysis import compare
from meshperf.report import terminal
from meshperf.report.assembly import assemble

sys.path.insert(0, str(Path(__file__).parent.parent))
import kept_sample


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    experiment = kept_sample.experiment(tmp_path_factory.mktemp("experiment"))
    runs = [run for number in range(1, 7) for run in kept_sample.round_of(number)]
    (comparison,) = compare(
        runs,
        baseline=experiment.baseline,
        subject=experiment.subject,
        margins=experiment.margins,
        objectives=experiment.objectives,
        aa=experiment.aa,
    )
    return comparison, runs


def test_all_forms_carry_the_same_verdicts(judged):
    comparison, runs = judged
    files = assemble(
        [comparison], runs, experiment_text="", command="meshperf run x", facts=kept_sample.facts(), charts=False
    )
    out = io.StringIO()
    terminal(comparison, Console(file=out, width=160))
    page = Page(files["report.html"].decode())
    forms = (out.getvalue(), files["report.md"].decode(), page.text)
    verdicts = [m.verdict.value for m in comparison.metrics if not m.pooled]
    assert verdicts
    for text in forms:
        assert not re.search(r"\bnan\b|\bNone\b", text)
        for verdict in set(verdicts):
            assert verdict in text
    rows = [e for e in page.all("tr") if e.children[0].text.strip() in ("p50", "p90", "mean")]
    shown = {row.children[0].text.strip(): row.children[6].text.strip() for row in rows}
    assert shown == {m.metric: m.verdict.value for m in comparison.metrics if m.metric in ("p50", "p90", "mean")}


def test_a_fact_that_is_only_noted_does_not_stand_in_the_way(judged):
    comparison, runs = judged
    assert comparison.comparability.grade == "A"
    assert [v.severity for v in comparison.comparability.unknowns] == ["unknown-note"]
    files = assemble([comparison], runs, experiment_text="", command="", facts={}, charts=False)
    text = files["report.md"].decode()
    assert "What stands in the way" not in text
    assert "Unknown, and noted only" in text
