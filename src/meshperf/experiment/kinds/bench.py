"""Stages run one after another on the same warm connections, each recorded with what the watched processes used.

Why the watched processes' CPU is taken twice: the process's clock at the borders of the stage is exact, but a service
with one worker on two cores is full at half of them. So the busiest thread counts where it says more. And where the
watched processes waited for a core while strangers had a good part of the machine, the stage is marked as disturbed: on
a machine of one's own that never happens, on a shared one it must not be taken for the target's limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from meshperf.experiment.assembly import worker_wait
from meshperf.experiment.kinds.session import LoadSession
from meshperf.experiment.kinds.steps import Ran, judge_step
from meshperf.load.kinds import Stage
from meshperf.load.plan import Arrivals, Phase
from meshperf.load.recording import PhaseRecording, Progress, SessionRecording
from meshperf.spec.experiment import Objective
from meshperf.spec.kinds import StepOutcome
from meshperf.spec.records import ComponentUsage
from meshperf.telemetry import (
    NodeSampler,
    ThreadTimes,
    busiest_share,
    cores_of,
    longest_wait_share,
    read_process,
    thread_times,
)

__all__ = ["Bench"]

STRANGERS = 0.1
"""Share of all CPU time that processes outside of the test used; below it they are no excuse."""
WAITED = 0.03
"""Share of the time that a watched thread waited for a core; a capacity cannot be told more exactly than this."""


@dataclass(slots=True, kw_only=True)
class Bench:
    """Runs and judges stages, and keeps all of them in order."""

    session: LoadSession
    arrivals: Arrivals
    seed: int
    objectives: Sequence[Objective] = ()
    least_share: float = 0.99
    quantum_s: float = 0.0
    """Due times of plain stages are put off to multiples of this."""
    longest_s: float = float("inf")
    pids: Mapping[str, int] = field(default_factory=dict)
    on_progress: Callable[[str, Progress], None] | None = None
    on_step: Callable[[StepOutcome], None] | None = None
    done: list[tuple[Ran, StepOutcome]] = field(default_factory=list)
    interrupted: bool = False
    ended: str = ""
    """Why the kind ended before its shape did."""
    origin_monotonic_s: float = 0.0
    """This process's monotonic clock at the session's origin."""
    clock: Callable[[], float] = time.monotonic
    """For `longest_s`, in seconds."""
    _started_s: float | None = None
    _waited_s: float | None = None
    _last: SessionRecording = field(default_factory=lambda: SessionRecording(phases=(), connections=()))

    def run(
        self, stages: Sequence[Stage], words: str, *, phases: Sequence[Phase] | None = None
    ) -> list[tuple[Ran, StepOutcome]]:
        """Run stages in one go and judge each; fewer come back when it was broken off.

        Args:
            words: what is under way, for the progress; a stage's label and rate are added.
            phases: instead of one plain phase for each stage, one for each.
        """
        if self.over():
            return []
        plans = phases or [
            replace(stage.phase(self.arrivals, seed=self.seed + len(self.done) + n), quantum_s=self.quantum_s)
            for n, stage in enumerate(stages)
        ]
        node = NodeSampler(pids=tuple(self.pids.values()))
        node.begin()
        threads = {name: thread_times(pid) for name, pid in self.pids.items()}
        before_s = time.monotonic()
        recording = self._recorded(plans, self._progress(stages, words))
        if recording is None:
            return []
        wall_s = time.monotonic() - before_s
        self.origin_monotonic_s = time.monotonic() - (time.time() - recording.origin_unix_s)
        wait_s = self._wait(recording)
        self._last = recording
        strangers = node.end().foreign_cpu_share
        alone = len(plans) == 1
        found = []
        for stage, plan, phase in zip(stages, plans, recording.phases, strict=False):
            waited, disturbed = self._disturbed(threads, wall_s, strangers) if alone else (0.0, "")
            ran = Ran(
                stage=stage,
                plan=plan,
                recording=phase,
                session=recording,
                run_queue_wait_s=wait_s,
                busy=self._busy(phase, threads if alone else {}, wall_s),
                resources=self._resources(phase),
                disturbed=disturbed,
                waited=waited,
            )
            found.append((ran, judge_step(ran, self.objectives, least_share=self.least_share)))
        self.done += found
        if recording.interrupted:
            self._break_off()
        if self.on_step is not None:
            for _, step in found:
                self.on_step(step)
        return found

    def stop(self) -> None:
        """Break off: the stage under way ends now, and no further one is begun."""
        self._break_off()
        self.session.stop()

    def over(self) -> bool:
        """Whether no further stage may be run: broken off, or the time that is allowed has passed."""
        now_s = self.clock()
        self._started_s = now_s if self._started_s is None else self._started_s
        if not self.ended and now_s - self._started_s > self.longest_s:
            self.ended = f"the {self.longest_s:g} s that are allowed have passed"
        return bool(self.ended)

    def whole_session(self) -> SessionRecording:
        """All calls as one recording."""
        return replace(self._last, phases=tuple(ran.recording for ran, _ in self.done), interrupted=self.interrupted)

    def run_queue_wait_s(self) -> float | None:
        """Of the workers, over all calls."""
        return self._waited_s

    def _break_off(self) -> None:
        self.interrupted, self.ended = True, "broken off by the user"

    def _recorded(
        self, plans: Sequence[Phase], on_progress: Callable[[Progress], None] | None
    ) -> SessionRecording | None:
        """What the phases recorded; None when they were broken off in a way that leaves nothing of them."""
        try:
            return self.session.run(plans, on_progress=on_progress)
        except KeyboardInterrupt:
            self._break_off()
            return None

    def _progress(self, stages: Sequence[Stage], words: str) -> Callable[[Progress], None] | None:
        told = self.on_progress
        if told is None:
            return None

        def tell(progress: Progress) -> None:
            stage = stages[min(progress.phase, len(stages) - 1)]
            named = f"{words}: {stage.label}" if len(stages) > 1 else words
            told(f"{named} at {stage.rate_end or stage.rate:.6g}/s", progress)

        return tell

    def _wait(self, recording: SessionRecording) -> float | None:
        before, self._waited_s = self._waited_s, worker_wait(recording)
        return None if self._waited_s is None else self._waited_s - (before or 0.0)

    def _busy(
        self, phase: PhaseRecording, threads: Mapping[str, Mapping[int, ThreadTimes]], wall_s: float
    ) -> dict[str, float]:
        """Busy share of each watched process over the stage, where its clock could be read."""
        shares: dict[str, float] = {}
        length_s = phase.drained_s - phase.begin_s
        for name, pid in self.pids.items():
            spent_s = _spent(phase, name)
            if spent_s is None or length_s <= 0:
                continue
            now = thread_times(pid)
            whole = spent_s / (length_s * cores_of(pid, len(now)))
            one = busiest_share(threads.get(name, {}), now, wall_s)
            shares[name] = min(1.0, max(whole, one or 0.0))
        return shares

    def _disturbed(
        self, threads: Mapping[str, Mapping[int, ThreadTimes]], wall_s: float, strangers: float | None
    ) -> tuple[float, str]:
        """How long the watched processes waited for their cores during the last call, and what kept them from them."""
        worst, who = 0.0, ""
        for name, pid in self.pids.items():
            waited = longest_wait_share(threads[name], thread_times(pid), wall_s)
            if waited is not None and waited > worst:
                worst, who = waited, name
        if strangers is None or strangers < STRANGERS or worst < WAITED:
            return worst, ""
        return worst, (
            f"{who} waited for a core {worst:.0%} of the time, while processes that are not watched used "
            f"{strangers:.0%} of the machine"
        )

    def _resources(self, phase: PhaseRecording) -> tuple[ComponentUsage, ...]:
        found = []
        for name, pid in self.pids.items():
            reading = read_process(pid)
            found.append(
                ComponentUsage(
                    component=name,
                    role="app",
                    pid=pid,
                    cpu_s=_spent(phase, name),
                    requests=phase.counts.sent,
                    pss_bytes=reading.pss_bytes,
                    private_bytes=reading.private_bytes,
                    rss_bytes=reading.rss_bytes,
                    threads=reading.threads,
                )
            )
        return tuple(found)


def _spent(phase: PhaseRecording, name: str) -> float | None:
    """CPU seconds of a watched process from the begin of the stage until it was drained."""
    begin, end = phase.cpu_begin_s.get(name), phase.cpu_drained_s.get(name)
    return None if begin is None or end is None else end - begin
