"""JUnit XML: what was asked of the results, as test cases that every build server shows.

A broken objective is a failure and what could not be asked is an error; what is not known is skipped, never passed.
Verdicts and warnings are no tests: they stand in the suite's output.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from itertools import groupby

from meshperf.report.findings import Finding, Rule, State

__all__ = ["junit"]

_TESTS = (Rule.COMPARABILITY, Rule.OBJECTIVE, Rule.VALIDITY)
_ELEMENTS = {State.BROKEN: "failure", State.UNFIT: "error", State.UNKNOWN: "skipped"}
_NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd")


def junit(findings: Iterable[Finding]) -> str:
    """The JUnit document of findings that stand in the order of their groups, a suite a group."""
    suites = [_suite(group, list(found)) for group, found in groupby(findings, key=lambda one: one.group)]
    root = ElementTree.Element("testsuites", {"name": "meshperf", **_counts(suites)})
    root.extend(suites)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(group: str, findings: Sequence[Finding]) -> ElementTree.Element:
    cases = [_case(one) for one in findings if one.rule in _TESTS]
    told = "\n".join(f"{one.rule.value} {one.name}: {one.text}" for one in findings if one.rule not in _TESTS)
    suite = ElementTree.Element("testsuite", {"name": _safe(group)})
    suite.extend(cases)
    for name, number in _of_cases(cases).items():
        suite.set(name, str(number))
    suite.set("time", "0")
    if told:
        ElementTree.SubElement(suite, "system-out").text = _safe(told)
    return suite


def _case(finding: Finding) -> ElementTree.Element:
    names = {"classname": _safe(f"meshperf.{finding.rule.value}"), "name": _safe(finding.name), "time": "0"}
    case = ElementTree.Element("testcase", names)
    element = _ELEMENTS.get(finding.state)
    if element is not None:
        told = ElementTree.SubElement(case, element, {"message": _safe(finding.text)})
        if element != "skipped":
            told.set("type", finding.state.value)
            told.text = _safe(finding.text)
    return case


def _of_cases(cases: Sequence[ElementTree.Element]) -> dict[str, int]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    found = {name: sum(case.find(element) is not None for case in cases) for name, element in kinds.items()}
    return {"tests": len(cases), **found}


def _counts(suites: Sequence[ElementTree.Element]) -> dict[str, str]:
    names = ("tests", "failures", "errors", "skipped")
    return {name: str(sum(int(suite.get(name, "0")) for suite in suites)) for name in names}


def _safe(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return text.translate(_NO_XML)
