"""Runs whose verdict is known: each threshold from both sides, and who is blamed when several are crossed."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.histograms import EMPTY, Histogram
from meshperf.load import Arrivals, judge
from meshperf.spec.records import Counts, ValidityState, WarningKind


def _judge(ok: int = 10_000, *, p50_s: float = 0.005, delay_s: float = 1e-5, **changes):
    counts = changes.pop("counts", Counts(offered=ok, sent=ok, ok=ok))
    figures = {
        "counts": counts,
        "offered_rps": counts.offered / 10,
        "measured_s": 10.0,
        "response": Histogram.from_values(np.full(max(counts.ok, 1), p50_s)) if counts.ok else EMPTY,
        "client_delay": Histogram.from_values([delay_s] * 100),
        "busy_share": 0.2,
        "arrivals": Arrivals.CONSTANT,
        "build": "release",
    }
    return judge(**{**figures, **changes})


def _counts(ok: int, *, errors: int = 0, timeouts: int = 0, unanswered: int = 0, not_sent: int = 0) -> Counts:
    offered = ok + errors + timeouts + unanswered + not_sent
    return Counts(
        offered=offered,
        sent=offered - not_sent,
        ok=ok,
        errors=errors,
        timeouts=timeouts,
        unanswered=unanswered,
        not_sent=not_sent,
    )


def test_a_clean_run_is_valid_with_all_guards_read():
    validity, guards, warnings = _judge()
    assert validity.ok
    assert validity.reasons == ()
    assert warnings == ()
    assert {guard.guard: guard.outcome for guard in guards} == dict.fromkeys(
        ["rate_shortfall", "error_share", "busy_share", "client_delay_p99"], "ok"
    )


@pytest.mark.parametrize(
    ("not_sent", "outcome", "state"),
    [
        (90, "ok", ValidityState.VALID),
        (110, "warn", ValidityState.VALID),
        (490, "warn", ValidityState.VALID),
        (510, "invalid", ValidityState.NOT_SUSTAINED),
    ],
)
def test_a_missed_rate_is_the_targets_when_the_client_is_clean(not_sent, outcome, state):
    validity, guards, warnings = _judge(counts=_counts(10_000 - not_sent, not_sent=not_sent))
    assert guards[0].outcome == outcome
    assert validity.state is state
    assert [warning.kind for warning in warnings] == [WarningKind.RATE_MISSED] * (outcome != "ok")


@pytest.mark.parametrize("late", [{"delay_s": 0.002}, {"busy_share": 0.75}, {"delay_s": 0.5}])
def test_a_missed_rate_is_the_clients_when_the_client_is_late(late):
    validity, _, warnings = _judge(counts=_counts(9_000, not_sent=1_000), **late)
    assert validity.state is ValidityState.CLIENT_LIMITED
    assert {warning.kind for warning in warnings} & {WarningKind.GENERATOR_LATE, WarningKind.GENERATOR_BUSY}


@pytest.mark.parametrize(
    ("errors", "warned", "state"),
    [
        (9, False, ValidityState.VALID),
        (11, True, ValidityState.VALID),
        (99, True, ValidityState.VALID),
        (101, True, ValidityState.INVALID),
    ],
)
@pytest.mark.parametrize("kind", ["errors", "timeouts", "unanswered"])
def test_errors_warn_and_then_invalidate(errors, warned, state, kind):
    validity, _, warnings = _judge(counts=_counts(10_000 - errors, **{kind: errors}))
    assert validity.state is state
    assert [warning.kind for warning in warnings if warning.kind is not WarningKind.RATE_MISSED] == (
        [WarningKind.ERRORS] * warned
    )


@pytest.mark.parametrize(
    ("share", "outcome", "state"),
    [
        (0.69, "ok", ValidityState.VALID),
        (0.71, "warn", ValidityState.VALID),
        (0.91, "invalid", ValidityState.CLIENT_LIMITED),
    ],
)
@pytest.mark.parametrize("arrivals", list(Arrivals))
def test_a_busy_generator_limits_every_kind_of_load(share, outcome, state, arrivals):
    validity, guards, _ = _judge(busy_share=share, arrivals=arrivals)
    assert guards[2].outcome == outcome
    assert validity.state is state


@pytest.mark.parametrize(
    ("p50_s", "delay_s", "outcome"),
    [
        (0.0001, 0.000009, "ok"),
        (0.0001, 0.00095, "warn"),  # below the floor it is told and never invalidates, whatever the median
        (0.0001, 0.0011, "invalid"),
        (0.005, 0.0004, "ok"),
        (0.005, 0.0006, "warn"),
        (0.005, 0.0051, "invalid"),
        (0.1, 0.009, "ok"),
        (0.1, 0.011, "warn"),
        (0.1, 0.11, "invalid"),
    ],
)
def test_a_late_generator_is_judged_against_the_median(p50_s, delay_s, outcome):
    validity, guards, warnings = _judge(p50_s=p50_s, delay_s=delay_s)
    assert guards[3].outcome == outcome
    assert (validity.state is ValidityState.CLIENT_LIMITED) == (outcome == "invalid")
    assert [warning.kind for warning in warnings] == [WarningKind.GENERATOR_LATE] * (outcome != "ok")


def test_a_closed_loop_is_not_judged_by_a_schedule():
    validity, guards, _ = _judge(
        arrivals=Arrivals.CLOSED, offered_rps=None, client_delay=EMPTY, counts=_counts(10_000, errors=5)
    )
    assert validity.ok
    assert [guard.outcome for guard in guards] == ["unavailable", "ok", "ok", "unavailable"]
    assert all(guard.unavailable for guard in guards if guard.outcome == "unavailable")


@pytest.mark.parametrize("counts", [Counts(), _counts(0, errors=50), _counts(0, not_sent=50)])
def test_a_run_without_a_reply_is_invalid(counts):
    validity, _, _ = _judge(counts=counts, client_delay=EMPTY, busy_share=None)
    assert validity.state is ValidityState.INVALID
    assert "no request was answered successfully" in validity.reasons


def test_failures_outrank_the_client_and_all_reasons_are_kept():
    validity, _, _ = _judge(counts=_counts(9_000, errors=1_000), busy_share=0.95, delay_s=0.1)
    assert validity.state is ValidityState.INVALID
    assert len(validity.reasons) == 3


def test_a_debug_build_is_said():
    validity, _, warnings = _judge(build="debug")
    assert validity.ok
    assert [warning.kind for warning in warnings] == [WarningKind.DEBUG_BUILD]


def test_unknown_busy_share_is_unavailable_and_not_zero():
    _, guards, _ = _judge(busy_share=None)
    assert (guards[2].value, guards[2].outcome) == (None, "unavailable")


@pytest.mark.parametrize("kind", ["unanswered", "not_sent"])
def test_in_a_closed_loop_silence_is_a_failure(kind):
    closed = {"arrivals": Arrivals.CLOSED, "offered_rps": None, "client_delay": EMPTY}
    validity, guards, _ = _judge(counts=_counts(90, **{kind: 10}), **closed)
    assert (guards[1].value, guards[1].outcome) == (pytest.approx(0.1), "invalid")
    assert validity.state is ValidityState.INVALID


def test_a_delay_that_is_only_told_does_not_take_the_blame_for_a_missed_rate():
    validity, guards, _ = _judge(counts=_counts(9_000, not_sent=1_000), p50_s=0.0001, delay_s=0.00005)
    assert guards[3].outcome == "warn"
    assert validity.state is ValidityState.NOT_SUSTAINED


@pytest.mark.parametrize(("undrained", "says"), [(1, "1 slice was not"), (3, "3 slices were not")])
def test_a_slice_that_was_not_answered_within_the_drain_invalidates_its_arm(undrained, says):
    validity, _, _ = _judge(undrained=undrained)
    assert validity.state is ValidityState.INVALID
    assert says in validity.reasons[0]
