"""The adapter of `mesh: consul`: finds the programs, says what Consul cannot do, prepares a resident."""

from __future__ import annotations

import re

from meshperf.environments.site import Site
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes.base import Detection, Preparation
from meshperf.meshes.binaries import Binary, find_binary
from meshperf.meshes.consul.agent_config import check_settings
from meshperf.meshes.consul.entries import MOST_RULES
from meshperf.meshes.consul.layout import CONTROL, OUTSIDER
from meshperf.meshes.envoy.redirection import require_iptables
from meshperf.meshes.programs import CONSUL, find_envoy
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph

__all__ = ["ConsulMesh", "adapter"]

_OLDEST = (1, 17)
"""The first one that denies by default without access control lists."""

_CANNOT = {
    "rate_limit": "local rate limits belong to Consul's enterprise edition",
    "tracing": "Consul's proxies make spans only for a collector, and there is none here",
}
_HTTP_ONLY = ("authorization_rules", "routes", "route_match", "split", "retries", "timeout_s")


class ConsulMesh:
    """The adapter of `mesh: consul`."""

    name = "consul"

    def detect(self) -> Detection:
        try:
            consul = find_consul(None)
            envoy = find_envoy()
        except PrerequisiteError as missing:
            return Detection(mesh=self.name, available=False, missing=f"{missing.message}; {missing.hint}")
        return Detection(
            mesh=self.name,
            available=True,
            version=f"{consul.version} (from {consul.origin}) with Envoy {envoy.version}",
            binaries={"consul": consul.sha256, "envoy": envoy.sha256},
        )

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        """Raises UsageError (MP1008) for what Consul is not, PrerequisiteError for what is not here."""
        for trouble, hint in _troubles(arm, graph, environment):
            raise UsageError("MP1008", f"arm `{arm.name}`: {trouble}", hint=hint)
        check_settings(arm)
        if arm.interception == "transparent":
            require_iptables()
        find_consul(arm)
        find_envoy(arm.envoy_path)

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        from meshperf.meshes.consul.deployment import prepared

        consul, envoy = find_consul(arm), find_envoy(arm.envoy_path)
        return prepared(site, arm, resident, graph, consul=consul, envoy=envoy)


def find_consul(arm: Arm | None) -> Binary:
    """The Consul to run.

    Raises:
        PrerequisiteError: it was not found, cannot be used, or is older than the adapter knows (MP3007).
    """
    found = find_binary(CONSUL, arm.binaries.get("consul") if arm is not None else None)
    told = re.match(r"(\d+)\.(\d+)", found.version)
    if told is not None and (int(told[1]), int(told[2])) < _OLDEST:
        raise PrerequisiteError(
            "MP3007",
            f"Consul {found.version} (from {found.origin}) is older than 1.17, the first that denies by default",
            hint=CONSUL.hint,
        )
    return found


def _troubles(arm: Arm, graph: Graph, environment: str) -> list[tuple[str, str]]:
    """What Consul cannot be, with what to write instead; the first one is told."""
    found = []
    if environment not in ("local", "netns"):
        found.append((f"Consul is not run in the environment `{environment}`", "write `environment: local` or `netns`"))
    if arm.mtls != "strict":
        found.append(("Consul's sidecars always speak mutual TLS", "write `mtls: strict`"))
    if arm.interception == "transparent" and environment != "netns":
        found.append(("connections can be redirected in a network of its own only", "write `environment: netns`"))
    if arm.proxies != "both":
        why = "Consul's sidecars speak to sidecars only, so there is one at each end"
        found.append((why, "leave `proxies` out; `mesh: envoy` can have one proxy alone"))
    if arm.clusters != 1:
        why = "two clusters of Consul are two datacenters with mesh gateways between them, which are not run here"
        found.append((why, "leave `clusters` out; `link_delay` alone lengthens the way to the services"))
    if arm.client_bootstrap is not None or arm.server_bootstrap is not None:
        found.append(("Consul writes the configuration of its sidecars itself", "use `mesh: envoy` for your own"))
    for name in arm.functions.used():
        if name in _CANNOT:
            found.append((f"`{name}` is not there: {_CANNOT[name]}", "leave it out"))
        elif name in _HTTP_ONLY and arm.mode == "tcp":
            found.append((f"`{name}` is about requests, and `mode: tcp` forwards bytes", "write `mode: http`"))
    if arm.functions.authorization_rules > MOST_RULES:
        found.append(
            (
                f"Consul excludes every earlier rule in each later one, and more than {MOST_RULES} are not carried",
                f"write at most {MOST_RULES}",
            )
        )
    if environment == "local" and arm.limits.keys() & {"server"}:
        found.append(
            (
                "limits hold for a pod, and on loopback a service and its sidecar are none",
                "write `environment: netns`, which needs root",
            )
        )
    taken = {service.name for service in graph.services} & {CONTROL, OUTSIDER}
    if taken:
        found.append((f"a service named `{min(taken)}` would be where the adapter's own pod is", "rename the service"))
    return found


def adapter() -> ConsulMesh:
    return ConsulMesh()
