"""SARIF 2.1.0: what was asked of the results, for tools that show findings beside the file they are of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from meshperf.report.findings import Finding, Rule, State

__all__ = ["sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = {
    Rule.OBJECTIVE: "An objective of the experiment holds.",
    Rule.COMPARABILITY: "The arms may be compared.",
    Rule.VALIDITY: "What was measured is valid.",
    Rule.VERDICT: "A primary metric of a candidate arm against its baseline.",
    Rule.WARNING: "What a reader of the figures must know.",
}
_STATES = {
    State.HELD: ("pass", "none"),
    State.BROKEN: ("fail", "error"),
    State.UNFIT: ("fail", "error"),
    State.UNKNOWN: ("open", "none"),
    State.WORSE: ("fail", "warning"),
    State.TOLD: ("fail", "note"),
}
"""`kind` and `level`: SARIF has a level only for what fails."""


def sarif(findings: Iterable[Finding], *, artifact: str, version: str) -> str:
    """The SARIF log.

    Args:
        artifact: the file the findings are shown at, as a relative path with `/`: the experiment or a result.
        version: of meshperf.
    """
    found = list(findings)
    rules = [rule for rule in Rule if any(one.rule is rule for one in found)]
    run = {
        "tool": {
            "driver": {
                "name": "meshperf",
                "version": version,
                "rules": [
                    {"id": f"meshperf/{rule.value}", "shortDescription": {"text": _RULES[rule]}} for rule in rules
                ],
            }
        },
        "results": [_result(one, rules.index(one.rule), artifact) for one in found],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _result(finding: Finding, rule: int, artifact: str) -> dict[str, Any]:
    kind, level = _STATES[finding.state]
    return {
        "ruleId": f"meshperf/{finding.rule.value}",
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": {"text": f"{finding.group}: {finding.text}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": quote(artifact)}, "region": {"startLine": 1}},
                "logicalLocations": [{"name": finding.name, "fullyQualifiedName": f"{finding.group}/{finding.name}"}],
            }
        ],
        "partialFingerprints": {"meshperf/name": f"{finding.rule.value}/{finding.group}/{finding.name}"},
    }
