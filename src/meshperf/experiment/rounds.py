"""One round of one group, from nothing to result records: deploy, try the claims, measure, try them again, assemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from meshperf.environments import LocalSite
from meshperf.experiment.assembly import RoundContext, assemble_run, tls_facts
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.measuring import Measured, measure
from meshperf.experiment.plan import GUARD_S, LEAD_IN_S, RoundPlan
from meshperf.experiment.residents import Deployed, deploy_round, require_claims
from meshperf.load.recording import Progress
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import Claim, DesignLabels, Fact, Facts, RunResult
from meshperf.telemetry import noise_guards

__all__ = ["run_id", "run_round"]


def run_round(
    site: LocalSite,
    round_plan: RoundPlan,
    experiment: Experiment,
    *,
    experiment_id: str,
    attempt: int,
    pilot: bool,
    slice_s: float | None,
    facts: Facts,
    with_control: bool,
    note: Callable[[str], None],
    on_progress: Callable[[str, Progress], None],
) -> tuple[RunResult, ...]:
    """Deploy and measure one group once.

    Raises:
        ComparisonError: an arm is not what it says it is (MP4003). DeploymentError: a process failed.
    """
    deployed = deploy_round(site, round_plan, experiment.workload, note=note)
    note("trying out what the arms claim")
    claims = {item.resident.name: list(item.deployment.observe("begin")) for item in deployed}
    require_claims(claims)
    measured = []
    for index in range(len(experiment.load)):
        measured.append(
            measure(
                site,
                deployed,
                round_plan,
                experiment,
                index,
                slice_s=slice_s,
                attempt=attempt,
                with_control=with_control,
                on_progress=on_progress,
            )
        )
        slice_s = slice_s or (measured[-1].slice_s if experiment.design == "interleaved" else None)
    seen = {item.resident.name: item.deployment.observed_facts() for item in deployed}
    for item in deployed:
        claims[item.resident.name] += item.deployment.observe("end")
    return tuple(
        run
        for index, result in enumerate(measured)
        for run in _runs(
            site, deployed, round_plan, experiment, index, result,
            experiment_id=experiment_id, attempt=attempt, pilot=pilot, facts=facts, seen=seen, claims=claims,
        )
    )  # fmt: skip


def run_id(round_plan: RoundPlan, deployed: Deployed, load_point: int, load_points: int, attempt: int) -> str:
    """A name that says which run it is: `r01-envoy`, `r02-g2-l1-kuma-2-a1`."""
    parts = [round_plan.key]
    if load_points > 1:
        parts.append(f"l{load_point + 1}")
    parts.append(deployed.resident.name.replace("#", "-"))
    if attempt:
        parts.append(f"a{attempt}")
    return "-".join(parts)


def _runs(
    site: LocalSite,
    deployed: Sequence[Deployed],
    round_plan: RoundPlan,
    experiment: Experiment,
    load_point: int,
    measured: Measured,
    *,
    experiment_id: str,
    attempt: int,
    pilot: bool,
    facts: Facts,
    seen: Mapping[str, Facts],
    claims: Mapping[str, Sequence[Claim]],
) -> list[RunResult]:
    point = experiment.load[load_point]
    interleaved = experiment.design == "interleaved"
    names = [item.resident.name for item in deployed]
    design = DesignLabels(
        design=experiment.design,
        slice_s=measured.slice_s,
        lead_in_s=LEAD_IN_S,
        guard_s=GUARD_S,
        blocks=measured.blocks,
        residents=tuple(names),
        seed=round_plan.seed,
        slice_chosen_by=measured.slice_chosen_by,
        pilot=pilot,
        order=tuple(names[index] for index in round_plan.start_order),
        co_resident_processes=sum(len(item.processes) for item in deployed),
    )
    context = RoundContext(
        experiment_id=experiment_id,
        experiment=experiment.name,
        round=round_plan.round,
        group=round_plan.group.index,
        load_point=load_point,
        attempt=attempt,
        point=point,
        design=design,
        noise=measured.noise,
        run_queue_wait_s=measured.run_queue_wait_s,
    )
    guards, warnings = noise_guards(measured.noise)
    session = measured.session
    shared: dict[str, Fact] = {
        **facts,
        **load_facts(point, wait=session.wait, workers=session.workers),
        "design.slice_s": Fact(value=measured.slice_s, source=measured.slice_chosen_by),
    }
    runs = []
    for index, item in enumerate(deployed):
        run = assemble_run(
            item,
            measured.slices[index],
            session,
            context,
            run_id=run_id(round_plan, item, load_point, len(experiment.load), attempt),
            usage=measured.usage[index],
            claims=claims[item.resident.name],
            facts={**shared, **item.deployment.facts, **tls_facts(session, index), **seen[item.resident.name]},
            control=measured.control[index] if interleaved and measured.control else {},
        )
        runs.append(replace(run, guards=(*run.guards, *guards), warnings=(*run.warnings, *warnings)))
    return runs
