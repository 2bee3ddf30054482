"""A user's rule file over the shipped one: what it changes, what it loosens, and where it is wrong."""

from pathlib import Path

import pytest
from simulated import BARE, ENVOY, HOST, facts_of

from meshperf.analysis import compare_facts, packaged_rules
from meshperf.analysis.rules_user import laid_over
from meshperf.errors import DocumentError
from meshperf.spec.reader import read_document
from meshperf.spec.records import Fact


def _rules(tmp_path: Path, body: str):
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules: team\nversion: 3\n{body}", encoding="utf-8")
    return laid_over(read_document(path))


def _grade(rules, **changes):
    first, second = facts_of({**HOST, **BARE}), facts_of({**HOST, **ENVOY})
    second |= facts_of({path.replace("__", "."): value for path, value in changes.items()})
    return compare_facts(first, second, subject=("mesh",), against_baseline=True, rules=rules).grade


def test_a_tightened_rule_sets_apart_what_ours_lets_through(tmp_path):
    rules = _rules(tmp_path, "fields:\n  - {path: host.kernel, match: exact}\n")
    assert _grade(packaged_rules(), host__kernel="6.1.99") == "A"
    assert _grade(rules, host__kernel="6.1.99") == "X"
    assert rules.loosened == () and "loosened" not in rules.label


def test_a_loosened_rule_is_in_the_label_of_every_result(tmp_path):
    rules = _rules(tmp_path, "fields:\n  - {path: host.kernel, severity: FREE, required: false}\n")
    assert _grade(rules, host__kernel="5.4.0") == "A"
    assert rules.loosened == ("host.kernel: severity EQ to FREE", "host.kernel: no longer required")
    found = compare_facts(
        facts_of({**HOST, **BARE}), facts_of({**HOST, **ENVOY}), subject=("mesh",), against_baseline=True, rules=rules
    )
    assert "loosened: host.kernel: severity EQ to FREE" in found.rules
    assert packaged_rules().label in found.rules


def test_a_pattern_changes_every_rule_it_covers_and_no_other(tmp_path):
    rules = _rules(tmp_path, "fields:\n  - {path: 'host.*', unknown: note, paired: note}\n")
    assert {rules.rule(path).unknown for path in ("host.kernel", "host.cores", "host.governor")} == {"note"}
    assert rules.rule("load.protocol").unknown == "block"
    assert rules.rule("host.kernel").severity == "EQ"
    hidden = {"host.kernel": Fact(unavailable="not told")}
    sides = ({**facts_of({**HOST, **BARE}), **hidden}, {**facts_of({**HOST, **ENVOY}), **hidden})
    assert compare_facts(*sides, subject=("mesh",), against_baseline=True).grade == "X"
    assert compare_facts(*sides, subject=("mesh",), against_baseline=True, rules=rules).grade == "A"


def test_a_fact_of_ones_own_gets_a_rule(tmp_path):
    entry = "{path: rack.number, severity: EQ, unknown: block, why: racks differ, fix: use one rack}"
    rules = _rules(tmp_path, f"fields:\n  - {entry}\n")
    first = facts_of({**HOST, **BARE, "rack.number": 1})
    found = compare_facts(
        first, facts_of({**HOST, **ENVOY, "rack.number": 2}), subject=("mesh",), against_baseline=True, rules=rules
    )
    assert found.grade == "X" and [entry.why for entry in found.violations] == ["racks differ"]
    assert rules.rule("somewhere.else").severity == "FREE" and rules.loosened == ()


def test_a_wider_tolerance_and_a_wider_subject_are_loosening(tmp_path):
    rules = _rules(
        tmp_path,
        "fields:\n  - {path: load.duration_s, tolerance: 0.5}\nsubjects: {mesh: [security.*]}\n",
    )
    assert rules.loosened == (
        "load.duration_s: tolerance 0.2 to 0.5",
        "`subject: [mesh]` covers security.* too",
    )


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("fields:\n  - {path: host.kernel, severity: SAME}\n", "MP2103", 4, 35),
        ("fields:\n  - {path: host.kernel, wenn: EQ}\n", "MP2101", 4, 25),
        ("fields:\n  - {severity: EQ}\n", "MP2102", 4, 5),
        ("fields:\n  - {path: load.duration_s, tolerance: 20}\n", "MP2103", 4, 40),
        ("fields:\n  - {path: load.duration_s, required: maybe}\n", "MP2104", 4, 39),
        ("fields: all\n", "MP2104", 3, 9),
        ("subjects: {mesh: security}\n", "MP2104", 3, 18),
        ("brings: ['*']\n", "MP2101", 3, 1),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, body, code, line, column):
    with pytest.raises(DocumentError) as caught:
        _rules(tmp_path, body)
    place = caught.value.location
    assert (caught.value.code, place.line, place.column) == (code, line, column)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    with pytest.raises(DocumentError) as caught:
        _rules(tmp_path, "fields:\n  - {path: a, severity: no}\n  - {path: b, unknown: no}\n")
    assert len(caught.value.others) == 1


def test_a_file_without_a_name_or_version_is_refused(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("fields: []\n", encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        laid_over(read_document(path))
    assert {caught.value.code, *(other.code for other in caught.value.others)} == {"MP2102"}
