"""What breaks first: steps with known breaks, strays and unclean generators."""

from __future__ import annotations

from meshperf.analysis.stress import judge_stress, stop_reason
from meshperf.spec.kinds import ObjectiveReading, StepOutcome, StepState


def step(rate: float, *broken: str, state: StepState | None = None, failed: int = 0, **busy: float) -> StepOutcome:
    readings = tuple(
        ObjectiveReading(objective=name, value=1.0, threshold=0.5, unit="s", held=name not in broken)
        for name in ("p99", "errors", "achieved")
    )
    return StepOutcome(
        label="step", state=state or (StepState.FAILED if broken else StepState.HELD), offered_rps=rate,
        achieved_rps=rate, begin_s=0, duration_s=1, requests=100, failed=failed, objectives=readings, busy=busy,
    )  # fmt: skip


def test_each_objective_breaks_between_two_rates_and_the_lowest_is_first() -> None:
    steps = [step(100), step(200), step(300, "p99"), step(400, "p99", "achieved"), step(500, "p99", "achieved")]
    found = judge_stress(steps, busy_limit=0.9, stopped_by="")
    breaks = {one.objective: (one.held_at_rps, one.broke_at_rps) for one in found.breaks}
    assert breaks == {"p99": (200, 300), "achieved": (300, 400), "errors": (500, None)}
    assert found.first_broken == ("p99",)


def test_two_that_break_at_the_same_step_are_both_first() -> None:
    found = judge_stress([step(100), step(200, "p99", "errors")], busy_limit=0.9, stopped_by="")
    assert set(found.first_broken) == {"p99", "errors"}


def test_a_stray_failure_below_a_rate_that_held_is_not_a_break() -> None:
    found = judge_stress([step(100), step(200, "p99"), step(300), step(400, "p99")], busy_limit=0.9, stopped_by="")
    assert {one.objective: one.broke_at_rps for one in found.breaks}["p99"] == 400


def test_an_unclean_or_disturbed_step_proves_nothing() -> None:
    for state in (StepState.CLIENT_LIMITED, StepState.DISTURBED, StepState.BROKEN_OFF):
        found = judge_stress([step(100), step(200, "p99", state=state)], busy_limit=0.9, stopped_by="")
        assert found.first_broken == ()


def test_the_first_component_at_its_limit_is_named_with_its_rate() -> None:
    steps = [step(100, app=0.3, proxy=0.5), step(200, app=0.6, proxy=0.95), step(300, "p99", app=0.97, proxy=0.99)]
    found = judge_stress(steps, busy_limit=0.9, stopped_by="")
    assert (found.first_component, found.first_component_at_rps) == ("proxy", 200)
    assert judge_stress([step(100)], busy_limit=0.9, stopped_by="").first_component is None


def test_the_test_stops_after_two_broken_steps_or_when_most_requests_fail() -> None:
    rule = {"stop_after": 2, "stop_failed_share": 0.5}
    assert stop_reason([step(1)], **rule) is None
    assert stop_reason([step(1), step(2, "p99")], **rule) is None
    assert stop_reason([step(1, "p99"), step(2), step(3, "p99")], **rule) is None
    assert stop_reason([step(1, "p99"), step(2, "p99")], **rule) == "2 steps in a row broke an objective"
    assert stop_reason([step(1, "errors", failed=60)], **rule) == "60% of the requests failed at 1/s"
    assert "not clean" in stop_reason([step(1, "p99", state=StepState.CLIENT_LIMITED)], **rule)
    assert "disturbed" in stop_reason([step(n, "p99", state=StepState.DISTURBED) for n in (1, 2)], **rule)
