"""Facts from recorded counters: what a proxy counted, and what may be said of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from answering import answering, http

from meshperf.errors import DeploymentError
from meshperf.meshes import envoy_facts
from meshperf.meshes.binaries import Binary
from meshperf.meshes.none import ABSENT
from meshperf.spec.experiment import Arm, Functions

ARM = Arm(name="a", mesh="envoy", mtls="strict")


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch, **told: Mapping[str, int]) -> Iterator[dict[str, dict[str, int]]]:
    """Admin interfaces by name, and what each has counted so far."""
    counters = {name: dict(values) for name, values in told.items()}
    with monkeypatch.context() as patch:
        patch.setattr("meshperf.meshes.envoy_admin.counters", lambda admin: dict(counters[admin]))
        yield counters


def values(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: fact.value for name, fact in facts.items()}  # type: ignore[attr-defined]


PROBED = {"http.out.downstream_cx_http1_total": 9, "cluster.out.upstream_cx_http1_total": 1}
REACHED = {"cluster.in.upstream_cx_http1_total": 1, "cluster.xds.upstream_cx_http2_total": 1}


def test_the_load_counts_and_the_probes_before_it_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting(monkeypatch, client=PROBED, server=REACHED) as counters:
        hops = envoy_facts.Hops("client", "server", is_hop=lambda cluster: cluster != "xds")
        hops.begin()
        counters["client"] |= {"http.out.downstream_cx_http2_total": 4, "cluster.out.upstream_cx_http2_total": 2}
        counters["server"] |= {"cluster.in.upstream_cx_http2_total": 2}
        assert values(hops.facts()) == {
            "hop.client_sidecar": "http2",
            "hop.between": "http2",
            "hop.app": "http2",
            "hop.downgrade": "none",
        }


def test_a_proxy_that_goes_on_in_http1_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting(monkeypatch, client=PROBED, server=REACHED) as counters:
        hops = envoy_facts.Hops("client", "server", is_hop=lambda cluster: cluster != "xds")
        hops.begin()
        counters["client"] |= {"http.out.downstream_cx_http2_total": 4, "cluster.out.upstream_cx_http2_total": 2}
        counters["server"] |= {"cluster.in.upstream_cx_http1_total": 5}
        found = values(hops.facts())
    assert found["hop.app"] == "http1"
    assert found["hop.downgrade"] == "http2 becomes http1 to the application"


def test_load_on_a_connection_that_was_open_already_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting(monkeypatch, client=PROBED, server=REACHED):
        hops = envoy_facts.Hops("client", "server", is_hop=lambda cluster: cluster != "xds")
        hops.begin()
        assert values(hops.facts())["hop.app"] == "http1"


def test_a_hop_that_nothing_passed_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting(monkeypatch, client={}, server={}):
        fact = envoy_facts.Hops("client", "server").facts()["hop.between"]
    assert fact.value is None
    assert fact.unavailable == "no request passed"


def test_proxies_that_forward_bytes_know_no_protocol() -> None:
    assert values(envoy_facts.Hops("nobody", "asked", mode="tcp").facts())["hop.app"] == "tcp"


def test_functions_are_one_value_whatever_their_order() -> None:
    functions = Functions(routes=100, authorization_rules=10, split=(90, 10), tracing=True)
    assert envoy_facts.functions_text(functions) == "authorization_rules=10, routes=100, split=90/10, tracing"
    assert envoy_facts.functions_text(Functions()) == "none"


def test_every_fact_that_must_be_equal_is_stated_without_a_mesh_too() -> None:
    binary = Binary(
        name="envoy",
        path=Path("/there/envoy"),
        origin="PATH",
        version="1.40.0",
        build="RELEASE/BoringSSL",
        sha256="ab",
    )
    stated = {
        **envoy_facts.mesh_facts(
            ARM, version="1", release="static", label="envoy 1", control_plane="none", config_digest="d"
        ),
        **envoy_facts.proxy_facts(binary),
        **envoy_facts.declared_facts(ARM, interception="explicit port", key_type="ECDSA P-256"),
    }
    apart = ("security.", "binary.")  # `none` states these by its own security, and has no programs
    assert {name for name in stated if not name.startswith(apart)} <= ABSENT.keys()
    assert stated["binary.envoy.origin"].value == "PATH"
    assert str(binary.path) not in str(stated)


def test_what_an_arm_declares_is_not_yet_observed() -> None:
    arm = replace(ARM, functions=Functions(retries=2))
    stated = envoy_facts.declared_facts(arm, interception="explicit port", key_type="ECDSA P-256", request_timeout_s=15)
    assert not stated["security.mtls"].observed
    assert stated["proxy.retries"].value == 2
    assert stated["proxy.request_timeout_s"].value == 15
    off = envoy_facts.declared_facts(replace(arm, mtls="off"), interception="none", key_type="ECDSA P-256")
    assert off["security.key_type"].value == "none"
    assert off["proxy.request_timeout_s"].value == "none"


def test_headers_that_the_probe_did_not_send_are_growth() -> None:
    headers = {"host": "h", "connection": "close", "accept-encoding": "identity", "x-added": "1234"}
    facts = envoy_facts.header_growth({"headers": headers, "identity": "spiffe://x/client"})
    assert facts["proxy.header_growth_bytes"].value == len("x-added: 1234\r\n")
    assert facts["security.identity"].value == "spiffe://x/client"
    assert envoy_facts.header_growth({}) == {}


def test_the_first_answer_is_timed_from_the_start_of_the_mesh() -> None:
    since = time.monotonic() - 1.0
    with answering(http({})) as address:
        value = envoy_facts.first_request(address, since=since, check=lambda: None)["mesh.first_request_s"].value
    assert isinstance(value, float)
    assert 1.0 <= value < 10.0


def test_a_mesh_that_never_answers_has_no_first_request() -> None:
    with answering(http({}, 503)) as address:
        facts = envoy_facts.first_request(address, since=time.monotonic(), check=lambda: None, deadline_s=0.05)
    assert "status 503" in str(facts["mesh.first_request_s"].unavailable)


@pytest.mark.parametrize("alone", [True, False])
def test_nobody_waits_for_a_proxy_that_is_dead(alone: bool) -> None:
    def check() -> None:
        raise DeploymentError("MP5104", "envoy-client-sidecar ended during the measurement (killed by SIGKILL)")

    began = time.monotonic()
    with answering(http({}, 503)) as address, pytest.raises(DeploymentError, match="killed by SIGKILL") as told:
        # Its own address is refused; one before it answers that there is no way on.
        envoy_facts.first_request("127.0.0.1:9" if alone else address, since=began, check=check, deadline_s=20.0)
    assert told.value.code == "MP5104"
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    ("client", "server", "counters"),
    [
        (
            "client",
            None,
            {"client": {"http.out.downstream_cx_http2_total": 1, "cluster.out.upstream_cx_http1_total": 1}},
        ),
        (
            None,
            "server",
            {"server": {"http.in.downstream_cx_http2_total": 1, "cluster.in.upstream_cx_http1_total": 1}},
        ),
    ],
)
def test_one_proxy_alone_that_changes_the_protocol_is_reported(
    monkeypatch: pytest.MonkeyPatch, client: str | None, server: str | None, counters: dict[str, dict[str, int]]
) -> None:
    with counting(monkeypatch, **counters):
        found = values(envoy_facts.Hops(client, server).facts())
    before, nothing = ("client_sidecar", "between") if client else ("between", "client_sidecar")
    assert (found[f"hop.{before}"], found[f"hop.{nothing}"], found["hop.app"]) == ("http2", "none", "http1")
    assert found["hop.downgrade"] == "http2 becomes http1 to the application"
