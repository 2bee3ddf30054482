"""Run one test kind against one target that is already there.

What it decides: nothing about the target. It opens the session, warms it up, lets the kind's driver run its stages, and
puts the run together: the figures of the stages that the kind counts, and the kind's own answer beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from meshperf.errors import UsageError
from meshperf.experiment.kinds.answer import Answer
from meshperf.experiment.kinds.assembling import kind_run
from meshperf.experiment.kinds.bench import Bench
from meshperf.experiment.kinds.interrupts import interrupts_stop
from meshperf.experiment.kinds.session import LoadSession
from meshperf.experiment.kinds.spiked import drive_spike
from meshperf.experiment.kinds.steady import drive_load, drive_soak
from meshperf.experiment.kinds.stepped import drive_capacity, drive_stress, drive_sweep
from meshperf.experiment.kinds.watching import Watch
from meshperf.load.kinds import (
    CapacityShape,
    LoadShape,
    Shape,
    SoakShape,
    SpikeShape,
    Stage,
    StressShape,
    SweepShape,
)
from meshperf.load.native import NativeSession
from meshperf.load.plan import Arrivals, ReceiveClock, SessionPlan, Target, WaitMode
from meshperf.load.recording import Progress
from meshperf.load.targets import require_open_files
from meshperf.spec.experiment import LoadPoint, Objective
from meshperf.spec.generators import OWN
from meshperf.spec.kinds import StepOutcome
from meshperf.spec.records import Facts, RunResult
from meshperf.telemetry import NodeSampler

__all__ = ["run_kind"]

SERIES_POINTS = 500
"""Windows of a plateau, at most."""
REQUESTS_A_WINDOW = 50
"""Fewer leave a window's p90 to five of them."""


def run_kind(
    target: Target,
    shape: Shape,
    *,
    name: str,
    point: LoadPoint,
    objectives: Sequence[Objective] = (),
    host_facts: Facts,
    workers: int | None = None,
    wait: WaitMode | None = None,
    seed: int = 1,
    watch: Mapping[str, int] | None = None,
    on_progress: Callable[[str, Progress], None] | None = None,
    on_step: Callable[[StepOutcome], None] | None = None,
    open_session: Callable[[SessionPlan], AbstractContextManager[LoadSession]] = NativeSession.open,
) -> tuple[RunResult, bool]:
    """Run a test kind against one target, on connections that stay open from the first stage to the last.

    Args:
        shape: the kind and its numbers; rates and durations are the shape's, not the load point's.
        name: of the run.
        point: protocol, connections, arrivals (`constant` or `poisson`), warm-up, what a request is, and how the
            generator works.
        objectives: what a stage has to hold, beside the share of the offered rate that the shape asks for.
        host_facts: facts of this machine.
        workers, wait: instead of the load point's.
        seed: of arrivals and of the order of a sweep.
        watch: processes (name to pid) whose CPU and memory are read meanwhile; they need not be this machine's target.
        on_progress: called about four times a second with what is under way, in words, and the counters of that call.
        on_step: called with each stage as soon as it is judged.

    Returns:
        The run, with the kind's answer in `run.kind`; and whether it was broken off by Ctrl-C (then both cover what
        was done until then, and `run.kind.complete` is False).

    Raises:
        TargetError: the target cannot be reached or does not speak the protocol.
        UsageError: MP1001, more connections than this process may have open files, or more requests than one
            stretch of changing load may have; MP1002, the load point is a closed loop, names a trace, or another load
            generator.
    """
    if point.generator != OWN:
        raise UsageError(
            "MP1002",
            f"a {shape.kind} test steers the rate, which the load generator {point.generator} cannot",
            hint="leave the generator out to use meshperf's own",
        )
    arrivals = Arrivals(point.arrivals)
    if arrivals not in (Arrivals.CONSTANT, Arrivals.POISSON):
        raise UsageError(
            "MP1002",
            f"a {shape.kind} test offers rates of its own, so its arrivals cannot be {arrivals.value}",
            hint="use constant or poisson arrivals",
        )
    pids = dict(watch or {})
    plan = SessionPlan(
        targets=(target,),
        workers=workers or point.workers,
        wait=wait or WaitMode(point.wait),
        cpus=point.cpus,
        receive_clock=ReceiveClock(point.receive_clock),
        clocks=pids,
        series_interval_s=series_interval_s(shape),
    )
    require_open_files(plan)
    node = NodeSampler(pids=())
    sample_s = shape.sample_s if isinstance(shape, SoakShape) else 1.0
    with open_session(plan) as session:
        bench = Bench(
            session=session,
            arrivals=arrivals,
            seed=seed,
            objectives=objectives,
            quantum_s=point.quantum_s,
            least_share=shape.achieved_share,
            longest_s=shape.longest_s,
            pids=pids,
            on_progress=on_progress,
            on_step=on_step,
        )
        node.begin()
        watched = pids if isinstance(shape, SoakShape) else {}
        with Watch(watched, interval_s=sample_s) as watching, interrupts_stop(bench.stop):
            if point.warmup_s > 0:
                warm = Stage(label="warm-up", rate=first_rate(shape), duration_s=point.warmup_s, counted=False)
                bench.run([warm], str(shape.kind))
            answer = _drive(shape, bench, watching)
        noise = node.end()
    run = kind_run(
        shape, bench, answer, target=target, name=name, point=point, host_facts=host_facts, seed=seed, noise=noise
    )
    return run, bench.interrupted


def series_interval_s(shape: Shape) -> float:
    """Length of a window: short enough to show a course, long enough to have a quantile, in seconds."""
    if isinstance(shape, SpikeShape):
        return shape.window_s
    if isinstance(shape, SoakShape):
        return max(1.0, shape.duration_s / SERIES_POINTS, REQUESTS_A_WINDOW / shape.rate)
    if isinstance(shape, LoadShape):
        return max(0.1, shape.duration_s / SERIES_POINTS, REQUESTS_A_WINDOW / shape.rate)
    return 1.0


def first_rate(shape: Shape) -> float:
    """The rate of a warm-up: that of the kind's first steady stage, and never more than its start."""
    if isinstance(shape, CapacityShape | StressShape):
        return shape.start_rate
    if isinstance(shape, SweepShape):
        return min(shape.rates)
    if isinstance(shape, LoadShape):
        return shape.stages()[0].rate_end or shape.rate
    return shape.stages()[0].rate


def _drive(shape: Shape, bench: Bench, watching: Watch) -> Answer:
    match shape:
        case LoadShape():
            return drive_load(shape, bench)
        case SoakShape():
            return drive_soak(shape, bench, watching)
        case StressShape():
            return drive_stress(shape, bench)
        case SweepShape():
            return drive_sweep(shape, bench)
        case CapacityShape():
            return drive_capacity(shape, bench)
        case SpikeShape():
            return drive_spike(shape, bench)
    raise UsageError("MP1001", f"a test kind that is not known: {type(shape).__name__}")
