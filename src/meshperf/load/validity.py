"""Whether a run may be compared at all, judged from what its load generator says of itself.

What it decides: `valid`, `client-limited`, `not-sustained` or `invalid`, with reasons; the guard readings behind it;
and warnings. It is a pure function of the run's own figures, so a stored result can be judged again by anybody.

Why this way: a tail latency that was made by the client, or measured while the target could not keep up, is no
property of the target. The order matters: a client that was late explains a missed rate, so the rate is blamed on the
target only when the client is clean.

What it assumes: open-loop counts hold every request that was due, the censored ones too. What it refuses: to judge the
rate or the lateness of a closed loop, which has no schedule to be late for; there the busy share is all there is.

Source of the thresholds: the noise guards that practice has settled on, each argued where it is defined below.
"""

from __future__ import annotations

import math

from meshperf.histograms import Histogram
from meshperf.load.plan import Arrivals
from meshperf.spec.records import Counts, GuardReading, Validity, ValidityState, Warning, WarningKind

__all__ = ["judge"]

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

    Returns:
        The verdict with its reasons; one reading for each guard; the warnings that go with the result.
    """
    scheduled = arrivals is not Arrivals.CLOSED
    guards = (
        _rate(counts, offered_rps, measured_s) if scheduled else _unavailable("rate_shortfall", "1"),
        _errors(counts, scheduled),
        _busy(busy_share),
        _delay(response, client_delay) if scheduled else _unavailable("client_delay_p99", "s"),
    )
    rate, errors, busy, delay = guards
    invalid: list[str] = []
    limited: list[str] = []
    missed: list[str] = []
    if counts.ok == 0:
        invalid.append("no request was answered successfully")
    if undrained:
        invalid.append(f"{undrained} slice{'s were' if undrained > 1 else ' was'} not answered within the drain")
    if errors.outcome == "invalid":
        invalid.append(f"{errors.value:.2%} of the requests failed, more than {ERRORS_LIMIT:.0%}")
    if busy.outcome == "invalid":
        limited.append(f"the load generator was busy {busy.value:.0%} of the time, more than {BUSY_LIMIT:.0%}")
    if delay.outcome == "invalid":
        limited.append(
            f"the load generator sent its requests {_ms(delay.value)} late at p99, more than {_ms(delay.invalid_above)}"
        )
    if rate.outcome == "invalid":
        late = busy.outcome in ("warn", "invalid") or _explains(delay)
        share = f"only {1 - (rate.value or 0.0):.1%} of the offered requests were answered"
        (limited if late else missed).append(f"{share}, and the load generator was late" if late else share)
    return _verdict(invalid, limited, missed), guards, _warnings(rate, errors, busy, delay, build)


def _explains(delay: GuardReading) -> bool:
    """Whether the client was late enough to be blamed for a missed rate; a warning below the floor is no excuse."""
    return delay.value is not None and delay.value > max(DELAY_FLOOR_S, delay.warn_above or 0.0)


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


def _rate(counts: Counts, offered_rps: float | None, measured_s: float) -> GuardReading:
    offered = counts.offered or (offered_rps or 0.0) * measured_s
    if offered <= 0:
        return _unavailable("rate_shortfall", "1", why="no request was due in the counted time")
    # Failed requests came back too: how many may fail is the business of the next guard.
    shortfall = max(0.0, 1 - (counts.ok + counts.errors) / offered)
    return _reading("rate_shortfall", shortfall, "1", SHORTFALL_WARN, SHORTFALL_LIMIT)


def _errors(counts: Counts, scheduled: bool) -> GuardReading:
    """Requests that failed, or never got an answer: to whoever sent them, silence is a failure too.

    What a schedule could not send is a missed rate, the business of the other guard; in a closed loop there is none.
    """
    failed = counts.errors + counts.timeouts + counts.unanswered + (0 if scheduled else counts.not_sent)
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


def _reading(guard: str, value: float, unit: str, warn: float, limit: float) -> GuardReading:
    outcome = "invalid" if value > limit else "warn" if value > warn else "ok"
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


def _warnings(
    rate: GuardReading, errors: GuardReading, busy: GuardReading, delay: GuardReading, build: str
) -> tuple[Warning, ...]:
    found = []
    if rate.outcome in ("warn", "invalid") and rate.value is not None:
        text = f"{rate.value:.2%} of the offered requests were not answered: the rate that was asked for was not met"
        found.append(Warning(kind=WarningKind.RATE_MISSED, text=text, figures={"rate_shortfall": rate.value}))
    if errors.outcome in ("warn", "invalid") and errors.value is not None:
        text = f"{errors.value:.2%} of the requests failed; latencies hold the successful ones only"
        found.append(Warning(kind=WarningKind.ERRORS, text=text, figures={"error_share": errors.value}))
    if busy.outcome in ("warn", "invalid") and busy.value is not None:
        text = f"the load generator was busy {busy.value:.0%} of the time; give it more cores or less rate"
        found.append(Warning(kind=WarningKind.GENERATOR_BUSY, text=text, figures={"busy_share": busy.value}))
    if delay.outcome in ("warn", "invalid") and delay.value is not None:
        text = (
            f"the load generator itself sent requests {_ms(delay.value)} late at p99; "
            "that much of the tail may be the client's: keep other work off its core"
        )
        found.append(Warning(kind=WarningKind.GENERATOR_LATE, text=text, figures={"client_delay_p99_s": delay.value}))
    if build != "release":
        text = f"measured with a {build} build of the load generator; its figures are not fit for publication"
        found.append(Warning(kind=WarningKind.DEBUG_BUILD, text=text))
    return tuple(found)


def _ms(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds * 1e3:.3g} ms"
