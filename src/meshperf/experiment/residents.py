"""Deploy the residents of one round: the services and the mesh of each, in the plan's random order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from meshperf.environments.local import LocalSite
from meshperf.environments.site import Process, Site
from meshperf.errors import ComparisonError
from meshperf.experiment.plan import Resident, RoundPlan
from meshperf.experiment.topology import limit_pods, open_link
from meshperf.load.plan import Target
from meshperf.load.targets import requested
from meshperf.meshes import APP_PORT, AppAddress, ArmDeployment, TlsFiles, open_mesh
from meshperf.spec.experiment import LoadPoint, Workload
from meshperf.spec.graph import Graph
from meshperf.spec.records import Claim
from meshperf.workloads import Endpoint, WorkloadTls, start_service

__all__ = ["App", "Deployed", "deploy_resident", "deploy_round", "require_claims"]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One service of a resident that is up."""

    process: Process
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One resident that is up: its own processes of every service, and what its mesh brought."""

    resident: Resident
    graph: Graph
    apps: Mapping[str, App]
    """By service, callers first: the entry begins."""
    deployment: ArmDeployment
    link: Process | None = None
    """What carries frames between two clusters, the same for every resident of the round."""

    @property
    def processes(self) -> Sequence[Process]:
        """All measured processes, the application's first."""
        own = (*(app.process for app in self.apps.values()), *self.deployment.processes)
        return own if self.link is None else (*own, self.link)

    def component(self, process: Process) -> str:
        """The process's name without its resident: `app` or the service's name, `client-sidecar`."""
        return process.name.removeprefix(f"{self.resident.name}-")

    def target(self, point: LoadPoint) -> Target:
        """Where this resident's load goes at one load point."""
        return requested(self.deployment.target, point, name=self.resident.name)


def deploy_round(
    site: LocalSite, round_plan: RoundPlan, workload: Workload, *, note: Callable[[str], None]
) -> tuple[Deployed, ...]:
    """Start every resident afresh. The result is in the group's order, whatever the order of starting.

    Raises:
        DeploymentError: a process did not become ready. PrerequisiteError: a binary is missing.
    """
    graph = workload.as_graph()
    link = open_link(site, round_plan)
    up: dict[int, Deployed] = {}
    for index in round_plan.start_order:
        resident = round_plan.group.residents[index]
        limit_pods(site, resident.arm, resident.name, graph)
        up[index] = replace(deploy_resident(site, resident, graph, note=note), link=link)
    return tuple(up[index] for index in range(len(round_plan.group.residents)))


def deploy_resident(
    site: Site, resident: Resident, graph: Graph, *, note: Callable[[str], None] = lambda text: None
) -> Deployed:
    """Start one resident: its services, callees before their callers, then what its mesh brings.

    Raises:
        DeploymentError: a process did not become ready. PrerequisiteError: a binary is missing.
    """
    services = graph.services
    note(f"starting {resident.name}{f' ({len(services)} services)' if len(services) > 1 else ''}")
    preparation = open_mesh(resident.arm.mesh).prepare(site, resident.arm, resident.name, graph)
    apps: dict[str, App] = {}
    addresses: dict[str, AppAddress] = {}
    for service in services:
        needs = preparation.needs(service.name)
        process, endpoint = start_service(
            site,
            graph,
            service.name,
            name=f"{resident.name}-{service.name}",
            host=needs.host,
            upstreams={call.to: preparation.upstream(service.name, call.to) for call in service.calls},
            port=APP_PORT,
            tls=_workload_tls(needs.tls),
            callee_identities=needs.callee_identities,
            trusted_peer=needs.trusted_peer,
        )
        apps[service.name] = App(process=process, endpoint=endpoint)
        addresses[service.name] = AppAddress(host=site.address(needs.host), port=APP_PORT, admin=endpoint.admin)
    deployment = preparation.deploy(addresses)
    return Deployed(
        resident=resident,
        graph=graph,
        apps={service.name: apps[service.name] for service in reversed(services)},
        deployment=deployment,
    )


def _workload_tls(files: TlsFiles | None) -> WorkloadTls | None:
    if files is None:
        return None
    return WorkloadTls(
        certificate=files.certificate,
        key=files.key,
        client_ca=files.client_ca,
        client_identities=files.client_identities,
        cipher=files.cipher,
        group=files.group,
    )


def require_claims(claims: Mapping[str, Sequence[Claim]]) -> None:
    """Refuse to measure an arm that is not what it says it is.

    Raises:
        ComparisonError: a claim was tried out and did not hold (MP4003).
    """
    broken = [(name, claim) for name, found in claims.items() for claim in found if not claim.held]
    if not broken:
        return
    lines = "; ".join(f"{name}: {claim.claim}: {claim.evidence}" for name, claim in broken)
    raise ComparisonError(
        "MP4003",
        f"an arm is not what it is declared to be: {lines}",
        hint="declare what the arm really does (for example `mtls: off`), or mend its configuration",
    )
