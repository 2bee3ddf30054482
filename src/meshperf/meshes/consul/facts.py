"""Facts of a Consul arm: what was configured, and what was seen at work."""

from __future__ import annotations

from dataclasses import dataclass

from meshperf.environments.asking import ask
from meshperf.meshes.binaries import Binary
from meshperf.meshes.consul.entries import REQUEST_TIMEOUT_S
from meshperf.meshes.consul.layout import Layout
from meshperf.meshes.consul.questions import supported_proxies
from meshperf.meshes.envoy_facts import (
    Hops,
    declared_facts,
    header_growth,
    mesh_facts,
    program_facts,
    proxy_facts,
    security_facts,
)
from meshperf.meshes.none import NO_LIBRARY
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Fact, Facts

__all__ = ["Seen", "configured_facts"]

KEY_TYPE = "ECDSA P-256"
"""Of Consul's own authority and its leaves, unless it is told otherwise."""


def configured_facts(arm: Arm, layout: Layout, *, consul: Binary, envoy: Binary, config_digest: str) -> Facts:
    """What the arm is made of and what was asked of it; read from a running agent where that knows better."""
    minor = ".".join(consul.version.split(".")[:2])
    timeout_s = arm.functions.timeout_s or REQUEST_TIMEOUT_S
    return {
        **mesh_facts(
            arm,
            version=consul.version,
            release="development" if "-" in consul.version else "release",
            label=f"consul {minor}",
            control_plane=f"consul agent {consul.version} (one server, in memory)",
            config_digest=config_digest,
        ),
        **declared_facts(
            arm,
            interception="iptables redirect" if layout.transparent else "explicit port",
            key_type=KEY_TYPE,
            telemetry="counters, scraped every second" if arm.functions.metrics else "counters",
            request_timeout_s=timeout_s if arm.mode == "http" else None,
        ),
        **proxy_facts(envoy),
        **program_facts(consul),
        **_listed(layout, envoy),
        **{
            f"control_plane.{name}": Fact(value=value, source="experiment", observed=False)
            for name, value in arm.control_plane.items()
        },
        "proxy.config_digest": Fact(value=config_digest, source="adapter"),
        **NO_LIBRARY,
    }


def _listed(layout: Layout, envoy: Binary) -> Facts:
    """Whether this Envoy is one that this Consul says it was made for."""
    versions = supported_proxies(ask(layout.http, "/v1/agent/self").json())
    if not versions:
        return {"binary.envoy.listed_by_consul": Fact(unavailable="the agent does not say which proxies it supports")}
    listed = ", ".join(versions)
    return {"binary.envoy.listed_by_consul": Fact(value=envoy.version in versions, source=f"agent lists {listed}")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Reads what the proxies agreed on and what the workload received, after load has run."""

    arm: Arm
    layout: Layout
    entry: str
    """The client's upstream listener for the entry, as meshperf dials it."""
    hops: Hops

    def __call__(self) -> Facts:
        growth = header_growth(ask(self.entry, "/whoami").json()) if self.arm.mode == "http" else {}
        # Whether one was resumed is chance; that Consul lets them be is not.
        resumption = Fact(value=True, source="configuration: not switched off", observed=False)
        return {
            **security_facts(self.layout.client.admin),
            "security.resumption": resumption,
            **growth,
            **self.hops.facts(),
        }
