"""Load of each protocol through real sidecars: it is kept at every hop, and where it is not, that is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from meshperf.environments.local import LocalSite
from meshperf.experiment.residents import Deployed
from meshperf.load.native import NativeSession
from meshperf.load.plan import Arrivals, Phase, SessionPlan
from meshperf.spec.experiment import Arm, LoadPoint

Deploy = Callable[..., Deployed]
pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_native]

KEPT = {"hop.client_sidecar": "http2", "hop.between": "http2", "hop.app": "http2", "hop.downgrade": "none"}
DOWNGRADING = """\
admin: {address: {socket_address: {address: "{{ server_address }}", port_value: {{ admin_port }}}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: "{{ server_address }}", port_value: {{ inbound_port }}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: app
    type: STATIC
    upstream_bind_config: {source_address: {address: "{{ server_address }}", port_value: 0}}
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: {{ app_address }}, port_value: {{ app_port }}}}}
"""


def loaded(deployed: Deployed, protocol: str) -> Mapping[str, object]:
    """Facts of the hops after claims and a little load, as in a round."""
    assert [claim.claim for claim in deployed.deployment.observe("begin") if not claim.held] == []
    target = deployed.target(LoadPoint(protocol=protocol, rate=100, connections=2))
    phase = Phase(target=0, duration_s=0.3, arrivals=Arrivals.CONSTANT, rate=100)
    with NativeSession.open(SessionPlan(targets=(target,))) as session:
        (recorded,) = session.run((phase,)).phases
    assert recorded.counts.ok == recorded.counts.offered == 30
    facts = deployed.deployment.observed_facts()
    return {name: fact.value for name, fact in facts.items() if name.startswith("hop.")}


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
@pytest.mark.parametrize("mtls", ["off", "strict"])
def test_http2_is_kept_at_every_hop(site: LocalSite, deploy: Deploy, protocol: str, mtls: str) -> None:
    assert loaded(deploy(site, Arm(name="envoy", mesh="envoy", mtls=mtls)), protocol) == KEPT


@pytest.mark.needs_netns
def test_http2_is_kept_where_calls_are_redirected(pods: LocalSite, deploy: Deploy) -> None:
    arm = Arm(name="envoy", mesh="envoy", mtls="strict", interception="transparent")
    assert loaded(deploy(pods, arm), "http2") == KEPT


def test_probes_of_the_claims_do_not_pass_for_the_load(site: LocalSite, deploy: Deploy) -> None:
    found = loaded(deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict")), "http1")
    assert found == {**dict.fromkeys(KEPT, "http1"), "hop.downgrade": "none"}


def test_bytes_of_any_protocol_are_forwarded(site: LocalSite, deploy: Deploy) -> None:
    found = loaded(deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", mode="tcp")), "http2")
    assert found == {**dict.fromkeys(KEPT, "tcp"), "hop.downgrade": "none"}


def test_a_sidecar_that_goes_on_in_http1_is_told(site: LocalSite, deploy: Deploy, tmp_path: Path) -> None:
    template = tmp_path / "server.yaml"
    template.write_text(DOWNGRADING)
    found = loaded(deploy(site, Arm(name="envoy", mesh="envoy", server_bootstrap=template)), "http2")
    assert found["hop.between"] == "http2"
    assert found["hop.app"] == "http1"
    assert found["hop.downgrade"] == "http2 becomes http1 to the application"
