"""Run a control plane study: every arm with every number of proxies and services, deployed afresh in each round.

    deploy → every proxy answers as configured → rest → further services → changes of a route → changes of an endpoint

A change is handed in only when every proxy has the one before, so that arrivals belong to their change. A proxy that
never takes one ends the deployment with a note; what was seen until then is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from random import Random

from meshperf.environments.local import LocalSite
from meshperf.environments.site import Process
from meshperf.errors import TargetError, UsageError
from meshperf.experiment.plan import seed_of
from meshperf.experiment.propagation.probing import Prober, Question, Watched
from meshperf.meshes import ENDPOINT_PROBE, ROUTE_PROBE, ControlledMesh, ControlledProxies, open_mesh
from meshperf.spec.experiment import Arm, Workload
from meshperf.spec.propagation import ENDPOINT, ROUTE, ChangeRecord, PlaneUsage, PropagationRun, PropagationStudy
from meshperf.telemetry import ProcessReading, read_process
from meshperf.workloads import start_echo

__all__ = ["require_control_planes", "run_study"]

_LEAST_PERIOD_S = 0.001
_PROBE_COST_S = 0.0002
"""CPU time of one probe in this process, roughly: the period grows with the proxies so that probing takes half a core
at most."""
_FIRST_S = 60.0
_CODES = {0: "1", 1: "2"}
"""Endpoints are told by the length of their replies: one byte and two."""

Told = Callable[[str], None]


def require_control_planes(study: PropagationStudy) -> None:
    """Refuse an arm whose mesh has no control plane to study, or none here.

    Raises:
        UsageError: MP1008. PrerequisiteError: as the mesh says.
    """
    graph = Workload().as_graph()
    for arm in study.arms.values():
        mesh = open_mesh(arm.mesh)
        if not isinstance(mesh, ControlledMesh):
            raise UsageError("MP1008", f"arm `{arm.name}`: the control plane of mesh {arm.mesh} cannot be studied here")
        mesh.check(arm, graph, study.environment)


def run_study(
    study: PropagationStudy,
    *,
    open_site: Callable[[], AbstractContextManager[LocalSite]],
    on_run: Callable[[PropagationRun], None],
    told: Told = lambda text: None,
) -> None:
    """Run the whole study; `on_run` gets every deployment's record as soon as it is done.

    Args:
        open_site: a new site of the study's environment, for one deployment.
        told: hears what is under way, in words.

    Raises:
        DeploymentError: a process did not become ready. PrerequisiteError, UsageError: as `require_control_planes`.
    """
    require_control_planes(study)
    for number in range(1, study.rounds + 1):
        tasks = [(arm, proxies, services) for arm in study.arms.values() for proxies, services in study.cells()]
        Random(seed_of(study.seed, "propagation", number)).shuffle(tasks)
        for place, (arm, proxies, services) in enumerate(tasks, 1):
            told(
                f"round {number} of {study.rounds}, {place} of {len(tasks)}: {arm.name}, {proxies} proxies, "
                f"{services} further services"
            )
            with open_site() as site:
                on_run(_Deployment(study, site, arm, number, proxies, services, told).run())


@dataclass
class _Deployment:
    study: PropagationStudy
    site: LocalSite
    arm: Arm
    number: int
    proxies: int
    services: int
    told: Told
    planes: Sequence[Process] = ()
    changes: list[ChangeRecord] = field(default_factory=list)
    usage: list[PlaneUsage] = field(default_factory=list)

    def run(self) -> PropagationRun:
        began_s = time.monotonic()
        period_s = self.study.period_s or max(_LEAST_PERIOD_S, 2 * _PROBE_COST_S * self.proxies)
        mesh = open_mesh(self.arm.mesh)
        assert isinstance(mesh, ControlledMesh)
        endpoints = self._endpoint("a", 1), self._endpoint("b", 2)
        up = mesh.deploy_proxies(self.site, self.arm, self.arm.name, proxies=self.proxies, endpoints=endpoints)
        self.planes = up.planes
        note, first_s, configured_s = "", 0.0, None
        try:
            with self._prober(up, ROUTE, period_s) as prober:
                up.route("change-0")
                prober.settle("change-0", within_s=_FIRST_S)
                first_s = time.monotonic() - began_s
                self.told("at rest")
                self._over("rest", lambda: time.sleep(self.study.rest_s))
                if self.services:
                    self.told(f"configuring {self.services} services")
                    configured_s = self._configure(up, prober)
                self.told(f"{self.study.changes} changes of a route")
                self._over("churn", lambda: self._routes(up, prober), changes=self.study.changes)
            if up.endpoint is not None:
                self.told(f"{self.study.changes} changes of an endpoint")
                with self._prober(up, ENDPOINT, period_s) as prober:
                    self._over("churn", lambda: self._endpoints(up, prober), changes=self.study.changes)
        except TargetError as late:
            note = late.message
        self.site.check()
        return PropagationRun(
            arm=self.arm.name,
            round=self.number,
            proxies=self.proxies,
            services=self.services,
            probe_period_s=period_s,
            first_answer_s=first_s,
            configured_s=configured_s,
            changes=tuple(self.changes),
            usage=tuple(self.usage),
            facts={**self.site.facts(), **up.facts},
            note=note,
        )

    def _endpoint(self, name: str, size: int) -> str:
        host = f"{self.arm.name}-endpoint-{name}"
        _, endpoint = start_echo(self.site, Workload(response_bytes=size), name=host, host=host)
        return endpoint.address

    def _prober(self, up: ControlledProxies, kind: str, period_s: float) -> Prober:
        question = (
            Question(host=ROUTE_PROBE)
            if kind == ROUTE
            else Question(host=ENDPOINT_PROBE, read=lambda body: str(len(body)))
        )
        return Prober(up.proxies, question, period_s=period_s)

    def _routes(self, up: ControlledProxies, prober: Prober) -> None:
        for count in range(1, self.study.changes + 1):
            wanted = f"change-{count}"
            self._seen(ROUTE, prober.watch(wanted, partial(up.route, wanted), within_s=self.study.deadline_s))

    def _endpoints(self, up: ControlledProxies, prober: Prober) -> None:
        assert up.endpoint is not None
        prober.settle(_CODES[0], within_s=_FIRST_S)
        for count in range(1, self.study.changes + 1):
            chosen = count % 2
            change = partial(up.endpoint, chosen)
            self._seen(ENDPOINT, prober.watch(_CODES[chosen], change, within_s=self.study.deadline_s))

    def _seen(self, kind: str, watched: Watched) -> None:
        self.changes.append(
            ChangeRecord(
                kind=kind,
                low_s=tuple(None if one is None else one.low_s for one in watched.arrivals),
                high_s=tuple(None if one is None else one.high_s for one in watched.arrivals),
                handed_in_s=watched.handed_in_s,
                period_s=watched.period_s,
                relapses=watched.relapses,
            )
        )
        late = sum(one is None for one in watched.arrivals)
        if late:
            raise TargetError(
                "MP5302",
                f"{late} of {self.proxies} proxies had a change of {kind} not within {self.study.deadline_s:g} s",
            )

    def _configure(self, up: ControlledProxies, prober: Prober) -> float:
        """Hand in the further services; over when a change after them has arrived everywhere."""
        began_s = time.monotonic()

        def hand_in() -> None:
            up.configure(self.services)
            up.route("configured")
            prober.settle("configured", within_s=_FIRST_S)

        self._over("configuring", hand_in)
        return time.monotonic() - began_s

    def _over(self, stretch: str, what: Callable[[], None], *, changes: int = 0) -> None:
        """Do something, and note what every process of the control plane used meanwhile, also when it fails."""
        before = {process.name: self._read(process) for process in self.planes}
        began_s = time.monotonic()
        try:
            what()
        finally:
            wall_s = time.monotonic() - began_s
            for process in self.planes:
                first, now = before[process.name], self._read(process)
                known = first.cpu_s is not None and now.cpu_s is not None
                self.usage.append(
                    PlaneUsage(
                        component=process.name.removeprefix(f"{self.arm.name}-"),
                        stretch=stretch,
                        wall_s=wall_s,
                        cpu_s=(now.cpu_s or 0.0) - (first.cpu_s or 0.0) if known else None,
                        private_bytes=now.private_bytes,
                        changes=changes,
                    )
                )

    def _read(self, process: Process) -> ProcessReading:
        return read_process(process.pid, start_ticks=process.start_ticks)
