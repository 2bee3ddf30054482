"""Every field that decides whether two measurements of a mesh compare has a rule, or a reason that the documents give.

The list is that of the project's practice of comparing: group, field, how equal it must be, what an unknown one means.
A rule may be stricter than the list; where it is milder, or where there is none, the reason stands in the documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from meshperf.analysis import packaged_rules
from meshperf.analysis.rules import POLICIES, SEVERITIES

DOCS = Path(__file__).parents[2] / "docs"
BOOK = packaged_rules()


@dataclass(frozen=True)
class Field:
    """One field of the list. `subject`: words that let it differ. `milder`: how the documents name the reason."""

    name: str
    paths: tuple[str, ...]
    severity: str
    unknown: str
    subject: tuple[str, ...] = ()
    tolerance: float = 0.0
    milder: str = ""


FIELDS = (
    Field("mesh type", ("mesh.type",), "EQ", "block", ("mesh",)),
    Field("data-plane mode", ("mesh.mode",), "EQ", "block", ("mesh",)),
    Field("mesh version and build", ("mesh.version", "mesh.build", "mesh.control_plane", "mesh.release"), "EQ", "flag",
          ("mesh", "mesh_version")),
    Field("proxy version and build", ("proxy.version", "proxy.build", "proxy.sha256"), "EQ", "flag", ("mesh_version",)),
    Field("mutual TLS", ("security.mtls",), "EQ", "block", ("mesh_config:mtls",)),
    Field("intra-node exemption", ("security.intra_node_exemption",), "EQ", "block", ("mesh_config:mtls",)),
    Field("protocol, cipher and key", ("security.tls_version", "security.tls_cipher", "security.tls_group",
          "security.key_type"), "EQ", "block", ("mesh_config:mtls",), milder="details of TLS"),
    Field("processing level", ("proxy.mode",), "EQ", "flag", ("mesh_config:mode",)),
    Field("HTTP version upstream", ("hop.between", "hop.app"), "EQ", "flag", ("mesh_config:mode",)),
    Field("retries and timeouts", ("proxy.retries", "proxy.request_timeout_s"), "EQ", "flag",
          ("mesh_config:functions",)),
    Field("policies, rate limit, extensions", ("proxy.functions", "proxy.extensions"), "EQ", "flag"),
    Field("telemetry", ("proxy.telemetry", "proxy.access_log"), "EQ", "flag"),
    Field("workers of the proxy", ("proxy.concurrency",), "EQ", "flag"),
    Field("requests and limits", ("limits.client", "limits.server", "limits.control_plane"), "EQ", "flag",
          ("node_type",)),
    Field("interception", ("interception.kind", "interception.native_sidecar"), "EQ", "flag",
          ("mesh",)),
    Field("replicas and version of the control plane", ("control_plane.replicas", "control_plane.version"), "EQ",
          "flag", ("mesh",)),
    Field("what the control plane knows", ("control_plane.proxies", "control_plane.services", "control_plane.routes"),
          "CLOSE", "flag", ("mesh",), tolerance=0.10),
    Field("clusters", ("clusters.count", "clusters.topology", "topology.clusters"), "EQ", "block"),
    Field("network between clusters", ("topology.link_delay_s",), "EQ", "block"),
    Field("node type, count", ("nodes.type", "nodes.count"), "EQ", "block", ("node_type",)),
    Field("processor and cores", ("host.cpu_model", "host.cores", "host.arch"), "EQ", "block", ("node_type",)),
    Field("machine type, threads of a core", ("host.machine_type", "host.smt"), "EQ", "flag", ("node_type",)),
    Field("memory of a node", ("host.memory_bytes",), "CLOSE", "flag", ("node_type",), tolerance=0.05),
    Field("burstable families", (), "", "", milder="burstable"),
    Field("kernel", ("host.kernel",), "EQ", "flag", ("node_type",)),
    Field("patch of the kernel, distribution", ("host.distribution", "host.kernel_build"), "FREE", "note"),
    Field("settings of the kernel", ("host.vulnerabilities_digest", "host.boot_options", "host.governor",
          "host.transparent_hugepages", "host.tcp_congestion_control", "host.loopback_mtu_bytes"), "EQ", "flag",
          ("node_type",)),
    Field("cloud, region, zone, spot", ("cloud.provider", "cloud.region", "cloud.zone", "cloud.spot"), "EQ", "flag"),
    Field("Kubernetes", ("kubernetes.version", "kubernetes.distribution", "kubernetes.runtime",
          "kubernetes.kube_proxy_mode"), "EQ", "flag", ("kubernetes",)),
    Field("network plugin", ("cni.name", "cni.version", "cni.encryption", "cni.mode", "cni.mtu"), "EQ", "block"),
    Field("placement", ("placement.client_server", "placement.zone", "placement.generator"), "EQ", "block"),
    Field("pinned cores", ("host.cpus.generator", "host.cpus.sidecar"), "EQ", "block", ("node_type",)),
    Field("workload, replicas, depth", ("workload.sha256", "workload.replicas", "workload.graph",
          "workload.graph_digest"), "EQ", "block", ("workload",)),
    Field("language, service time, upstream keep-alive", ("workload.language", "workload.service_time",
          "workload.keep_alive"), "EQ", "flag", ("workload",)),
    Field("client library", ("client_library.functions", "client_library.version", "client_library.pool"), "EQ", "flag",
          ("client_library",)),
    Field("protocol", ("load.protocol", "load.http_version", "load.method", "load.header_count", "load.tls.versions"),
          "EQ", "block", ("load",)),
    Field("sizes", ("load.body_bytes", "load.reply_bytes", "workload.response_bytes"), "CLOSE", "block", (),
          tolerance=0.02),
    Field("offered rate", ("load.rate",), "EQ", "block", ("load",)),
    Field("achieved rate", (), "", "", milder="The achieved rate"),
    Field("connections", ("load.connections", "load.streams", "load.max_connections", "load.pooling",
          "load.requests_per_connection", "load.connection_age_s"), "EQ", "block", ("load",)),
    Field("loop and arrivals", ("load.loop", "load.arrivals", "load.quantum_s", "load.in_flight", "load.think_s"), "EQ",
          "block", ("load",)),
    Field("catch-up policy", (), "", "", milder="catches up"),
    Field("duration and warm-up", ("load.duration_s", "load.warmup_s"), "CLOSE", "flag", ("load",), tolerance=0.20),
    Field("ramp", ("load.stages",), "EQ", "flag", ("load",)),
    Field("generator", ("load.generator", "load.generator_version", "load.workers", "load.latency_origin"), "EQ",
          "block"),
    Field("calibration of two generators", (), "", "", milder="calibration"),
    Field("histogram and its resolution", ("load.histogram", "load.histogram_resolution"), "EQ", "flag"),
    Field("definition of a quantile", (), "", "", milder="definition of a quantile"),
    Field("success criterion", ("errors.criterion", "load.latency_of"), "EQ", "block"),
    Field("error share", ("errors.share",), "CLOSE", "block", tolerance=0.001),
    Field("design", ("design.kind",), "EQ", "flag"),
    Field("time between sessions", (), "", "", milder="time between"),
    Field("accounting of resources", ("accounting.source", "accounting.window", "accounting.metric"), "EQ", "flag"),
)  # fmt: skip
RULED = [(field, path) for field in FIELDS for path in field.paths]


@pytest.mark.parametrize(("field", "path"), RULED, ids=[path for _, path in RULED])
def test_a_field_that_matters_has_a_rule_as_strict_as_it_must_be(field: Field, path: str) -> None:
    rule = BOOK.rule(path)
    assert rule.path != "*", f"{path} falls through to the rule for everything else"
    assert SEVERITIES.index(rule.severity) <= SEVERITIES.index(field.severity)
    assert rule.tolerance <= field.tolerance
    mild = POLICIES.index(rule.unknown) > POLICIES.index(field.unknown)
    assert not mild or field.milder, f"{path}: unknown is {rule.unknown}, not {field.unknown}"
    assert rule.severity == "FREE" or (rule.why and rule.fix), f"{path} says no reason or no fix"
    for word in field.subject:
        assert BOOK.is_subject(path, (word,)), f"`subject: [{word}]` does not let {path} differ"


@pytest.mark.parametrize("field", [field for field in FIELDS if field.milder], ids=lambda field: field.name)
def test_a_field_without_a_rule_or_with_a_milder_one_has_its_reason_in_the_documents(field: Field) -> None:
    text = (DOCS / "concepts" / "comparability.md").read_text(encoding="utf-8")
    told = text.partition("## What has no rule of its own")[2].partition("\n## ")[0]
    assert field.milder in told


def test_every_documented_fact_of_a_mesh_and_of_a_load_has_a_rule() -> None:
    mesh = (DOCS / "reference" / "facts-of-a-mesh.md").read_text(encoding="utf-8")
    load = (DOCS / "concepts" / "comparability.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:mesh|proxy|security|interception|hop|control_plane|load|client_library)\.[a-z_.*]+)`", mesh + load
    )
    assert len(set(named)) > 40
    assert {path for path in named if BOOK.rule(path.replace("*", "zz")).path == "*"} == set()


def test_versions_of_two_programs_are_not_alike_for_their_numbers() -> None:
    runtime = BOOK.rule("kubernetes.runtime")
    assert runtime.same("containerd 1.7.2", "containerd 1.7.9")
    assert not runtime.same("containerd 1.7.2", "cri-o 1.7.2")
    assert not runtime.same("containerd 1.7.2", "containerd 1.8.0")
    assert BOOK.rule("kubernetes.version").same("v1.29.3", "1.29.0")
    assert not BOOK.rule("kubernetes.distribution").same("k3s 1.29.1", "kind 1.29.1")


def test_two_versions_of_a_mesh_compare_where_versions_are_the_subject() -> None:
    for path in ("mesh.version", "mesh.control_plane", "control_plane.version", "proxy.version"):
        assert BOOK.is_subject(path, ("mesh_version",))
    assert not BOOK.is_subject("mesh.type", ("mesh_version",))
