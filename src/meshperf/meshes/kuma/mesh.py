"""The adapter of `mesh: kuma`: finds the programs, says what Kuma cannot do, prepares a resident."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshperf.environments.site import Site
from meshperf.errors import PrerequisiteError, UsageError
from meshperf.meshes.base import Detection, Preparation
from meshperf.meshes.binaries import Binary, BinarySpec, find_binary
from meshperf.meshes.kuma.commands import check_settings
from meshperf.meshes.kuma.layout import CONTROL, UNLISTED
from meshperf.meshes.programs import KUMA_CP, KUMA_DP, KUMACTL, find_envoy
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph

__all__ = ["Installation", "KumaMesh", "adapter", "find_kuma"]

_FIRST, _AFTER = (2, 10), (3, 0)
"""Versions whose resources the adapter writes: 3.0 knows other permissions."""

_CANNOT = {
    "authorization_rules": "Kuma's permissions are about who calls, not about what is asked for",
    "split": "Kuma tells subsets apart by tags of their endpoints, and here all subsets have the same ones",
    "metrics": "Kuma keeps the admin interface of its sidecars on a socket that the scraper does not read",
    "tracing": "Kuma's sidecars make spans only for a collector, and there is none here",
}
_HTTP_ONLY = ("routes", "retries", "timeout_s", "rate_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The programs of one arm."""

    control_plane: Binary
    dataplane: Binary
    kumactl: Binary
    envoy: Binary


class KumaMesh:
    """The adapter of `mesh: kuma`; never run against a real Kuma by meshperf itself."""

    name = "kuma"

    def detect(self) -> Detection:
        try:
            found = find_kuma(None)
        except PrerequisiteError as missing:
            told = f"{missing.message}; {missing.hint}"
            return Detection(mesh=self.name, available=False, missing=told, proven=False)
        plane = found.control_plane
        programs = (plane, found.dataplane, found.kumactl, found.envoy)
        return Detection(
            mesh=self.name,
            available=True,
            version=f"{plane.version} (from {plane.origin}) with Envoy {found.envoy.version}",
            binaries={program.name: program.sha256 for program in programs},
            proven=False,
        )

    def check(self, arm: Arm, graph: Graph, environment: str) -> None:
        """Raises UsageError (MP1008) for what Kuma is not, PrerequisiteError for what is not here."""
        for trouble, hint in _troubles(arm, graph, environment):
            raise UsageError("MP1008", f"arm `{arm.name}`: {trouble}", hint=hint)
        check_settings(arm)
        find_kuma(arm)

    def prepare(self, site: Site, arm: Arm, resident: str, graph: Graph) -> Preparation:
        from meshperf.meshes.kuma.deployment import prepared

        return prepared(site, arm, resident, graph, installation=find_kuma(arm))


def find_kuma(arm: Arm | None) -> Installation:
    """Kuma's programs, all of one version, and the Envoy that kuma-dp is to start.

    Raises:
        PrerequisiteError: one was not found or cannot be used, they differ, or they are of another age (MP3007).
    """

    def program(spec: BinarySpec) -> Binary:
        return find_binary(spec, arm.binaries.get(spec.name) if arm is not None else None)

    found = Installation(
        control_plane=program(KUMA_CP),
        dataplane=program(KUMA_DP),
        kumactl=program(KUMACTL),
        envoy=find_envoy(arm.envoy_path if arm is not None else None),
    )
    versions = {binary.version for binary in (found.control_plane, found.dataplane, found.kumactl)}
    if len(versions) > 1:
        raise PrerequisiteError(
            "MP3007", f"Kuma's programs are of several versions: {', '.join(sorted(versions))}", hint=KUMA_CP.hint
        )
    told = re.match(r"(\d+)\.(\d+)", found.control_plane.version)
    if told is not None and not _FIRST <= (int(told[1]), int(told[2])) < _AFTER:
        raise PrerequisiteError(
            "MP3007",
            f"Kuma {found.control_plane.version} is none that the adapter writes resources for: 2.10 to 2.x",
            hint=KUMA_CP.hint,
        )
    return found


def _troubles(arm: Arm, graph: Graph, environment: str) -> list[tuple[str, str]]:
    """What Kuma cannot be, with what to write instead; the first one is told."""
    found = []
    if environment != "netns":
        found.append(
            (
                "Kuma's control plane listens on every address of its network, so it needs one of its own",
                "write `environment: netns`, which needs root",
            )
        )
    if arm.proxies != "both":
        why = "Kuma gives every service and every caller its sidecar"
        found.append((why, "leave `proxies` out; `mesh: envoy` can have one proxy alone"))
    if arm.clusters != 1:
        why = "two clusters of Kuma are two zones with their own ingress and egress, which are not run here"
        found.append((why, "leave `clusters` out; `link_delay` alone lengthens the way to the services"))
    if arm.client_bootstrap is not None or arm.server_bootstrap is not None:
        found.append(("Kuma writes the configuration of its sidecars itself", "use `mesh: envoy` for your own"))
    wanted = arm.functions
    for name in wanted.used():
        if name in _CANNOT:
            found.append((f"`{name}` is not there: {_CANNOT[name]}", "leave it out"))
        elif name in _HTTP_ONLY and arm.mode == "tcp":
            found.append((f"`{name}` is about requests, and `mode: tcp` forwards bytes", "write `mode: http`"))
    if wanted.routes > 1 and wanted.route_match == "first":
        why = "Kuma puts exact paths before the prefix that the load takes, so that one is last"
        found.append((why, "write `route_match: last`"))
    if wanted.rate_limit is not None and wanted.rate_limit != round(wanted.rate_limit):
        found.append(("Kuma limits to whole requests a second", "write a whole number"))
    taken = {service.name for service in graph.services} & {CONTROL, UNLISTED}
    if taken:
        found.append((f"a service named `{min(taken)}` would be where the adapter's own pod is", "rename the service"))
    return found


def adapter() -> KumaMesh:
    return KumaMesh()
