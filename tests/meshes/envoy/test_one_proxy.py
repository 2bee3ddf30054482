"""One real Envoy on the way of a request instead of two: at the caller, or at the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.errors import UsageError
from meshperf.experiment.residents import Deployed
from meshperf.meshes import envoy_admin, open_mesh
from meshperf.meshes.envoy.claims import Observer
from meshperf.meshes.envoy.counts import from_callers
from meshperf.meshes.envoy.layout import APP_PORT, INBOUND_PORT, Layout
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import CLIENT, Call, Graph, GraphService, digest_of
from meshperf.spec.records import FactValue

Deploy = Callable[..., Deployed]
LayOut = Callable[..., Layout]

PLACES = ("client", "server")
FORGED = {"x-forwarded-client-cert": "By=spiffe://forged/by;URI=spiffe://forged/caller"}


def broken(deployed: Deployed, when: str = "begin") -> list[str]:
    return [f"{claim.claim}: {claim.evidence}" for claim in deployed.deployment.observe(when) if not claim.held]


def layout_of(deployed: Deployed) -> Layout:
    assert isinstance(deployed.deployment.observe, Observer)
    return deployed.deployment.observe.layout


def facts_of(deployed: Deployed) -> dict[str, FactValue]:
    found = {**deployed.deployment.facts, **deployed.deployment.observed_facts()}
    return {name: fact.value for name, fact in found.items()}


def counted(deployed: Deployed) -> Mapping[str, int]:
    (sidecar,) = layout_of(deployed).on_the_way
    return envoy_admin.counters(sidecar.admin_reach)


def requests(deployed: Deployed) -> int:
    """Requests that the only sidecar has counted as coming in."""
    return sum(
        value
        for name, value in counted(deployed).items()
        if name.startswith("http.") and name.endswith(".downstream_rq_total") and not name.startswith("http.admin.")
    )


def loaded(deployed: Deployed, path: str = "/") -> int | None:
    """One request as load sends it: to the target, in the clear."""
    return ask(deployed.deployment.target.address, path).status


@pytest.mark.needs_envoy
@pytest.mark.needs_native
@pytest.mark.parametrize("mode", ["http", "tcp"])
@pytest.mark.parametrize("place", PLACES)
def test_one_envoy_is_started_and_every_claim_holds(site: LocalSite, deploy: Deploy, place: str, mode: str) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", proxies=place, mode=mode))
    assert broken(deployed) == []
    assert [process.role for process in deployed.deployment.processes] == ["sidecar"]
    assert [process.name for process in deployed.deployment.processes] == [f"envoy-{place}-sidecar"]
    assert loaded(deployed) == 200
    assert broken(deployed, "end") == []
    found = facts_of(deployed)
    assert found["proxy.placement"] == place
    assert found["security.mtls"] == "off"
    assert found["interception.kind"] == "explicit port"
    assert isinstance(found["mesh.first_request_s"], float)


@pytest.mark.needs_envoy
@pytest.mark.needs_native
@pytest.mark.parametrize("place", PLACES)
def test_a_request_passes_exactly_one_proxy(site: LocalSite, deploy: Deploy, place: str) -> None:
    alone = deploy(site, Arm(name="alone", mesh="envoy", proxies=place))
    before, connections = requests(alone), from_callers(counted(alone), "downstream_cx_total")
    assert [loaded(alone) for _ in range(7)] == [200] * 7
    assert requests(alone) - before == 7
    assert from_callers(counted(alone), "downstream_cx_total") - connections == 7
    ended = sum(
        value for name, value in counted(alone).items() if name.startswith("cluster.") and name.endswith("rq_200")
    )
    assert ended >= 7


@pytest.mark.needs_envoy
@pytest.mark.needs_native
def test_headers_grow_less_with_one_proxy_than_with_two(tmp_path: Path, deploy: Deploy) -> None:
    grown = {}
    for place in (*PLACES, "both"):
        with LocalSite.open(place, None, tmp_path / place) as site:
            deployed = deploy(site, Arm(name=place, mesh="envoy", proxies=place))
            assert broken(deployed) == []
            grown[place] = facts_of(deployed)["proxy.header_growth_bytes"]
            assert facts_of(deployed)["proxy.placement"] == place
    assert 0 < grown["client"] <= grown["both"]  # type: ignore[operator]
    assert 0 < grown["server"] <= grown["both"]  # type: ignore[operator]


@pytest.mark.needs_envoy
@pytest.mark.needs_native
def test_load_dials_the_sidecar_of_the_caller_which_dials_the_service(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="c", mesh="envoy", proxies="client"))
    layout = layout_of(deployed)
    (callee,) = layout.client.callees
    assert list(layout.sidecars) == [CLIENT]
    assert deployed.deployment.target.address == f"{callee.dialled[0]}:{callee.dialled[1]}"
    assert callee.peer == (site.address("c-app"), APP_PORT)


@pytest.mark.needs_envoy
@pytest.mark.needs_native
def test_load_dials_the_sidecar_of_the_service(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="s", mesh="envoy", proxies="server"))
    assert list(layout_of(deployed).sidecars) == ["app"]
    assert deployed.deployment.target.address == f"{layout_of(deployed).server.address}:{INBOUND_PORT}"


@pytest.mark.needs_envoy
@pytest.mark.needs_native
@pytest.mark.parametrize("place", PLACES)
def test_the_service_believes_no_identity_header(site: LocalSite, deploy: Deploy, place: str) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", proxies=place))
    through = ask(deployed.deployment.target.address, "/whoami", headers=FORGED).json()
    assert not through["identity"]
    app = site.address("envoy-app")
    assert not ask(f"{app}:{APP_PORT}", "/whoami", headers=FORGED).json()["identity"]


@pytest.mark.needs_envoy
@pytest.mark.needs_native
def test_load_that_goes_past_the_only_proxy_is_caught(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", proxies="client"))
    for _ in range(80):
        ask(f"{site.address('envoy-app')}:{APP_PORT}", "/", headers={"x-load": "x" * 500})
    (told,) = broken(deployed)
    assert told.startswith("what the application receives comes through the client sidecar: the application received")


@pytest.mark.needs_envoy
@pytest.mark.needs_native
@pytest.mark.parametrize("place", PLACES)
def test_metrics_and_access_log_of_the_only_proxy_are_shown(site: LocalSite, deploy: Deploy, place: str) -> None:
    arm = Arm(name="envoy", mesh="envoy", proxies=place, access_log=True, functions=Functions(metrics=True))
    deployed = deploy(site, arm)
    assert broken(deployed) == []
    assert [process.role for process in deployed.deployment.processes] == ["sidecar", "telemetry"]
    assert len(list((site.work_dir / "envoy").rglob("*.access.log"))) == 1


@pytest.mark.needs_envoy
@pytest.mark.needs_native
@pytest.mark.parametrize(
    ("place", "mode", "hops"),
    [
        ("client", "http", ["http1", "none", "http1", "none"]),
        ("server", "http", ["none", "http1", "http1", "none"]),
        ("client", "tcp", ["tcp", "none", "tcp", "none"]),
        ("server", "tcp", ["none", "tcp", "tcp", "none"]),
    ],
)
def test_hops_that_are_not_there_are_none(
    site: LocalSite, deploy: Deploy, place: str, mode: str, hops: list[str]
) -> None:
    deployed = deploy(site, Arm(name=place, mesh="envoy", proxies=place, mode=mode))
    assert broken(deployed) == []
    assert loaded(deployed) == 200
    facts = facts_of(deployed)
    assert [facts[f"hop.{hop}"] for hop in ("client_sidecar", "between", "app", "downgrade")] == hops


@pytest.mark.needs_envoy
@pytest.mark.needs_native
@pytest.mark.needs_netns
@pytest.mark.parametrize("place", PLACES)
def test_one_proxy_stands_in_its_pod(pods: LocalSite, deploy: Deploy, place: str) -> None:
    deployed = deploy(pods, Arm(name="envoy", mesh="envoy", proxies=place))
    assert broken(deployed) == []
    assert facts_of(deployed)["proxy.placement"] == place


def graph_of(*services: GraphService) -> Graph:
    entry = services[-1].name
    return Graph(name="t", entry=entry, services=services, digest=digest_of(entry, services))


ONE = graph_of(GraphService(name="app"))
CHAIN = graph_of(GraphService(name="back"), GraphService(name="front", calls=(Call(to="back"),)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("change", "graph", "told"),
    [
        ({"mtls": "strict"}, ONE, "nobody to speak mutual TLS with"),
        ({"interception": "transparent"}, ONE, "no connection is redirected"),
        ({"clusters": 2}, ONE, "no gateway between two clusters"),
        ({"functions": Functions(retries=1, routes=5, metrics=True)}, ONE, "routes, retries: functions are shared out"),
        ({}, CHAIN, "a graph has a proxy at both ends"),
    ],
    ids=["mtls", "transparent", "clusters", "functions", "graph"],
)
def test_what_needs_both_ends_is_refused(change: dict[str, object], graph: Graph, told: str, place: str) -> None:
    arm = replace(Arm(name="mine", mesh="envoy", proxies=place), **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=told) as refused:
        open_mesh("envoy").check(arm, graph, "netns")
    assert refused.value.code == "MP1008" and refused.value.hint
    assert "`mine`" in refused.value.message


@pytest.mark.parametrize("mesh", ["istio", "consul", "kuma", "linkerd"])
def test_other_meshes_refuse_one_proxy(mesh: str) -> None:
    arm = Arm(name="mine", mesh=mesh, proxies="client", mtls="strict")
    with pytest.raises(UsageError) as refused:
        open_mesh(mesh).check(arm, ONE, "netns")
    assert refused.value.code == "MP1008" and refused.value.hint


def test_a_layout_with_one_proxy_gives_addresses_to_that_one_only(laid_out: LayOut) -> None:
    client = laid_out(Arm(name="t", mesh="envoy", proxies="client"))
    assert sorted(client.addresses.values()) == ["client's sidecar", "server's pod"]
    server = laid_out(Arm(name="t", mesh="envoy", proxies="server"), block="127.8.0")
    assert sorted(server.addresses.values()) == ["server's pod", "server's sidecar"]
    assert server.dialled(CLIENT, "app") == (server.server.address, INBOUND_PORT)
