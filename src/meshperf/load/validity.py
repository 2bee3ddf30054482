"""Whether a run may be compared at all, judged from what its load generator says of itself.

What it decides: `valid`, `client-limited`, `not-sustained` or `invalid`, with reasons; the guard readings behind it;
and warnings. It is a pure function of the run's own figures, so a stored result can be judged again by anybody.

Why this way: a tail latency that was made by the client, or measured while the target could not keep up, is no
property of the target. The order matters: a client that was late explains a missed rate, so the rate is blamed on the
target only when the client is clean.

What it assumes: open-loop counts hold every request that was due, the censored ones too. What it refuses: to judge the
rate or the lateness of a closed loop, which has no schedule to be late for; there the generator is judged by its busy
share, by how long its workers waited for a core, and by how late it read. It also refuses to call lost datagrams an
error: over UDP, loss is what is being measured.

Source of the thresholds: the noise guards that practice has settled on, each argued where it is defined below.
"""

from __future__ import annotations

import math

from meshperf.histograms import EMPTY, Histogram
from meshperf.load.plan import Arrivals
from meshperf.spec.records import Counts, GuardReading, Validity, ValidityState, Warning, WarningKind

__all__ = ["even_dispersion", "judge"]

SHORTFALL_WARN = 0.01
"""Share of the offered requests that got no reply. Below 1 % is the noise of the schedule's last requests."""
SHORTFALL_LIMIT = 0.05
"""From here on the target did not sustain the rate: its queue grew, and every quantile depends on the run's length."""

ERRORS_WARN = 0.001
"""Share of requests that failed or never got an answer. At one in a thousand a p99.9 begins to be about failures."""
ERRORS_LIMIT = 0.01
"""At 1 % the successful replies are a selection: fast failures make a target look fast."""

BUSY_WARN = 0.70
"""CPU time of the workers per wall time, without spinning: a queue of its own begins to show in the generator."""
BUSY_LIMIT = 0.90
"""The generator is saturated: what it measures is itself."""

DELAY_FLOOR_S = 1e-3
"""Delays of the client below a millisecond never invalidate. They are what a scheduler does to any process on a core
that it shares, with no load behind it, so on a small machine a target that answers in 100 µs would never have a valid
run, and its p50 and p90 are sound all the same. They are still told: the warning has no such floor."""
DELAY_WARN_SHARE = 0.10
"""p99 of the client's own delay above a tenth of the median response time: it shows in the first digit."""

LATE_READ_WARN_SHARE = 0.10
"""p99 of late reads above a tenth of the median response time, and above what any scheduler does. With kernel times
they are in no response time, but a connection is busy until it is read: the next request may have waited for that."""
LATE_READ_FLOOR_S = 10e-3
"""Several time slices of a scheduler. Once a reply in a hundred lies unread for longer than this, and for longer than
a typical response takes, connections come free when the generator gets round to them, and not when the target answers.
"""

QUEUE_WARN = 0.10
"""Share of the time that the workers were ready to run and waited for a core."""
QUEUE_LIMIT = 0.50
"""From here on others have the generator's core for longer than it waits for replies: it is starved."""

DISPERSION_WARN = 0.5
"""Index of dispersion of constant arrivals in windows of 1 ms, above that of a perfect schedule: half-way to Poisson's,
and a queue feels the clumps."""
DISPERSION_WINDOW_S = 1e-3

CENSORED_WARN = 0.001
"""Share of the due requests whose end was never seen. From here on a tenth of the slowest hundredth is missing, so that
the p99 of the replies is a lower bound."""


def judge(
    *,
    counts: Counts,
    offered_rps: float | None,
    measured_s: float,
    response: Histogram,
    client_delay: Histogram,
    busy_share: float | None,
    arrivals: Arrivals,
    build: str = "release",
    undrained: int = 0,
    service: Histogram = EMPTY,
    late_read: Histogram = EMPTY,
    run_queue_share: float | None = None,
    dispersion_1ms: float | None = None,
    quantum_s: float = 0.0,
    lossy: bool = False,
) -> tuple[Validity, tuple[GuardReading, ...], tuple[Warning, ...]]:
    """Judge a run, or any merged set of phases, by its generator.

    Args:
        counts: of the counted window.
        offered_rps: requests per second asked for; None in a closed loop.
        measured_s: counted time [s].
        response: response times of successful replies.
        client_delay: the generator's own part of the pacing error; empty in a closed loop.
        busy_share: CPU time of the workers by wall time, spinning excluded, in [0, 1]; None where it was not to be had.
        arrivals: `closed` switches off what needs a schedule.
        build: `release` or `debug`.
        undrained: slices whose last requests were not answered within the drain, so that they met the next arm's load.
        service: times from the actual send of successful replies; empty where the generator has none.
        late_read: from the kernel's receiving a reply to the worker's reading it; empty without kernel times.
        run_queue_share: time that the workers waited for a core, by wall time times workers; None where not to be had.
        dispersion_1ms: index of dispersion of what was sent in windows of 1 ms; None where the rate was not one rate.
        quantum_s: due times were put off to multiples of this [s], which makes arrivals as uneven as it says.
        lossy: datagrams: those that were not answered are a result, neither errors nor a missed rate.

    Returns:
        The verdict with its reasons; one reading for each guard; the warnings that go with the result.
    """
    scheduled = arrivals is not Arrivals.CLOSED
    guards = (
        _rate(counts, offered_rps, measured_s, lossy) if scheduled else _unavailable("rate_shortfall", "1"),
        _errors(counts, scheduled, lossy),
        _busy(busy_share),
        _delay(response, client_delay) if scheduled else _unavailable("client_delay_p99", "s"),
        _late_read(response, late_read),
        _run_queue(run_queue_share),
        _dispersion(dispersion_1ms, arrivals, offered_rps, quantum_s),
        _censored(counts, lossy),
    )
    rate, errors, busy, delay, unread, queue = guards[:6]
    invalid: list[str] = []
    limited: list[str] = []
    missed: list[str] = []
    if counts.ok == 0:
        invalid.append("no request was answered successfully")
    if undrained:
        invalid.append(f"{undrained} slice{'s were' if undrained > 1 else ' was'} not answered within the drain")
    if busy.outcome == "invalid":
        limited.append(f"the load generator was busy {busy.value:.0%} of the time, more than {BUSY_LIMIT:.0%}")
    if delay.outcome == "invalid":
        limited.append(
            f"the load generator sent its requests {_ms(delay.value)} late at p99, more than {_ms(delay.invalid_above)}"
        )
    if unread.outcome == "invalid":
        limited.append(
            f"the load generator read replies {_ms(unread.value)} late at p99, more than {_ms(unread.invalid_above)}"
        )
    if queue.outcome == "invalid":
        limited.append(
            f"the load generator's workers waited for a core {queue.value:.0%} of the time, more than {QUEUE_LIMIT:.0%}"
        )
    # Requests that a target cannot keep up with end in silence, and so do those of a client that is too late to read or
    # send. That is told by the other guards; replies that say no, and silence without an excuse, are failures.
    excused = (rate.outcome == "invalid" or bool(limited)) and _refused(counts) <= ERRORS_LIMIT
    if errors.outcome == "invalid" and not excused:
        invalid.append(f"{errors.value:.2%} of the requests failed, more than {ERRORS_LIMIT:.0%}")
    if rate.outcome == "invalid":
        late = bool(limited) or busy.outcome == "warn" or _explains(delay, service) or _held(service, late_read)
        share = f"only {1 - (rate.value or 0.0):.1%} of the offered requests were answered"
        (limited if late else missed).append(f"{share}, and the load generator was late" if late else share)
    return _verdict(invalid, limited, missed), guards, _warnings(guards, build)


def _refused(counts: Counts) -> float:
    """Share of error replies among the requests that ended in a reply."""
    ended = counts.ok + counts.errors
    return counts.errors / ended if ended else 0.0


def _explains(delay: GuardReading, service: Histogram) -> bool:
    """Whether the client sent late enough to be blamed for a missed rate; a warning below the floor is no excuse.

    Where the rate is missed, requests queue and the median response time grows with the run's length, so the delay is
    held against the service time too.
    """
    if delay.value is None or delay.warn_above is None:
        return False
    typical = DELAY_WARN_SHARE * float(service.quantile(0.5)) if service.total else math.inf
    return delay.value > max(DELAY_FLOOR_S, min(delay.warn_above, typical))


def _held(service: Histogram, late_read: Histogram) -> bool:
    """Whether late reads kept connections busy for as much of their time as a missed rate is short of."""
    if not (service.total and late_read.total):
        return False
    late = late_read.mean()
    return late / (service.mean() + late) > SHORTFALL_LIMIT


def _verdict(invalid: list[str], limited: list[str], missed: list[str]) -> Validity:
    reasons = tuple(invalid + limited + missed)
    for state, found in (
        (ValidityState.INVALID, invalid),
        (ValidityState.CLIENT_LIMITED, limited),
        (ValidityState.NOT_SUSTAINED, missed),
    ):
        if found:
            return Validity(state=state, reasons=reasons)
    return Validity()


def _rate(counts: Counts, offered_rps: float | None, measured_s: float, lossy: bool) -> GuardReading:
    offered = counts.offered or (offered_rps or 0.0) * measured_s
    if offered <= 0:
        return _unavailable("rate_shortfall", "1", why="no request was due in the counted time")
    # Failed requests came back too: how many may fail is the business of the next guard. A datagram is on its own once
    # it is sent.
    done = counts.sent if lossy else counts.ok + counts.errors
    shortfall = max(0.0, 1 - done / offered)
    return _reading("rate_shortfall", shortfall, "1", SHORTFALL_WARN, SHORTFALL_LIMIT)


def _errors(counts: Counts, scheduled: bool, lossy: bool) -> GuardReading:
    """Requests that failed, or never got an answer: to whoever sent them, silence is a failure too.

    What a schedule could not send is a missed rate, the business of the other guard; in a closed loop there is none.
    """
    silent = 0 if lossy else counts.timeouts + counts.unanswered
    failed = counts.errors + silent + (0 if scheduled else counts.not_sent)
    if counts.ok + failed == 0:
        return _unavailable("error_share", "1", why="no request ended")
    return _reading("error_share", failed / (counts.ok + failed), "1", ERRORS_WARN, ERRORS_LIMIT)


def _busy(share: float | None) -> GuardReading:
    if share is None:
        return _unavailable("busy_share", "1", why="the load generator does not say")
    return _reading("busy_share", share, "1", BUSY_WARN, BUSY_LIMIT)


def _delay(response: Histogram, client_delay: Histogram) -> GuardReading:
    p99 = float(client_delay.quantile(0.99))
    if math.isnan(p99):
        return _unavailable("client_delay_p99", "s", why="no request was sent, or the generator does not say")
    median = float(response.quantile(0.5))
    median = 0.0 if math.isnan(median) else median
    return _reading("client_delay_p99", p99, "s", DELAY_WARN_SHARE * median, max(DELAY_FLOOR_S, median))


def _late_read(response: Histogram, late_read: Histogram) -> GuardReading:
    p99 = float(late_read.quantile(0.99))
    if math.isnan(p99):
        return _unavailable("late_read_p99", "s", why="replies have no receive times of the kernel")
    median = float(response.quantile(0.5))
    median = 0.0 if math.isnan(median) else median
    warn = max(DELAY_FLOOR_S, LATE_READ_WARN_SHARE * median)
    return _reading("late_read_p99", p99, "s", warn, max(LATE_READ_FLOOR_S, median))


def _run_queue(share: float | None) -> GuardReading:
    if share is None:
        return _unavailable("run_queue_share", "1", why="how long the workers waited for a core could not be read")
    return _reading("run_queue_share", share, "1", QUEUE_WARN, QUEUE_LIMIT)


def _dispersion(index: float | None, arrivals: Arrivals, offered_rps: float | None, quantum_s: float) -> GuardReading:
    if arrivals is not Arrivals.CONSTANT or index is None or not offered_rps:
        return _unavailable("dispersion_1ms", "", why="only arrivals at one constant rate have to be even")
    return _reading("dispersion_1ms", index, "", DISPERSION_WARN + even_dispersion(offered_rps, quantum_s), None)


def even_dispersion(rate: float, quantum_s: float = 0.0) -> float:
    """Index of dispersion, in windows of 1 ms, of a perfect constant schedule.

    With m = rate x 1 ms, every window has floor(m) or ceil(m) requests, so that it is f (1 - f) / m with f the fraction
    of m. Due times put off to a quantum q come rate x q at a time, in one window of q / 1 ms: rate x q more at most.
    """
    mean = rate * DISPERSION_WINDOW_S
    fraction = mean % 1.0
    return fraction * (1 - fraction) / mean + rate * quantum_s


def _censored(counts: Counts, lossy: bool) -> GuardReading:
    if counts.offered == 0:
        return _unavailable("censored_share", "1", why="no request was due in the counted time")
    censored = counts.not_sent + (0 if lossy else counts.unanswered)
    return _reading("censored_share", censored / counts.offered, "1", CENSORED_WARN, None)


def _reading(guard: str, value: float, unit: str, warn: float, limit: float | None) -> GuardReading:
    outcome = "invalid" if limit is not None and value > limit else "warn" if value > warn else "ok"
    return GuardReading(guard=guard, value=value, unit=unit, warn_above=warn, invalid_above=limit, outcome=outcome)


def _unavailable(guard: str, unit: str, why: str = "a closed loop has no schedule") -> GuardReading:
    return GuardReading(
        guard=guard,
        value=None,
        unit=unit,
        warn_above=None,
        invalid_above=None,
        outcome="unavailable",
        unavailable=why,
    )


def _warnings(guards: tuple[GuardReading, ...], build: str) -> tuple[Warning, ...]:
    found = []
    for guard in guards:
        if guard.outcome in ("warn", "invalid") and guard.value is not None:
            kind, figure, text = _SAYS[guard.guard]
            said = text.format(value=guard.value, ms=_ms(guard.value))
            found.append(Warning(kind=kind, text=said, figures={figure: guard.value}))
    if build != "release":
        text = f"measured with a {build} build of the load generator; its figures are not fit for publication"
        found.append(Warning(kind=WarningKind.DEBUG_BUILD, text=text))
    return tuple(found)


_SAYS: dict[str, tuple[WarningKind, str, str]] = {
    "rate_shortfall": (
        WarningKind.RATE_MISSED,
        "rate_shortfall",
        "{value:.2%} of the offered requests were not answered: the rate that was asked for was not met",
    ),
    "error_share": (
        WarningKind.ERRORS,
        "error_share",
        "{value:.2%} of the requests failed; latencies hold the successful ones only",
    ),
    "busy_share": (
        WarningKind.GENERATOR_BUSY,
        "busy_share",
        "the load generator was busy {value:.0%} of the time; give it more cores or less rate",
    ),
    "client_delay_p99": (
        WarningKind.GENERATOR_LATE,
        "client_delay_p99_s",
        "the load generator itself sent requests {ms} late at p99; "
        "that much of the tail may be the client's: keep other work off its core",
    ),
    "late_read_p99": (
        WarningKind.LATE_READ,
        "late_read_p99_s",
        "the load generator read replies {ms} late at p99; response times end when the kernel had the reply, "
        "but the connection came free only then",
    ),
    "run_queue_share": (
        WarningKind.WORKERS_WAITED,
        "run_queue_share",
        "the load generator's workers were ready to run and waited for a core {value:.0%} of the time",
    ),
    "dispersion_1ms": (
        WarningKind.ARRIVALS_UNEVEN,
        "dispersion_1ms",
        "arrivals at a constant rate were uneven: their index of dispersion at 1 ms is {value:.2f}",
    ),
    "censored_share": (
        WarningKind.CENSORED,
        "censored_share",
        "{value:.2%} of the due requests were never answered or never sent: the p99 of the replies is a lower bound",
    ),
}
"""Kind, name of the figure and sentence of each guard's warning."""


def _ms(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds * 1e3:.3g} ms"
