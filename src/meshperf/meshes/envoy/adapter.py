"""`mesh: envoy`: detect it, refuse what it cannot be, prepare a resident.

Options of an arm: `mtls` strict or off, `proxy_concurrency` workers a sidecar, `access_log`, `mode` http or tcp,
`proxies` both or one of them alone, `functions`, `interception`, `envoy` a binary, `client_bootstrap` and
`server_bootstrap` the user's own configuration templates.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from meshperf.environments.site import Site, folder_name
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes.base import ControlledProxies, Detection, Preparation
from meshperf.meshes.programs import find_envoy
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph

__all__ = ["EnvoyMesh", "adapter"]

_BYTES_TOO = frozenset({"metrics"})
"""Functions that do not look into requests."""


class EnvoyMesh:
    """The adapter of `mesh: envoy`."""

    name = "envoy"

    def detect(self) -> Detection:
        try:
            binary = find_envoy()
        except PrerequisiteError as missing:
            return Detection(mesh=self.name, available=False, missing=f"{missing.message}; {missing.hint}")
        return Detection(
            mesh=self.name,
            available=True,
            version=f"{binary.version} ({binary.build}, from {binary.origin})",
            binaries={"envoy": binary.sha256},
        )

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        from meshperf.meshes.envoy.redirection import require_iptables

        for problem, hint in _problems(arm, graph, environment):
            raise UsageError("MP1008", f"arm `{arm.name}`: {problem}", hint=hint)
        if arm.interception == "transparent":
            require_iptables()
        find_envoy(_option(arm))

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        from meshperf.meshes.envoy.deployment import EnvoyPreparation
        from meshperf.meshes.envoy.layout import lay_out

        binary = find_envoy(_option(arm))
        folder = site.work_dir / "envoy" / folder_name(resident)
        layout = lay_out(site, arm, resident, graph, folder)
        return EnvoyPreparation(site=site, arm=arm, resident=resident, binary=binary, layout=layout)

    def deploy_proxies(
        self, site: Site, arm: Arm, resident: str, *, proxies: int, endpoints: tuple[str, str]
    ) -> ControlledProxies:
        from meshperf.meshes.envoy.watched_files import deploy_proxies

        binary = find_envoy(_option(arm))
        return deploy_proxies(site, arm, resident, binary=binary, proxies=proxies, endpoints=endpoints)


def _option(arm: Arm) -> Path | None:
    return arm.envoy_path or arm.binaries.get("envoy")


def _problems(arm: Arm, graph: Graph, environment: str) -> Iterator[tuple[str, str]]:
    """What this mesh cannot be, each with what to write instead."""
    if arm.interception == "transparent" and environment != "netns":
        yield (
            "transparent interception needs a network namespace for each pod",
            "write `environment: netns`, or `interception: explicit`",
        )
    unreadable = [name for name in arm.functions.used() if name not in _BYTES_TOO]
    if arm.mode == "tcp" and unreadable:
        yield f"a proxy that forwards bytes cannot do {', '.join(unreadable)}", "write `mode: http`"
    own = arm.client_bootstrap is not None or arm.server_bootstrap is not None
    if own and len(graph.services) > 1:
        yield "bootstrap templates are there for a single service, not for a graph", "leave them out"
    if own and (environment == "netns" or arm.functions.used()):
        yield (
            "an arm with bootstrap templates of its own has no functions of ours and runs on loopback addresses",
            "leave the templates out, or write what they are to do into them",
        )
    if arm.proxies != "both":
        yield from _one_proxy_problems(arm, graph)
    if arm.control_plane:
        yield "static sidecars have no control plane to be set", "leave `control_plane` out"
    if arm.clusters > 1 and environment != "netns":
        yield (
            "two clusters need a network namespace for each pod",
            "write `environment: netns`, or leave `clusters` out",
        )


def _one_proxy_problems(arm: Arm, graph: Graph) -> Iterator[tuple[str, str]]:
    """What needs a proxy at both ends."""
    alone = f"with `proxies: {arm.proxies}`"
    if len(graph.services) > 1:
        yield f"a graph has a proxy at both ends of each call, not one {alone}", "leave `proxies` out, or `graph: echo`"
    if arm.mtls == "strict":
        yield f"there is nobody to speak mutual TLS with {alone}", "write `mtls: off`, or `proxies: both`"
    if arm.interception == "transparent":
        yield f"no connection is redirected {alone}", "write `interception: explicit`, or leave it out"
    if arm.clusters > 1:
        yield f"there is no gateway between two clusters {alone}", "leave `clusters` out, or write `proxies: both`"
    if arm.client_bootstrap is not None or arm.server_bootstrap is not None:
        yield "bootstrap templates are for a pair of proxies", "leave them out, or write `proxies: both`"
    both_ends = [name for name in arm.functions.used() if name not in _BYTES_TOO]
    if both_ends:
        yield (
            f"{', '.join(both_ends)}: functions are shared out between two proxies and not there {alone}",
            "leave them out, or write `proxies: both`",
        )


def adapter() -> EnvoyMesh:
    return EnvoyMesh()
