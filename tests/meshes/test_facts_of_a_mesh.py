"""The list of facts in the reference is what arms really state, with a mesh and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshperf.environments.local import LocalSite
from meshperf.experiment.plan import make_plan
from meshperf.experiment.residents import deploy_round
from meshperf.spec.experiment import Arm, ClientLibrary, Experiment, LoadPoint, Workload

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "facts-of-a-mesh.md"
ELSEWHERE = ("client_library.",)
"""Stated by arms too, and described with the library."""
PER_PROGRAM = ("binary.", "control_plane.")


def documented() -> set[str]:
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([a-z_]+\.[a-z0-9_<>.]+)`", row)}


@pytest.mark.needs_envoy
@pytest.mark.needs_native
def test_every_arm_states_the_documented_facts_and_no_others(tmp_path: Path) -> None:
    arms = {
        "baseline": Arm(name="baseline", mesh="none"),
        "library": Arm(name="library", mesh="none", client_library=ClientLibrary(mtls=True)),
        "envoy": Arm(name="envoy", mesh="envoy", mtls="strict"),
    }
    workload = Workload()
    experiment = Experiment(
        name="t", subject=("mesh",), load=(LoadPoint(rate=10),), rounds=1, arms=arms, workload=workload
    )
    common = {name for name in documented() if not name.startswith(PER_PROGRAM)}
    assert len(common) > 25
    with LocalSite.open("facts", None, tmp_path / "state") as site:
        for deployed in deploy_round(site, make_plan(experiment).rounds[0], workload, note=lambda text: None):
            deployed.deployment.observe("begin")
            facts = {**deployed.deployment.facts, **deployed.deployment.observed_facts()}
            stated = {name for name in facts if not name.startswith((*ELSEWHERE, *PER_PROGRAM))}
            assert stated == common, deployed.resident.name
            assert [name for name, fact in facts.items() if not fact.known] == []
            programs = {re.sub(r"^binary\.[a-z-]+\.", "binary.<name>.", name) for name in facts}
            assert {name for name in programs if name.startswith("binary.")} <= documented()
