"""The example that tells encryption from proxying, shortened: each arm is what it says, and candidates compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from meshperf.analysis import compare_facts
from meshperf.spec import read_experiment
from meshperf.spec.records import Fact

from .command import ROOT, Command

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native, pytest.mark.needs_envoy, pytest.mark.timeout(200)]
NOT_QUIET = "no spare attempts are left"
EXAMPLE = ROOT / "examples" / "mtls-cost.yaml"
EXPECTED = {
    "baseline": ("none", "off", "none"),
    "tcp": ("tcp", "off", "none"),
    "tcp-mtls": ("tcp", "strict", "TLSv1.3"),
    "http": ("http", "off", "none"),
    "http-mtls": ("http", "strict", "TLSv1.3"),
}


def facts_of(run: Mapping[str, Any]) -> dict[str, Fact]:
    return {
        path: Fact(value=fact.get("value"), unavailable=fact.get("unavailable"))
        for path, fact in run["facts"].items()
        if not path.startswith("host.")  # of a machine that others use at the same time
    }


def test_every_arm_adds_one_thing_and_all_of_them_compare(tmp_path: Path) -> None:
    command, out = Command(tmp_path), tmp_path / "out"
    done = command.run("run", EXAMPLE, "--quick", "--out", out, timeout=180)
    assert done.returncode == 0 or NOT_QUIET in done.stderr, done.stderr
    kept = [json.loads(path.read_text()) for path in (out / "results").glob("*.json")]
    excluded = [json.loads(path.read_text())["result"] for path in (out / "excluded").glob("*.json")]
    runs = {run["run"]["arm"]: run for run in (*excluded, *kept) if run is not None}
    assert runs.keys() >= {"baseline", "tcp", "tcp-mtls"}  # a machine that is not quiet may end it after one group
    for arm, run in runs.items():
        facts = run["facts"]
        seen = tuple(facts[path]["value"] for path in ("proxy.mode", "security.mtls", "security.tls_version"))
        assert seen == EXPECTED[arm]
        assert [claim for claim in run["claims"] if not claim["held"]] == []
    subject = read_experiment(EXAMPLE).subject
    for one, other in combinations([arm for arm in runs if arm != "baseline"], 2):
        found = compare_facts(
            facts_of(runs[one]), facts_of(runs[other]), subject=subject, against_baseline=False, arms=(one, other)
        )
        standing = [entry for entry in found.violations if not entry.path.startswith(("design.", "load."))]
        assert standing == []
    assert not command.leftovers()
