"""Runs whose verdict is known: each threshold from both sides, and who is blamed when several are crossed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshperf.histograms import EMPTY, Histogram
from meshperf.load import Arrivals, judge
from meshperf.load.validity import even_dispersion
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
        "late_read": Histogram.from_values([1e-5] * 100),
        "run_queue_share": 0.01,
        "dispersion_1ms": 0.2,
    }
    return judge(**{**figures, **changes})


def _guard(guards, name):
    return next(guard for guard in guards if guard.guard == name)


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
        [
            "rate_shortfall",
            "error_share",
            "busy_share",
            "client_delay_p99",
            "late_read_p99",
            "run_queue_share",
            "dispersion_1ms",
            "censored_share",
        ],
        "ok",
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
    told = [warning.kind for warning in warnings if warning.kind is not WarningKind.CENSORED]
    assert told == [WarningKind.RATE_MISSED] * (outcome != "ok")


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
    others = (WarningKind.RATE_MISSED, WarningKind.CENSORED)
    assert [warning.kind for warning in warnings if warning.kind not in others] == [WarningKind.ERRORS] * warned


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
    assert [guard.guard for guard in guards if guard.outcome == "unavailable"] == [
        "rate_shortfall",
        "client_delay_p99",
        "dispersion_1ms",
    ]
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


@pytest.mark.parametrize("kind", ["timeouts", "unanswered"])
def test_silence_at_a_rate_that_the_target_cannot_keep_is_a_missed_rate(kind):
    validity, guards, _ = _judge(counts=_counts(9_000, **{kind: 1_000}))
    assert guards[1].outcome == "invalid"
    assert validity.state is ValidityState.NOT_SUSTAINED
    late, _, _ = _judge(counts=_counts(9_000, **{kind: 1_000}), delay_s=0.1)
    assert late.state is ValidityState.CLIENT_LIMITED


@pytest.mark.parametrize("kind", ["timeouts", "unanswered"])
def test_silence_is_held_against_a_client_that_was_late(kind):
    """3 % without an answer, at a rate that was met: the target's failure, unless the generator could not look."""
    counts = _counts(9_700, **{kind: 300})
    clean, _, _ = _judge(counts=counts)
    starved, _, _ = _judge(counts=counts, run_queue_share=0.7)
    assert clean.state is ValidityState.INVALID
    assert starved.state is ValidityState.CLIENT_LIMITED
    refused, _, _ = _judge(counts=_counts(9_700, errors=300), run_queue_share=0.7)
    assert refused.state is ValidityState.INVALID


def test_replies_that_say_no_are_failures_whatever_else_is_missed():
    validity, _, _ = _judge(counts=_counts(8_000, errors=1_000, not_sent=1_000))
    assert validity.state is ValidityState.INVALID


@pytest.mark.parametrize(
    ("late_s", "outcome", "state"),
    [
        (0.0009, "ok", ValidityState.VALID),
        (0.0011, "warn", ValidityState.VALID),
        (0.0099, "warn", ValidityState.VALID),  # below the floor: kernel times keep it out of the response times
        (0.0110, "invalid", ValidityState.CLIENT_LIMITED),
    ],
)
@pytest.mark.parametrize("arrivals", [Arrivals.CONSTANT, Arrivals.CLOSED])
def test_late_reads_warn_and_only_limit_when_they_are_extreme(late_s, outcome, state, arrivals):
    validity, guards, warnings = _judge(late_read=Histogram.from_values([late_s] * 100), arrivals=arrivals)
    assert _guard(guards, "late_read_p99").outcome == outcome
    assert validity.state is state
    assert [warning.kind for warning in warnings] == [WarningKind.LATE_READ] * (outcome != "ok")


@pytest.mark.parametrize(
    ("share", "outcome", "state"),
    [
        (0.09, "ok", ValidityState.VALID),
        (0.2, "warn", ValidityState.VALID),
        (0.6, "invalid", ValidityState.CLIENT_LIMITED),
    ],
)
def test_workers_that_wait_for_a_core_are_told_and_then_limit(share, outcome, state):
    validity, guards, warnings = _judge(run_queue_share=share)
    assert _guard(guards, "run_queue_share").outcome == outcome
    assert validity.state is state
    assert [warning.kind for warning in warnings] == [WarningKind.WORKERS_WAITED] * (outcome != "ok")


@pytest.mark.parametrize(
    ("rate", "quantum_s", "ideal"),
    [(1_000, 0.0, 0.0), (500, 0.0, 0.5), (1_500, 0.0, 1 / 6), (10_000, 0.0, 0.0), (10_000, 0.001, 10.0)],
)
def test_a_perfect_schedule_is_as_even_as_whole_requests_allow(rate, quantum_s, ideal):
    """Against the schedule itself, counted by the millisecond where there is no quantum."""
    assert even_dispersion(rate, quantum_s) == pytest.approx(ideal)
    if not quantum_s:
        # Half a request later than on a border, so that rounding cannot move one over it.
        per_ms = np.bincount(((np.arange(rate * 4) + 0.25) * 1000 // rate).astype(int))
        assert per_ms.var() / per_ms.mean() == pytest.approx(ideal, abs=0.01)


@pytest.mark.parametrize(
    ("rate", "quantum_s", "index", "outcome"),
    [
        (1_000, 0.0, 0.49, "ok"),
        (1_000, 0.0, 0.51, "warn"),
        (500, 0.0, 0.99, "ok"),
        (500, 0.0, 1.01, "warn"),
        (1_000, 0.010, 10.4, "ok"),  # as it was declared
        (1_000, 0.010, 10.6, "warn"),
    ],
)
def test_uneven_arrivals_are_told_beyond_what_was_declared(rate, quantum_s, index, outcome):
    validity, guards, warnings = _judge(offered_rps=rate, quantum_s=quantum_s, dispersion_1ms=index)
    assert validity.ok
    assert _guard(guards, "dispersion_1ms").outcome == outcome
    assert [warning.kind for warning in warnings] == [WarningKind.ARRIVALS_UNEVEN] * (outcome != "ok")


@pytest.mark.parametrize("arrivals", [Arrivals.POISSON, Arrivals.CLOSED, Arrivals.TRACE])
def test_only_a_constant_rate_has_to_be_even(arrivals):
    _, guards, warnings = _judge(arrivals=arrivals, dispersion_1ms=5.0)
    assert _guard(guards, "dispersion_1ms").outcome == "unavailable"
    assert warnings == ()


@pytest.mark.parametrize(("unanswered", "warned"), [(9, False), (11, True)])
def test_requests_whose_end_was_never_seen_make_the_tail_a_lower_bound(unanswered, warned):
    validity, guards, warnings = _judge(counts=_counts(10_000 - unanswered, unanswered=unanswered))
    assert validity.ok
    assert _guard(guards, "censored_share").invalid_above is None
    assert (WarningKind.CENSORED in {warning.kind for warning in warnings}) == warned


@pytest.mark.parametrize("kind", ["timeouts", "unanswered"])
def test_lost_datagrams_are_a_result_and_no_fault_of_the_run(kind):
    validity, guards, warnings = _judge(counts=_counts(7_000, **{kind: 3_000}), lossy=True)
    assert validity.ok
    assert {guard.outcome for guard in guards} == {"ok"}
    assert warnings == ()


def test_datagrams_that_were_not_sent_are_a_missed_rate_all_the_same():
    validity, _, _ = _judge(counts=_counts(9_000, not_sent=1_000), lossy=True)
    assert validity.state is ValidityState.NOT_SUSTAINED


def test_a_client_that_holds_connections_is_blamed_though_responses_are_slow():
    """A queue of seconds hides a client that is 2 ms late for each 1 ms of service; the service time does not."""
    service = Histogram.from_values([0.001] * 100)
    figures = {"counts": _counts(9_000, not_sent=1_000), "p50_s": 2.0, "service": service}
    clean, _, _ = _judge(**figures)
    sends_late, _, _ = _judge(**figures, delay_s=0.002)
    reads_late, _, _ = _judge(**figures, late_read=Histogram.from_values([0.0002] * 100))
    assert clean.state is ValidityState.NOT_SUSTAINED
    assert sends_late.state is ValidityState.CLIENT_LIMITED
    assert reads_late.state is ValidityState.CLIENT_LIMITED


def test_every_guard_and_every_warning_is_explained():
    text = (Path(__file__).parents[2] / "docs" / "concepts" / "validity.md").read_text(encoding="utf-8")
    _, guards, _ = _judge()
    missing = [guard.guard for guard in guards if f"| `{guard.guard}` |" not in text]
    assert missing + [kind.value for kind in WarningKind if f"`{kind.value}`" not in text] == []
    assert [state.value for state in ValidityState if f"| `{state.value}` |" not in text] == []
