"""Functions at work in real sidecars, and arms that claim a function which is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.experiment.residents import Deployed
from meshperf.meshes.envoy.claims import Observer
from meshperf.meshes.envoy.proofs import Proofs
from meshperf.spec.experiment import Arm, Functions

Deploy = Callable[..., Deployed]
pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_native]

EVERYTHING = Functions(
    authorization_rules=20,
    routes=10,
    route_match="last",
    split=(3, 1),
    retries=2,
    timeout_s=0.5,
    rate_limit=50,
    metrics=True,
    tracing=True,
)


def arm(mtls: str = "strict", **functions: Any) -> Arm:
    return Arm(name="envoy", mesh="envoy", mtls=mtls, functions=Functions(**functions))


def proofs_of(deployed: Deployed) -> Proofs:
    observer = deployed.deployment.observe
    assert isinstance(observer, Observer)
    return observer.proofs


def test_all_functions_together_are_at_work(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", access_log=True, functions=EVERYTHING))
    found = [*deployed.deployment.observe("begin"), *deployed.deployment.observe("end")]
    assert [f"{claim.claim}: {claim.evidence}" for claim in found if not claim.held] == []
    facts = {name: fact.value for name, fact in deployed.deployment.facts.items()}
    assert facts["proxy.telemetry"] == "counters, scraped every second, tracing"
    assert facts["proxy.retries"] == 2
    assert [
        deployed.component(process) for process in deployed.deployment.processes if process.role == "telemetry"
    ] == ["scraper"]


def test_an_arm_without_a_function_that_it_claims_is_caught(site: LocalSite, deploy: Deploy) -> None:
    honest = proofs_of(deploy(site, arm()))
    claimed = replace(
        honest, arm=Arm(name="envoy", mesh="envoy", access_log=True, functions=replace(EVERYTHING, metrics=False))
    )
    found = claimed("begin")
    assert len(found) == 9
    assert [claim.claim for claim in found if claim.held] == []


def test_one_rule_less_than_claimed_is_caught(site: LocalSite, deploy: Deploy) -> None:
    proofs = proofs_of(deploy(site, arm(mtls="off", authorization_rules=9)))
    assert all(claim.held for claim in proofs("begin"))
    (count, denied) = replace(proofs, arm=arm(authorization_rules=10))("begin")
    assert not count.held
    assert count.evidence.startswith("it has 9, ")
    assert denied.held


def test_a_route_that_is_not_the_last_is_caught(site: LocalSite, deploy: Deploy) -> None:
    proofs = proofs_of(deploy(site, arm(routes=5, route_match="first")))
    assert all(claim.held for claim in proofs("begin"))
    broken = [claim for claim in replace(proofs, arm=arm(routes=5, route_match="last"))("begin") if not claim.held]
    assert [claim.claim for claim in broken] == ["the route that the load takes is the last"]


def test_a_split_is_judged_by_what_each_subset_was_sent(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, arm(mtls="off", split=(3, 1)))
    proofs = proofs_of(deployed)
    for _ in range(1000):
        ask(proofs.through, "/whoami")
    (_, shares) = proofs("end")
    assert shares.held, shares.evidence
    (_, turned) = replace(proofs, arm=arm(split=(1, 3)))("end")
    assert not turned.held


def test_a_rate_above_what_can_be_tried_is_read_from_the_bucket_in_force(site: LocalSite, deploy: Deploy) -> None:
    proofs = proofs_of(deploy(site, arm(mtls="off", rate_limit=2000)))
    (limit,) = proofs("begin")
    assert limit.held
    assert limit.evidence.startswith("a bucket of 2000, 0 of ")
    (other,) = replace(proofs, arm=arm(rate_limit=3000))("begin")
    assert not other.held


def test_requests_that_fail_are_repeated_as_often_as_claimed(site: LocalSite, deploy: Deploy) -> None:
    proofs = proofs_of(deploy(site, arm(retries=3)))
    assert [claim.held for claim in proofs("begin")] == [True]
    (claim,) = replace(proofs, arm=arm(retries=1))("end")
    assert not claim.held
    assert claim.evidence == "one that fails was repeated 3 times and answered with 503"
