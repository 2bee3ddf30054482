"""The packaged rule file and what a rule may say."""

import hashlib
from importlib import resources

import pytest

from meshperf.analysis import packaged_rules
from meshperf.analysis.rules import parse_rules

HEAD = "name: n\nversion: 2\nbrings: []\nsubjects: {}\nfields:\n"


def test_the_label_carries_name_version_and_digest_of_the_file():
    data = resources.files("meshperf.analysis").joinpath("rules.yaml").read_bytes()
    assert packaged_rules().label == f"meshperf-comparability 3 (sha256 {hashlib.sha256(data).hexdigest()})"


def test_every_rule_that_can_be_broken_says_why_and_how_to_mend_it():
    for rule in packaged_rules().fields:
        assert rule.severity == "FREE" or (rule.why and rule.fix), rule.path


def test_no_rule_hides_behind_an_earlier_one():
    rules = packaged_rules()
    for rule in rules.fields:
        assert rules.rule(rule.path.replace("*", "zz")).path == rule.path


def test_a_fact_that_no_rule_names_is_free():
    assert packaged_rules().rule("somewhere.else").severity == "FREE"


@pytest.mark.parametrize(
    "entry",
    [
        "{path: a, severity: SAME, unknown: flag}",
        "{path: a, severity: EQ, unknown: perhaps}",
        "{path: a, severity: EQ, unknown: flag, paired: never}",
        "{path: a, severity: EQ, unknown: flag, match: major}",
    ],
)
def test_a_rule_with_an_unknown_word_is_refused(entry):
    with pytest.raises(ValueError, match="rule for 'a'"):
        parse_rules(HEAD + f"  - {entry}\n  - {{path: '*', severity: FREE, unknown: note}}\n")


def test_a_rule_file_needs_a_rule_for_everything_else():
    with pytest.raises(ValueError, match="last rule"):
        parse_rules(HEAD + "  - {path: a, severity: EQ, unknown: flag}\n")
