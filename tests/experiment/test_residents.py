"""Graphs deployed and measured for real, without a mesh: what runs where, what is counted, what a broken one shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meshperf.analysis import packaged_rules
from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.errors import ComparisonError
from meshperf.experiment.conditions import workload_facts
from meshperf.experiment.plan import make_plan
from meshperf.experiment.residents import Deployed, deploy_round
from meshperf.experiment.rounds import RoundTask, measure_round
from meshperf.experiment.service_calls import CLAIM
from meshperf.spec.experiment import Arm, ClientLibrary, Experiment, LoadPoint, Workload
from meshperf.spec.graph import Call, Graph, GraphService, digest_of
from meshperf.spec.graph_reading import packaged_graph
from meshperf.spec.graph_workload import with_graph
from meshperf.spec.records import RunResult
from meshperf.workloads import counters

pytestmark = pytest.mark.needs_native

POINT = LoadPoint(rate=80.0, connections=4, arrivals="constant", warmup_s=0.2, duration_s=1.0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state") as opened:
        yield opened


def experiment(graph: Graph | None, point: LoadPoint = POINT) -> Experiment:
    workload = Workload() if graph is None else with_graph(Workload(), graph)
    return Experiment(
        name="t",
        subject=("mesh",),
        load=(point,),
        rounds=1,
        slice_s=0.25,
        arms={"baseline": Arm(name="baseline", mesh="none")},
        workload=workload,
    )


def made(*services: GraphService) -> Graph:
    entry = services[-1].name
    return Graph(name="made", entry=entry, services=services, digest=digest_of(entry, services))


def deploy(site: LocalSite, wanted: Experiment) -> tuple[Deployed, ...]:
    return deploy_round(site, make_plan(wanted).rounds[0], wanted.workload, note=lambda text: None)


def measured(site: LocalSite, wanted: Experiment) -> RunResult:
    task = RoundTask(experiment=wanted, experiment_id="t", plan=make_plan(wanted).rounds[0], slice_s=wanted.slice_s)
    (run,) = measure_round(site, deploy(site, wanted), task)
    return run


def test_every_service_is_a_process_on_an_address_of_its_own_and_the_entry_comes_first(site: LocalSite) -> None:
    (up,) = deploy(site, experiment(packaged_graph("tree")))
    assert next(iter(up.apps)) == "root"
    assert [up.component(process) for process in up.processes] == list(up.apps)
    assert len({app.process.pid for app in up.apps.values()}) == 7
    assert len({app.endpoint.address for app in up.apps.values()}) == 7
    assert up.deployment.target.address == up.apps["root"].endpoint.address
    assert ask(up.deployment.target.address, "/").status == 200
    assert {name: counters(app.endpoint)["requests"] for name, app in up.apps.items()} == dict.fromkeys(up.apps, 1)


def test_echo_is_the_graph_of_one_service_called_app(site: LocalSite) -> None:
    run = measured(site, experiment(None))
    assert [usage.component for usage in run.resources] == ["app"]
    assert CLAIM not in {claim.claim for claim in run.claims}
    assert (run.resources[0].served_per_entry, run.resources[0].calls) == (1.0, 0)


def test_a_run_tells_what_each_service_did_for_one_request_at_the_entry(site: LocalSite) -> None:
    run = measured(site, experiment(packaged_graph("boutique")))
    used = {usage.component: usage for usage in run.resources}
    assert next(iter(used)) == "frontend"
    assert {name: used[name].served_per_entry for name in ("frontend", "recommendation", "ad")} == {
        "frontend": 1.0,
        "recommendation": 1.0,
        "ad": 1.0,
    }
    served = {name: usage.served or 0 for name, usage in used.items()}
    entry = served["frontend"]
    assert entry >= run.counts.sent > 0
    assert served["currency"] == 5 * entry + 2 * served["checkout"]
    assert served["cart"] == entry + 2 * served["checkout"]
    assert served["productcatalog"] == 2 * entry + 2 * served["checkout"]
    assert served["payment"] == served["email"] == served["checkout"]
    assert used["checkout"].calls == 10 * served["checkout"]
    assert all(usage.calls_failed == 0 for usage in used.values())
    assert all((usage.bytes_in or 0) > 0 for usage in used.values() if usage.served)
    assert all(usage.requests == run.counts.sent for usage in used.values()), "CPU stays per request at the entry"
    assert not any("requests" in usage.unavailable for usage in used.values())
    assert {part for piece in run.slices for part in piece.cpu_s} == {*used, "generator"}
    (claim,) = [claim for claim in run.claims if claim.claim == CLAIM]
    assert claim.held, claim.evidence


def test_the_client_library_does_mutual_tls_on_every_hop(site: LocalSite) -> None:
    plain = experiment(packaged_graph("emojivoto"))
    library = Arm(name="library", mesh="none", client_library=ClientLibrary(mtls=True))
    wanted = replace(plain, subject=("client_library",), arms={**plain.arms, "library": library})
    task = RoundTask(experiment=wanted, experiment_id="t", plan=make_plan(wanted).rounds[0], slice_s=0.25)
    up = {item.resident.name: item for item in deploy(site, wanted)}
    runs = {run.arm: run for run in measure_round(site, tuple(up.values()), task)}
    assert [claim for claim in runs["library"].claims if not claim.held] == []
    asked = {claim.claim for claim in runs["library"].claims}
    assert {f"mtls: plaintext is refused at {name}" for name in ("emoji", "voting")} < asked
    assert {"mtls: the client itself is refused at emoji", CLAIM} < asked
    handshakes = {name: counters(app.endpoint)["tls_handshakes"] for name, app in up["library"].apps.items()}
    assert min(handshakes.values()) > 0
    assert {counters(app.endpoint)["tls_handshakes"] for app in up["baseline"].apps.values()} == {0}
    assert runs["library"].counts.ok > 0


def test_declared_errors_are_counted_and_no_lie(site: LocalSite) -> None:
    graph = made(
        GraphService(name="late"),
        GraphService(name="flaky", status={503: 0.3}),
        GraphService(name="page", calls=(Call(to="flaky"), Call(to="late", stage=1))),
    )
    run = measured(site, experiment(graph))
    used = {usage.component: usage for usage in run.resources}
    failed = used["page"].calls_failed or 0
    assert 0.1 * (used["page"].served or 0) < failed < 0.6 * (used["page"].served or 0)
    assert (used["late"].served or 0) == (used["page"].served or 0) - failed
    assert 0 < run.errors_by_status["502"] <= failed
    (claim,) = [claim for claim in run.claims if claim.claim == CLAIM]
    assert claim.held, claim.evidence
    assert f"{failed} calls failed" in claim.evidence


def test_a_service_that_nobody_reaches_breaks_the_claim(site: LocalSite) -> None:
    graph = made(GraphService(name="back"), GraphService(name="front", calls=(Call(to="back"),)))
    wanted = experiment(graph)
    (up,) = deploy(site, wanted)
    # the graph of the judgement has one more call than the services were told of
    lied = made(GraphService(name="back"), GraphService(name="front", calls=(Call(to="back", times=2),)))
    task = RoundTask(experiment=wanted, experiment_id="t", plan=make_plan(wanted).rounds[0], slice_s=0.25)
    (run,) = measure_round(site, (replace(up, graph=lied),), task)
    (claim,) = [claim for claim in run.claims if claim.claim == CLAIM]
    assert not claim.held
    assert "(allowed:" in claim.evidence


def test_a_graph_that_is_cut_off_is_not_measured_at_all(site: LocalSite) -> None:
    wanted = experiment(made(GraphService(name="back"), GraphService(name="front", calls=(Call(to="back"),))))
    (up,) = deploy(site, wanted)
    cut = GraphService(name="front", calls=(Call(to="back"), Call(to="lost")))
    graph = Graph(
        name="cut", entry="front", services=(GraphService(name="lost"), up.graph.service("back"), cut), digest=""
    )
    apps = {**up.apps, "lost": deploy(site, experiment(made(GraphService(name="lost"))))[0].apps["lost"]}
    task = RoundTask(experiment=wanted, experiment_id="t", plan=make_plan(wanted).rounds[0], slice_s=0.25)
    with pytest.raises(ComparisonError, match=r"every service is reached: lost was never asked, \d+ calls") as refused:
        measure_round(site, (replace(up, graph=graph, apps=apps),), task)
    assert refused.value.code == "MP4003"


def test_a_chain_takes_the_time_of_its_hops(site: LocalSite) -> None:
    delays = {"back": "3ms", "middle": "4ms", "front": "5ms"}
    point = replace(POINT, rate=40.0, duration_s=1.5)
    single = {}
    for name, delay in delays.items():
        run = measured(site, experiment(made(GraphService(name=name, service_time=delay)), point))
        single[name] = float(run.response.quantile(0.5))
    chain = made(
        GraphService(name="c", service_time="3ms"),
        GraphService(name="b", service_time="4ms", calls=(Call(to="c"),)),
        GraphService(name="a", service_time="5ms", calls=(Call(to="b"),)),
    )
    found = float(measured(site, experiment(chain, point)).response.quantile(0.5))
    assert found >= 12e-3
    assert found == pytest.approx(sum(single.values()), rel=0.25)


def test_the_facts_say_which_graph_it_was_and_another_graph_is_not_comparable() -> None:
    chain, tree = (with_graph(Workload(), packaged_graph(name)) for name in ("chain", "tree"))
    facts = {name: fact.value for name, fact in workload_facts(chain).items()}
    assert facts["workload.graph"] == "chain"
    assert facts["workload.graph_digest"] == packaged_graph("chain").digest
    assert (facts["workload.services"], facts["workload.max_depth"]) == (3, 3)
    other = workload_facts(tree)["workload.graph_digest"].value
    rule = packaged_rules().rule("workload.graph_digest")
    assert (rule.severity, rule.same(facts["workload.graph_digest"], other)) == ("EQ", False)
    assert "workload.graph_digest" not in workload_facts(Workload())
    assert workload_facts(Workload())["workload.services"].value == 1
