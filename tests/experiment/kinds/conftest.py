"""A load session without a network: one server with a queue, computed instead of run, in virtual time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from meshperf.histograms import Histogram
from meshperf.load.plan import Arrivals, Phase, SessionPlan
from meshperf.load.recording import ConnectionFacts, PhaseRecording, Progress, Series, SeriesInterval, SessionRecording
from meshperf.spec.records import Counts


@dataclass(kw_only=True)
class SimulatedSession:
    """First come, first served, one at a time; `capacity` replies a second. Every phase begins with an empty queue."""

    capacity: float = 1000.0
    alone_s: float = 0.001
    """What a reply takes without a queue, beside the time in service."""
    noise: float = 0.0
    """Relative spread of the capacity from phase to phase."""
    drift_per_s: float = 0.0
    """Relative growth of `alone_s` per second of the session."""
    stall: tuple[float, float] | None = None
    """Nothing is served between these moments of a phase."""
    patience_s: float = float("inf")
    """A reply that would take longer is an error."""
    stray: Callable[[int], bool] = lambda number: False
    """Whether the phase with this number (from 0) loses a tenth of its requests."""
    client_limit: float = float("inf")
    """Offered rate above which the generator is late and gets a quarter of its requests off too late to count."""
    stop_after: int | None = None
    """Broken off after so many phases."""
    series_s: float = 0.1
    seed: int = 1
    offered: list[float] = field(default_factory=list)
    plan: SessionPlan | None = None
    ran: int = 0
    stopped: bool = False
    now_s: float = 0.0

    def open(self, plan: SessionPlan) -> SimulatedSession:
        self.plan, self.series_s = plan, plan.series_interval_s
        return self

    def __enter__(self) -> SimulatedSession:
        return self

    def __exit__(self, *ignored: object) -> None:
        return None

    def run(
        self, phases: Sequence[Phase], *, on_progress: Callable[[Progress], None] | None = None
    ) -> SessionRecording:
        done: list[PhaseRecording] = []
        for number, phase in enumerate(phases):
            if self.stopped or (self.stop_after is not None and self.ran >= self.stop_after):
                break
            done.append(self._phase(phase))
            self.ran += 1
            if on_progress is not None:
                last = done[-1]
                on_progress(
                    Progress(
                        phase=number, phases=len(phases), elapsed_s=last.drained_s, sent=last.counts.sent,
                        ok=last.counts.ok, failed=last.counts.errors, response=last.response,
                    )
                )  # fmt: skip
        return SessionRecording(
            phases=tuple(done),
            connections=(ConnectionFacts(opened=1),),
            interrupted=len(done) < len(phases),
            origin_unix_s=time.time() - self.now_s,
        )

    def stop(self) -> None:
        self.stopped = True

    def _phase(self, phase: Phase) -> PhaseRecording:
        random = np.random.default_rng([self.seed, self.ran])
        due = _due(phase, random)
        rate = due.size / phase.duration_s
        self.offered.append(rate)
        capacity = self.capacity * float(np.exp(random.normal(0, self.noise)))
        done = self._served(due, 1 / capacity)
        begin_s = self.now_s
        alone_s = self.alone_s * (1 + self.drift_per_s * (begin_s + due)) * random.uniform(0.95, 1.05, due.size)
        response = done - due + alone_s
        failed = response > self.patience_s
        if self.stray(self.ran):
            failed |= random.random(due.size) < 0.1
        late = rate > self.client_limit
        if late:
            failed |= random.random(due.size) < 0.25
        end_s = begin_s + phase.duration_s
        last_s = float((due + response).max()) if due.size else 0.0
        self.now_s = max(end_s, begin_s + last_s)
        ok = response[~failed]
        return PhaseRecording(
            target=0,
            label=phase.label,
            begin_s=begin_s,
            end_s=end_s,
            drained_s=self.now_s,
            drained=True,
            counts=Counts(offered=due.size, sent=due.size, ok=ok.size, errors=int(failed.sum())),
            response=Histogram.from_values(ok),
            service=Histogram.from_values(ok),
            pacing_error=Histogram.from_values(np.full(due.size, 0.1 if late else 1e-5)),
            client_delay=Histogram.from_values(np.full(due.size, 0.1 if late else 1e-5)),
            series=self._series(phase, due, response, failed),
            cpu_begin_s={},
            cpu_drained_s={},
            busy_s=0.1 * (self.now_s - begin_s),
        )

    def _served(self, due: np.ndarray, service_s: float) -> np.ndarray:
        """Moments at which each request has been served (Lindley's recursion)."""
        if due.size == 0:
            return due
        free = service_s * np.arange(due.size)
        done = np.maximum.accumulate(due - free) + free + service_s
        if self.stall is None:
            return done
        begin_s, end_s = self.stall
        before = due < begin_s
        held = np.maximum(due[~before], end_s)
        rest = service_s * np.arange(held.size)
        return np.concatenate([done[before], np.maximum.accumulate(held - rest) + rest + service_s])

    def _series(self, phase: Phase, due: np.ndarray, response: np.ndarray, failed: np.ndarray) -> Series:
        count = max(1, int(np.ceil(phase.duration_s / self.series_s - 1e-9)))
        place = np.minimum((due / self.series_s + 1e-9).astype(int), count - 1)
        intervals = []
        for number in range(count):
            here = place == number
            good = response[here & ~failed]
            # Buckets 6 % wide, as the engine keeps them.
            coarse = np.exp(np.round(np.log(good) / 0.06) * 0.06)
            intervals.append(
                SeriesInterval(
                    offered=int(here.sum()), ok=good.size, failed=int((here & failed).sum()),
                    response=Histogram.from_values(coarse),
                )
            )  # fmt: skip
        return Series(interval_s=self.series_s, intervals=tuple(intervals))


def _due(phase: Phase, random: np.random.Generator) -> np.ndarray:
    if phase.arrivals is Arrivals.TRACE:
        return np.asarray(phase.trace_s)
    assert phase.rate is not None
    last = phase.rate_end if phase.rate_end is not None else phase.rate
    total = (phase.rate + last) / 2 * phase.duration_s
    if phase.arrivals is Arrivals.POISSON:
        positions = np.sort(random.uniform(0, total, random.poisson(total)))
    else:
        positions = np.arange(int(np.ceil(total - 1e-9)), dtype=float)
    slope = (last - phase.rate) / phase.duration_s
    return 2 * positions / (phase.rate + np.sqrt(np.maximum(phase.rate**2 + 2 * slope * positions, 0)))


@pytest.fixture
def simulated() -> type[SimulatedSession]:
    return SimulatedSession
