"""One round of one group, from nothing to result records: deploy, try the claims, measure, try them again, assemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshperf.environments.local import LocalSite
from meshperf.environments.site import CpuPlan, folder_name
from meshperf.experiment.assembly import RoundContext, assemble_run, tls_facts
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.downgrades import downgrade_warnings
from meshperf.experiment.external import external_warnings
from meshperf.experiment.measuring import Measured, Watcher, measure
from meshperf.experiment.plan import GUARD_S, LEAD_IN_S, RoundPlan, slice_phases
from meshperf.experiment.residents import Deployed, deploy_round, require_claims
from meshperf.experiment.service_calls import ServiceCalls, calls_claim
from meshperf.experiment.topology import link_rtt_s, pressure_facts, topology_facts
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import Claim, DesignLabels, Fact, Facts, RunResult, Warning, WarningKind
from meshperf.telemetry import noise_guards

__all__ = ["RoundTask", "measure_round", "run_id", "run_round"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTask:
    """One round of one group to be done, and who wants to hear of it."""

    experiment: Experiment
    experiment_id: str
    plan: RoundPlan
    attempt: int = 0
    pilot: bool = False
    """The experiment was shortened; the results are labelled so."""
    slice_s: float | None = None
    """None: a pilot chooses it."""
    with_control: bool = False
    facts: Facts = field(default_factory=dict)
    """What all residents share."""
    cpus: CpuPlan | None = None
    """For the warning about cores that are shared."""
    note: Callable[[str], None] = lambda text: None
    on_progress: Watcher = lambda stage, progress, counted_s: None


def run_round(site: LocalSite, task: RoundTask) -> tuple[RunResult, ...]:
    """Deploy and measure one group once.

    Raises:
        ComparisonError: an arm is not what it says it is (MP4003). DeploymentError: a process failed.
    """
    return measure_round(site, deploy_round(site, task.plan, task.experiment.workload, note=task.note), task)


def measure_round(site: LocalSite, deployed: Sequence[Deployed], task: RoundTask) -> tuple[RunResult, ...]:
    """Measure residents that are up, whoever deployed them; claims are tried before and after.

    Raises:
        ComparisonError: an arm is not what it says it is (MP4003). DeploymentError: a process ended.
    """
    task = replace(task, facts={**task.facts, **_link(site, deployed)})
    task.note("trying out what the arms claim")
    claims = {item.resident.name: list(item.deployment.observe("begin")) for item in deployed}
    site.check()  # a process that died is a broken round, not a dishonest arm
    require_claims(claims)
    slice_s = task.slice_s
    measured = []
    for load_point in range(len(task.experiment.load)):
        measured.append(
            measure(
                site,
                deployed,
                task.plan,
                task.experiment,
                load_point,
                slice_s=slice_s,
                attempt=task.attempt,
                with_control=task.with_control,
                on_progress=task.on_progress,
            )
        )
        if task.experiment.design == "interleaved" and slice_s is None:
            slice_s = measured[0].slice_s
    seen = {
        item.resident.name: {
            **pressure_facts(site, item.resident.arm, item.resident.name, item.graph),
            **item.deployment.observed_facts(),
        }
        for item in deployed
    }
    for item in deployed:
        claims[item.resident.name] += item.deployment.observe("end")
    site.check()
    return tuple(
        run
        for load_point, result in enumerate(measured)
        for run in _runs(deployed, task, load_point, result, seen=seen, claims=claims)
    )


def _link(site: LocalSite, deployed: Sequence[Deployed]) -> Facts:
    """What the link between two clusters really takes, found out beside the baseline's load."""
    plain = next((item for item in deployed if item.link is not None and item.resident.arm.is_baseline), None)
    if plain is None:
        return {}
    rtt_s = link_rtt_s(site, plain.resident.name, next(iter(plain.apps.values())).endpoint.address)
    if rtt_s is None:
        return {"topology.link_rtt_s": Fact(source="handshakes", unavailable="no connection was made")}
    return {"topology.link_rtt_s": Fact(value=rtt_s, source="handshakes")}


def run_id(task: RoundTask, resident: str, load_point: int) -> str:
    """A name that says which run it is: `r01-envoy`, `r02-g2-l1-kuma+twin-a1`."""
    parts = [task.plan.key]
    if len(task.experiment.load) > 1:
        parts.append(f"l{load_point + 1}")
    parts.append(folder_name(resident))
    if task.attempt:
        parts.append(f"a{task.attempt}")
    return "-".join(parts)


def _runs(
    deployed: Sequence[Deployed],
    task: RoundTask,
    load_point: int,
    measured: Measured,
    *,
    seen: Mapping[str, Facts],
    claims: Mapping[str, Sequence[Claim]],
) -> list[RunResult]:
    point = task.experiment.load[load_point]
    session = measured.session
    context = RoundContext(
        experiment_id=task.experiment_id,
        experiment=task.experiment.name,
        round=task.plan.round,
        group=task.plan.group.index,
        load_point=load_point,
        attempt=task.attempt,
        point=point,
        design=_labels(deployed, task, measured),
        noise=measured.noise,
        run_queue_wait_s=measured.run_queue_wait_s,
    )
    guards, warnings = noise_guards(measured.noise)
    warnings = (*warnings, *_shared_cores(task.cpus), *external_warnings(session.external))
    slices, _ = slice_phases(task.plan, point, load_point=load_point, slice_s=measured.slice_s, attempt=task.attempt)
    runs = []
    for index, item in enumerate(deployed):
        name = item.resident.name
        load = load_facts(
            point,
            wait=session.wait,
            workers=session.workers,
            targets=(item.target(point),),
            phases=(replace(slices[0], target=0),),  # slices of one load point differ in target and seed only
            receive_clock=session.receive_clock,
            external=session.external,
        )
        run = assemble_run(
            item,
            measured.slices[index],
            session,
            context,
            run_id=run_id(task, name, load_point),
            usage=measured.usage[index],
            claims=(*claims[name], *_calls(item, measured.services[index])),
            facts={
                **task.facts,
                **load,
                **topology_facts(item.resident.arm),
                **item.deployment.facts,
                **tls_facts(session, index),
                **seen[name],
            },
            control=measured.control[index] if measured.control else {},
        )
        of_arm = (*warnings, *downgrade_warnings(run))
        runs.append(replace(run, guards=(*run.guards, *guards), warnings=(*run.warnings, *of_arm)))
    return runs


def _calls(item: Deployed, services: Mapping[str, ServiceCalls]) -> tuple[Claim, ...]:
    """What a graph of several services has to show; a service alone is the business of its mesh's claims."""
    return (calls_claim(item.graph, services),) if len(item.graph.services) > 1 else ()


def _labels(deployed: Sequence[Deployed], task: RoundTask, measured: Measured) -> DesignLabels:
    names = [item.resident.name for item in deployed]
    return DesignLabels(
        design=task.experiment.design,
        slice_s=measured.slice_s,
        lead_in_s=LEAD_IN_S if measured.session.external is None else 0.0,
        guard_s=GUARD_S if measured.session.external is None else 0.0,
        blocks=measured.blocks,
        residents=tuple(names),
        seed=task.plan.seed,
        slice_chosen_by=measured.slice_chosen_by,
        pilot=task.pilot,
        order=tuple(names[index] for index in task.plan.start_order),
        co_resident_processes=sum(len(item.processes) for item in deployed),
    )


def _shared_cores(cpus: CpuPlan | None) -> tuple[Warning, ...]:
    if cpus is None or not cpus.generator_shared:
        return ()
    return (
        Warning(kind=WarningKind.CORES_SHARED, text=f"The generator shares a core with what it measures: {cpus.note}."),
    )
