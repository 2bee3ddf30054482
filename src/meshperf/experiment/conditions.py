"""The facts a round is measured under, and whether they are still those the bundle began with.

Facts of the host come from the environment, facts of the load and the method from the experiment. What an arm brings is
added by its mesh. On resuming, facts are captured again: one that must be equal and is not refuses to go on.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence

from meshperf import __version__
from meshperf.analysis import packaged_rules
from meshperf.environments.site import Site
from meshperf.errors import ComparisonError
from meshperf.experiment.external import external_facts
from meshperf.experiment.load_model import arrival_facts, connection_facts
from meshperf.load.plan import Phase, Target
from meshperf.load.recording import ExternalAccount
from meshperf.spec.experiment import Experiment, LoadPoint, Workload
from meshperf.spec.graph_shape import depth
from meshperf.spec.records import Fact, Facts
from meshperf.spec.redaction import shown_path
from meshperf.workloads import executable

__all__ = ["load_facts", "refuse_changed_facts", "round_facts", "workload_facts"]

_MOMENTARY = "_now"
"""Ending of facts that change from minute to minute; recorded, never compared with the bundle's."""
_NO_RATE = {"closed": "as fast as replies come", "trace": "as traced"}


def round_facts(site: Site, experiment: Experiment) -> Facts:
    """Facts that all residents of a round share."""
    return {
        **site.facts(),
        **workload_facts(experiment.workload),
        "cpus.generator": Fact(value=_cores(site.cpus.cpus_for("generator")), source="assignment"),
        "cpus.app": Fact(value=_cores(site.cpus.cpus_for("app")), source="assignment"),
        "cpus.sidecar": Fact(value=_cores(site.cpus.cpus_for("sidecar")), source="assignment"),
        "cpus.generator_shared": Fact(value=site.cpus.generator_shared, source="assignment"),
        "cpus.note": Fact(value=site.cpus.note, source="assignment"),
        "design.kind": Fact(value=experiment.design, source="experiment"),
        "design.rounds": Fact(value=experiment.rounds, source="experiment"),
    }


def workload_facts(workload: Workload) -> Facts:
    """What is measured: the executable's digest, the graph, and every setting of the service that load is sent to."""
    with executable().open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    status = ", ".join(f"{code}: {share}" for code, share in sorted(workload.status.items()))
    graph = workload.as_graph()
    facts = {
        "workload.sha256": Fact(value=digest, source="executable"),
        "workload.graph": Fact(value=workload.graph, source="experiment"),
        "workload.response_bytes": Fact(value=workload.response_bytes, source="experiment"),
        "workload.service_time": Fact(value=workload.service_time or "none", source="experiment"),
        "workload.busy": Fact(value=workload.busy, source="experiment"),
        "workload.status": Fact(value=status or "all 200", source="experiment"),
        "workload.stall": Fact(value=str(workload.stall) if workload.stall else "none", source="experiment"),
        "workload.services": Fact(value=len(graph.services), source="graph"),
        "workload.max_depth": Fact(value=depth(graph), source="graph"),
    }
    if workload.services is not None:  # every setting of echo is a fact of its own, and some may differ a little
        facts["workload.graph_digest"] = Fact(value=graph.digest, source="graph")
    return facts


def load_facts(
    point: LoadPoint,
    *,
    wait: str,
    workers: int,
    targets: Sequence[Target] = (),
    phases: Sequence[Phase] = (),
    receive_clock: str | None = None,
    external: ExternalAccount | None = None,
) -> Facts:
    """What load is offered, and how its time is taken.

    Args:
        point: what was asked for.
        wait, workers, receive_clock: how the generator did it, from the recording.
        targets: the session's, the run's own first: their connections are taken from the plan.
        phases: the run's counted phases; their targets are indexes into `targets`.
        external: of another load generator; what it does otherwise than our engine replaces what the plan says.
    """
    values: Mapping[str, str | int | float] = {
        "load.protocol": point.protocol,
        "load.rate": point.rate if point.rate is not None else _NO_RATE.get(point.arrivals, "none"),
        "load.connections": point.connections,
        "load.arrivals": point.arrivals,
        "load.warmup_s": point.warmup_s,
        "load.duration_s": point.duration_s,
        "load.timeout_s": point.timeout_s,
        "load.method": targets[0].method if targets else point.method,
        "load.path": shown_path(targets[0].path if targets else point.path),
        "load.body_bytes": len(point.body),
        "load.header_count": len(point.headers),
        "load.generator": point.generator,
        "load.generator_version": __version__,
        "load.generator_wait": wait,
        "load.workers": workers,
        "load.latency_origin": "intended send" if point.arrivals != "closed" else "actual send",
        "load.latency_end": "last byte",
        "load.loop": "closed" if point.arrivals == "closed" else "open",
        "load.histogram": "HDR, 3 digits, 1 ns to 1 h",
        "load.histogram_resolution": "every reply",
    }
    facts = {name: Fact(value=value, source="plan") for name, value in values.items()}
    if point.trace_s:
        # It may stand in a file beside the experiment's, which no digest of the experiment covers.
        digest = hashlib.sha256(array("d", point.trace_s).tobytes()).hexdigest()
        facts["load.trace_sha256"] = Fact(value=digest, source="plan")
    if receive_clock is not None:
        facts["load.receive_clock"] = Fact(value=receive_clock, source="generator")
    if targets:
        facts |= connection_facts(targets[0])
    if phases:
        facts |= arrival_facts(phases, targets)
    if external is not None:
        facts |= external_facts(external)
        facts.pop("load.receive_clock", None)
    return facts


def refuse_changed_facts(recorded: Facts, now: Facts) -> None:
    """Refuse to add a round to a bundle that was begun under other facts.

    Raises:
        ComparisonError: a fact that was known then is known now and differs (MP4004).
    """
    rules = packaged_rules()
    changed = [
        f"{name}: {before.value!r} then, {now[name].value!r} now"
        for name, before in sorted(recorded.items())
        if name in now
        and before.known
        and now[name].known
        and not rules.rule(name).same(before.value, now[name].value)
        and rules.rule(name).severity in ("EQ", "CLOSE")
        and not name.endswith(_MOMENTARY)
    ]
    if changed:
        raise ComparisonError(
            "MP4004",
            f"the facts of this machine changed since the bundle was begun: {'; '.join(changed)}",
            hint="rounds measured under different facts are not comparable: begin a new bundle with another --out",
        )


def _cores(cpus: tuple[int, ...]) -> str:
    return ",".join(map(str, cpus))
