"""Run one test kind against one target that is already there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from meshperf.experiment.kinds.session import LoadSession
from meshperf.load.kinds import Shape
from meshperf.load.native import NativeSession
from meshperf.load.plan import SessionPlan, Target, WaitMode
from meshperf.load.recording import Progress
from meshperf.spec.experiment import LoadPoint, Objective
from meshperf.spec.kinds import StepOutcome
from meshperf.spec.records import Facts, RunResult

__all__ = ["run_kind"]


def run_kind(
    target: Target,
    shape: Shape,
    *,
    name: str,
    point: LoadPoint,
    objectives: Sequence[Objective] = (),
    host_facts: Facts,
    workers: int = 1,
    wait: WaitMode = WaitMode.AUTO,
    cpus: tuple[int, ...] = (),
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
        point: protocol, connections, arrivals (`constant` or `poisson`), warm-up, and what a request is.
        objectives: what a stage has to hold, beside the share of the offered rate that the shape asks for.
        host_facts: facts of this machine.
        seed: of arrivals and of the order of a sweep.
        watch: processes (name to pid) whose CPU and memory are read meanwhile; they need not be this machine's target.
        on_progress: called about four times a second with what is under way, in words, and the counters of that call.
        on_step: called with each stage as soon as it is judged.

    Returns:
        The run, with the kind's answer in `run.kind`; and whether it was broken off by Ctrl-C (then both cover what
        was done until then, and `run.kind.complete` is False).

    Raises:
        TargetError: the target cannot be reached or does not speak the protocol.
        UsageError: MP1002, the load point is a closed loop, or names a trace.
    """
    raise NotImplementedError
