"""Two sets of runs that never met in rounds: their class, their ratio, and what may be said of it."""

from dataclasses import replace

import pytest
from simulated import BASELINE, ENVOY, MARGINS, SimulatedArm, Simulation

from meshperf.analysis import Verdict, packaged_rules
from meshperf.analysis.cross import Side, compare_sides
from meshperf.analysis.cross_imported import run_of_imported
from meshperf.analysis.cross_records import record_grade
from meshperf.histograms import EMPTY
from meshperf.spec.imported import (
    Completeness,
    Imported,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    Quantile,
    Source,
)
from meshperf.spec.records import Fact


def _session(seed, *, ratio=1.3, rounds=10, slower=1.0, name="s", facts=None, twins=()):
    """A baseline and a candidate over rounds; `slower` moves the whole session."""
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=ratio)}
    runs = Simulation(arms=arms, rounds=rounds, median_s=1e-3 * slower, run_sd=0.01, twins=twins).run(seed)
    return tuple(
        replace(
            run,
            experiment_id=name,
            run_id=f"{name}-{run.run_id}",
            facts={**run.facts, **{path: Fact(value=value) for path, value in (facts or {}).items()}},
        )
        for run in runs
    )


def _side(runs, arm="envoy", *, label=None, baseline="baseline", **more):
    name = runs[0].experiment_id
    return Side(
        label=label or f"{arm}@{name}",
        arm=arm,
        session=runs,
        baseline=baseline,
        baseline_label=f"{baseline}@{name}",
        **more,
    )


def _compare(first, second, **settings):
    return compare_sides(first, second, **{"subject": (), "margins": MARGINS, **settings})


def _metric(comparison, name):
    return next(metric for metric in comparison.metrics if metric.metric == name)


def test_a_slower_session_cancels_through_the_baselines_and_the_rest_is_judged():
    monday, friday = _session(1, name="monday"), _session(2, name="friday", ratio=1.56, slower=1.4)
    found = _compare(_side(monday), _side(friday))
    assert found.comparability.grade == "B"
    p50 = _metric(found, "p50")
    assert p50.ratio.low < 1.56 / 1.3 < p50.ratio.high
    assert p50.verdict is Verdict.WORSE and not p50.paired
    assert "ratio of ratios" in p50.ratio.method and "ratio of ratios" in found.experiment


def test_what_both_add_is_subtracted_in_the_unit():
    same = _compare(_side(_session(1, name="a")), _side(_session(2, name="b", ratio=1.5)))
    added = _metric(same, "p50").added
    assert added.low < 0.2e-3 < added.high


def test_the_same_candidate_in_two_sessions_is_equivalent():
    found = _compare(_side(_session(1, name="a")), _side(_session(2, name="b", slower=1.2)))
    assert _metric(found, "p50").verdict is Verdict.EQUIVALENT


def test_without_a_baseline_of_its_own_there_is_no_verdict():
    first, second = _session(1, name="a"), _session(2, name="b", ratio=2.0)
    found = _compare(_side(first, baseline=None), _side(second, baseline=None))
    assert found.comparability.grade == "D"
    assert {metric.verdict for metric in found.metrics} == {Verdict.INCONCLUSIVE}
    assert _metric(found, "p50").ratio.value == pytest.approx(2.0 / 1.3, rel=0.05)


def test_another_machine_is_class_c_with_baselines_and_not_comparable_without():
    first, second = _session(1, name="a"), _session(2, name="b", facts={"host.kernel": "6.8.1"})
    normalised = _compare(_side(first), _side(second))
    assert normalised.comparability.grade == "C"
    assert "class C" in _metric(normalised, "p50").reason
    assert _compare(_side(first, baseline=None), _side(second, baseline=None)).comparability.grade == "X"


def test_another_load_is_not_comparable_whatever_the_baselines():
    first, second = _session(1, name="a"), _session(2, name="b", facts={"load.connections": 64})
    found = _compare(_side(first), _side(second))
    assert found.comparability.grade == "X"
    (violation,) = (one for one in found.comparability.violations if one.path == "load.connections")
    assert (violation.a, violation.b) == (16, 64) and violation.why and violation.fix
    assert _metric(found, "p50").verdict is Verdict.NOT_COMPARABLE


def test_a_declared_subject_may_differ():
    first, second = _session(1, name="a"), _session(2, name="b", facts={"proxy.access_log": True})
    assert _compare(_side(first), _side(second)).comparability.grade == "X"
    assert _compare(_side(first), _side(second), subject=("proxy.access_log",)).comparability.grade == "B"


def test_baselines_that_differ_are_seen_though_the_candidates_agree():
    second = tuple(
        replace(run, facts={**run.facts, "workload.sha256": Fact(value="cd" * 32)}) if run.arm == "baseline" else run
        for run in _session(2, name="b")
    )
    found = _compare(_side(_session(1, name="a")), _side(second))
    assert found.comparability.grade == "X"
    assert [one.path for one in found.comparability.violations] == ["workload.sha256"]


def test_an_unseen_governor_lowers_sessions_apart_and_a_users_rule_may_allow_it():
    hidden = {"host.governor": None}
    first, second = _session(1, name="a", facts=hidden), _session(2, name="b", facts=hidden)
    assert _compare(_side(first), _side(second)).comparability.grade == "D"
    book = packaged_rules()
    loose = replace(
        book,
        fields=tuple(replace(r, unknown="note") if r.path == "host.governor" else r for r in book.fields),
        _found={},
    )
    assert _compare(_side(first), _side(second), rules=loose).comparability.grade == "B"


def test_a_single_run_a_side_is_indicative():
    first, second = _session(1, name="a", rounds=1), _session(2, name="b", rounds=1)
    found = _compare(_side(first), _side(second))
    assert found.comparability.grade == "D"
    assert _metric(found, "p50").ratio.low != _metric(found, "p50").ratio.low  # NaN: no bounds from one run


def test_groups_of_one_experiment_meet_through_their_own_baselines():
    """Other meshes, same subject: the candidates never shared a group."""
    runs = []
    for group, (arm, ratio) in enumerate((("envoy", 1.2), ("other", 1.5))):
        facts = {**ENVOY, "mesh.type": arm}
        arms = {"baseline": BASELINE, arm: SimulatedArm(ratio=ratio, facts=facts)}
        made = Simulation(arms=arms, rounds=8, run_sd=0.01).run(group)
        runs += [replace(run, group=group, experiment_id="e", run_id=f"{group}-{run.run_id}") for run in made]
    sides = [
        Side(label=arm, arm=arm, session=tuple(runs), baseline="baseline", baseline_label="baseline")
        for arm in ("envoy", "other")
    ]
    found = _compare(*sides, subject=("mesh",))
    assert found.comparability.grade == "B"
    ratio = _metric(found, "p50").ratio
    assert ratio.low < 1.5 / 1.2 < ratio.high and ratio.n == 8


def test_floors_of_twins_keep_their_own_names():
    first = _session(1, name="a", twins=("baseline",))
    found = _compare(_side(first), _side(_session(2, name="b")))
    assert {floor.arm for floor in found.noise_floors} == {"baseline@a"}


def _imported(tool="fortio", *, p50=(2e-3, 1.9e-3, 2.1e-3), **changes):
    value, low, high = p50
    settings = {
        "source": Source(tool=tool, form="json", tool_version="1.2.3", file=f"{tool}.json", digest="ab"),
        "protocol": "http1",
        "connections": 8,
        "loop": LoopModel.OPEN,
        "arrivals": "constant",
        "offered_rps": 100.0,
        "achieved_rps": 100.0,
        "duration_s": 10.0,
        "requests": 1000,
        "ok": 1000,
        "errors": 0,
        "latency_origin": LatencyOrigin.INTENDED,
        "latency_of": LatencyOf.SUCCESSES,
        "quantiles": (Quantile(q=0.5, value_s=value, low_s=low, high_s=high),),
    }
    return Imported(**{**settings, **changes})


def _of_tool(label, *records, grade=Completeness.ADEQUATE):
    runs = tuple(run_of_imported(one, arm=label, number=at) for at, one in enumerate(records))
    return Side(label=label, arm=label, session=runs, grade=grade)


def test_results_of_two_tools_are_not_comparable_and_say_so_in_words():
    found = _compare(_of_tool("a", _imported("fortio")), _of_tool("b", _imported("wrk2")))
    assert found.comparability.grade == "X"
    told = {one.path: one for one in found.comparability.violations}
    assert (told["load.generator"].a, told["load.generator"].b) == ("fortio", "wrk2")
    assert "same generator" in told["load.generator"].fix


def test_unknown_errors_block():
    known = _compare(_of_tool("a", _imported()), _of_tool("b", _imported()))
    unknown = _compare(_of_tool("a", _imported()), _of_tool("b", _imported(errors=None, ok=None)))
    assert "errors.share" not in {one.path for one in known.comparability.unknowns}
    assert [one.severity for one in unknown.comparability.unknowns if one.path == "errors.share"] == ["unknown-block"]


def test_closed_against_open_loop_is_told_with_its_reason():
    closed = _imported(loop=LoopModel.CLOSED, arrivals="closed", offered_rps=None)
    found = _compare(_of_tool("a", _imported()), _of_tool("b", closed))
    assert any("closed loop" in one.why for one in found.comparability.violations if one.path == "load.arrivals")


def test_figures_of_other_tools_stand_side_by_side():
    found = _compare(_of_tool("a", _imported()), _of_tool("b", _imported(p50=(3e-3, 2e-3, 4e-3))))
    assert [metric.metric for metric in found.metrics] == ["p50"]
    assert [arm.figures["p50"].value for arm in found.arms] == pytest.approx([2e-3, 3e-3])


def test_a_schedule_that_was_not_kept_is_told():
    found = _compare(_of_tool("a", _imported()), _of_tool("b", _imported(requests=900, ok=900)))
    (violation,) = (one for one in found.comparability.violations if one.path == "run.validity")
    assert "90 requests/s were made of 100 offered" in violation.why


def test_a_result_without_a_good_answer_has_no_figures():
    failed = _imported(ok=0, errors=1000, latency_of=LatencyOf.ALL)
    run = run_of_imported(failed, arm="a")
    assert run.response == EMPTY and run.generator.bounds == () and not run.validity.ok


def test_records_are_graded_by_what_they_lack():
    run = _session(1)[0]
    unseen = Fact(unavailable="not told")
    assert record_grade("a", run).grade is Completeness.FULL
    flagged = replace(run, facts={**run.facts, "host.governor": unseen})
    assert record_grade("a", flagged) == replace(
        record_grade("a", run), grade=Completeness.ADEQUATE, lacks=("host.governor",)
    )
    blocked = replace(run, facts={path: fact for path, fact in run.facts.items() if path != "load.protocol"})
    assert record_grade("a", blocked).grade is Completeness.BARE


def test_a_bare_record_is_never_more_than_indicative():
    first, second = _session(1, name="a"), _session(2, name="b")
    found = _compare(_side(first), _side(second, grade=Completeness.BARE))
    assert found.comparability.grade == "D"
