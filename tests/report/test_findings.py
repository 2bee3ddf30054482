"""JUnit and SARIF: what was asked of results, and what came of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sample

import run_sample
from meshperf.analysis.records import Comparison, ObjectiveOutcome, Violation
from meshperf.report.findings import Finding, Rule, State, of_comparison, of_run
from meshperf.report.junit import junit
from meshperf.report.sarif import sarif
from meshperf.report.summary import summary
from meshperf.spec.kinds import Kind, KindOutcome, LoadOutcome, ObjectiveReading
from meshperf.spec.records import Validity
from meshperf.units import Unit


def comparison(**changes: object) -> Comparison:
    return replace(sample.clean()[0], **changes)  # type: ignore[arg-type]


def objective(outcome: str, value: float | None) -> ObjectiveOutcome:
    return ObjectiveOutcome(
        arm="envoy", objective="p99 <= 1ms", value=value, threshold=0.001, unit=Unit.SECONDS, outcome=outcome
    )


def case(findings: Iterator[Finding], name: str) -> tuple[ElementTree.Element, ElementTree.Element]:
    suite = ElementTree.fromstring(junit(findings))[0]
    return suite, next(one for one in suite.iter("testcase") if one.get("name") == name)


@pytest.mark.parametrize(
    ("outcome", "value", "element"),
    [("held", 0.0009, None), ("broken", 0.0021, "failure"), ("unknown", None, "skipped")],
)
def test_an_objective_is_a_test_case(outcome: str, value: float | None, element: str | None) -> None:
    suite, found = case(of_comparison(comparison(objectives=(objective(outcome, value),))), "envoy: p99 <= 1ms")
    assert [child.tag for child in found] == ([] if element is None else [element])
    if outcome == "broken":
        assert "measured 0.0021 s" in (found[0].get("message") or "")
        assert suite.get("failures") == "1"


def test_arms_that_cannot_be_compared_are_an_error() -> None:
    bad = replace(
        sample.clean()[0].comparability,
        grade="X",
        violations=(Violation(path="host.kernel", a="6.1", b="6.12", severity="EQ", why="kernels differ", fix=""),),
    )
    suite, found = case(of_comparison(comparison(comparability=bad)), "the arms are comparable")
    assert [child.tag for child in found] == ["error"] and suite.get("errors") == "1"
    assert "host.kernel: kernels differ" in (found[0].text or "")


def test_a_verdict_alone_fails_no_test_and_is_told() -> None:
    suite = ElementTree.fromstring(junit(of_comparison(comparison())))[0]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    told = suite.findtext("system-out") or ""
    assert "verdict envoy against baseline: p50" in told and "warning cores-shared" in told


def test_the_numbers_of_the_document_are_those_of_its_cases() -> None:
    findings = [*of_comparison(comparison(objectives=(objective("broken", 0.1),))), *of_run(run_sample.single())]
    root = ElementTree.fromstring(junit(findings))
    assert len(root) == 2
    for element, tag in (("testcase", "tests"), ("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert root.get(tag) == str(len(list(root.iter(element))))
        assert all(suite.get(tag) == str(len(list(suite.iter(element)))) for suite in root)


def test_a_run_that_is_not_valid_is_an_error_and_a_valid_one_passes() -> None:
    (name,) = [one.name for one in of_run(run_sample.single()) if one.rule is Rule.VALIDITY]
    _, bad = case(of_run(run_sample.single()), name)
    assert [child.tag for child in bad] == ["error"] and "only 94.2% of the requests" in (bad[0].text or "")
    _, good = case(of_run(run_sample.single(validity=Validity())), name)
    assert list(good) == []


@pytest.mark.parametrize("held", [True, False])
def test_a_load_test_that_does_not_hold_is_a_failure(held: bool) -> None:
    reading = ObjectiveReading(objective="p99 <= 50ms", value=0.061, threshold=0.05, unit="s", held=held)
    kind = KindOutcome(
        kind=Kind.LOAD, load=LoadOutcome(offered_rps=500, achieved_rps=490, held=held, objectives=(reading,))
    )
    _, found = case(of_run(run_sample.single(kind=kind)), "the load test holds")
    assert [child.tag for child in found] == ([] if held else ["failure"])


def test_hostile_names_leave_a_well_formed_document() -> None:
    hostile = f"{sample.HOSTILE_ARM}\x00]]>"
    findings = list(
        of_comparison(comparison(experiment=hostile, objectives=(replace(objective("broken", 1.0), arm=hostile),)))
    )
    assert ElementTree.fromstring(junit(findings)).get("failures") == "1"
    json.loads(sarif(findings, artifact="x.yaml", version="1"))
    raw = Finding(rule=Rule.OBJECTIVE, state=State.BROKEN, group="g", name="a\x01b\ud800", text="\x0b")
    ElementTree.fromstring(junit([raw]).encode("utf-8"))


def log(findings: list[Finding]) -> dict[str, Any]:
    return json.loads(sarif(findings, artifact="results/my first/experiment.yaml", version="0.1.0"))


def test_a_sarif_log_keeps_to_the_rules_of_the_format() -> None:
    document = log([*of_comparison(comparison(objectives=(objective("broken", 0.1), objective("unknown", None))))])
    assert document["version"] == "2.1.0" and document["$schema"].endswith("sarif-2.1.0.json")
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        assert result["kind"] in ("pass", "fail", "open")
        assert (result["level"] == "none") == (result["kind"] != "fail")
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "results/my%20first/experiment.yaml"


def test_sarif_tells_apart_what_is_broken_worse_and_not_known() -> None:
    found = log([*of_comparison(comparison(objectives=(objective("broken", 0.1), objective("unknown", None))))])
    results = found["runs"][0]["results"]
    levels = {(one["ruleId"], one["kind"], one["level"]) for one in results}
    assert ("meshperf/objective", "fail", "error") in levels
    assert ("meshperf/objective", "open", "none") in levels
    assert ("meshperf/verdict", "fail", "warning") in levels
    assert ("meshperf/warning", "fail", "note") in levels
    assert ("meshperf/comparability", "pass", "none") in levels
    prints = [one["partialFingerprints"]["meshperf/name"] for one in results if one["ruleId"] == "meshperf/verdict"]
    assert len(set(prints)) == len(prints)


def test_a_summary_has_the_answer_and_not_the_evidence() -> None:
    of, runs = sample.clean()
    text = summary([of], runs)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == ["# what-does-a-sidecar-cost", "## The answer", "## Verdicts", "## Objectives", "## Warnings"]
    assert "Guards, each at its worst" not in text and "![" not in text


def test_a_summary_of_runs_tells_each_of_them() -> None:
    text = summary([], [run_sample.single(), run_sample.single(arm="other")])
    assert "## load\n" in text and "## load: other" in text and "What failed" in text
    with pytest.raises(ValueError, match="needs a comparison or a run"):
        summary([], [])
