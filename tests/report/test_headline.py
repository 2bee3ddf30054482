"""One paragraph to quote: what it may say in which class, and never more than the verdicts."""

import math
import re
from dataclasses import replace

import pytest
import sample
from reading import Page
from test_prose import comparison_with

from ladder_sample import TRUTHS, ladder
from meshperf.analysis import compare
from meshperf.analysis.records import Comparability, Comparison, Estimate, SecondVerdict, Verdict, Violation
from meshperf.report import wording
from meshperf.report.assembly import assemble
from meshperf.report.headline import headline
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import Warning, WarningKind
from meshperf.units import Unit

REACH = "This holds for this machine, this workload and this load only."
CPU = {
    "metric": "cpu_per_request",
    "unit": Unit.CPU_SECONDS_PER_REQUEST,
    "added": Estimate(value=220e-6, low=210e-6, high=230e-6, confidence=0.95, n=6, unit=Unit.CPU_SECONDS_PER_REQUEST),
}


def told(comparison: Comparison) -> str:
    return wording.plain(headline(comparison))


def both(grade: str = "A", **changes: object) -> Comparison:
    """p50 and CPU per request of one candidate, known by hand; `changes` go to both metrics."""
    time, used = comparison_with(grade, **changes), comparison_with(grade, **{**CPU, **changes})
    return replace(time, metrics=(*time.metrics, *used.metrics))


def graded(grade: str, *violations: Violation, arm: str = "envoy", rules: str = "r") -> Comparability:
    return Comparability(
        grade=grade, subject=("mesh",), violations=violations, arm=arm, against="baseline", rules=rules
    )


KERNEL = Violation(path="host.kernel", a="6.1", b="6.12", severity="EQ", why="kernels differ", fix="same kernel")


def test_a_known_difference_is_told_whole():
    assert told(both()) == (
        "envoy costs more than baseline: 612 us at p50 (x5.78, 5.60 to 5.97). "
        "envoy is less efficient than baseline: 220 us more CPU time per request (x5.78, 5.60 to 5.97). "
        "Which is more powerful (the highest rate that holds the objectives) one load point cannot tell: not measured. "
        "How sure: 6 rounds, each a fresh deployment; in brackets each ratio with its interval over rounds; "
        "how much two copies of one arm differ here was not measured. "
        f"Not the same (class A): the subject (mesh and client_library). {REACH}"
    )


def test_a_saving_is_told_as_one():
    text = told(both(verdict=Verdict.BETTER))
    assert "envoy costs less than baseline: 612 us less at p50" in text
    assert "envoy is more efficient than baseline: 220 us less CPU time per request" in text
    assert "costs more" not in text and "less efficient" not in text


def test_an_undecided_metric_is_neither_more_nor_less_nor_equal():
    text = told(both(verdict=Verdict.INCONCLUSIVE, rounds_needed=10))
    assert "Whether envoy costs more or less than baseline is not decided: at p50 (" in text
    assert "Which of envoy and baseline is more efficient is not decided: CPU time per request (" in text
    assert text.count("about 4 more rounds") == 2
    assert not re.search(r"costs more than|costs less than|equivalent|equally", text)


def test_an_undecided_metric_without_a_number_of_rounds_says_why():
    text = told(both(verdict=Verdict.INCONCLUSIVE, reason="Hodges-Lehmann disagrees."))
    assert "at p50 (Hodges-Lehmann disagrees)" in text


def test_equivalence_names_its_margin_and_is_no_difference():
    text = told(both(verdict=Verdict.EQUIVALENT))
    assert "envoy and baseline are equivalent: at p50 (x5.78, 5.60 to 5.97, margin of 5 %)." in text
    assert "envoy and baseline are equally efficient: CPU time per request (" in text
    assert "costs more" not in text


def test_a_metric_that_was_not_judged_is_said_to_be_so():
    assert "Which of envoy and baseline is more efficient was not judged." in told(comparison_with())
    assert "What envoy adds to response times was not judged." in told(comparison_with(**CPU))


@pytest.mark.parametrize("grade", ["X", "Z"])
def test_arms_that_cannot_be_compared_come_first_with_reasons_and_no_figure(grade):
    text = told(replace(both(grade), pairs=(graded(grade, KERNEL),)))
    assert text.startswith(
        f"Not comparable (class {grade}): envoy with baseline, because host.kernel differs (6.1 and 6.12). So noth"
    )
    assert not re.search(r"x5|612|costs|less efficient|How sure|powerful \(", text)


def test_an_indicative_pair_comes_first_with_figures_side_by_side():
    text = told(both("D"))
    assert text.startswith("Indicative only (class D), no verdict: p50 ")
    assert not re.search(r"costs|efficient than|x5|interval", text.replace("its interval over rounds", ""))


def test_a_normalised_pair_has_ratios_and_no_verdict():
    text = told(both("C"))
    assert text.startswith(
        "Normalised only (class C), ratios to each arm's own baseline and no verdict: "
        "envoy x5.78 in p50 (5.60 to 5.97); envoy x5.78 in CPU per request (5.60 to 5.97)."
    )
    assert "costs" not in text and "612" not in text


def test_a_matched_pair_says_that_the_session_was_another():
    assert "Not the same (class B): the subject (mesh and client_library); the session" in told(both("B"))


def test_sets_of_runs_that_shared_no_rounds_are_not_called_rounds():
    text = told(both("B", paired=False))
    assert "How sure: 6 runs a side, which shared no rounds; in brackets" in text and "deployment" not in text


def test_a_pilot_says_so_first_and_decides_nothing():
    text = told(replace(both(), pilot=True))
    assert text.startswith(
        "A pilot, shorter than a measurement: nothing is decided, and no figure is to be quoted. Seen"
    )
    assert "costs more" not in text and "less efficient" not in text


def test_a_debug_build_and_a_spoiled_arm_are_told_first():
    comparison = both()
    spoiled = replace(comparison.arms[0], resident="istio", rounds=0)
    warning = Warning(kind=WarningKind.DEBUG_BUILD, text="debug build")
    text = told(replace(comparison, arms=(spoiled,), warnings=(warning,)))
    assert text.startswith(
        "The generator was not a release build: no figure is to be quoted. No run of istio was valid"
    )


def test_the_worst_class_of_several_pairs_is_told_first_and_each_pair_by_its_own():
    other = comparison_with(arm="linkerd").metrics
    comparison = both()
    pairs = (graded("A"), graded("X", KERNEL, arm="linkerd"))
    text = told(replace(comparison, metrics=(*comparison.metrics, *other), pairs=pairs))
    assert text.startswith("Not comparable (class X): linkerd with baseline, because host.kernel differs")
    assert "envoy costs more than baseline" in text and "linkerd costs" not in text
    assert "Not the same (class X and class A)" in text


def test_what_lowers_a_pair_is_told_of_that_pair():
    other = comparison_with(arm="linkerd").metrics
    comparison = both()
    release = Violation(path="mesh.release", a="static", b="development", severity="CLOSE", why="", fix="")
    pairs = (graded("A"), graded("D", release, arm="linkerd"))
    text = told(replace(comparison, metrics=(*comparison.metrics, *other), pairs=pairs))
    assert "; of linkerd with baseline: mesh.release differs (static and development)." in text
    assert "of envoy with baseline" not in text


def test_loosened_rules_and_unknown_facts_are_not_passed_over():
    unknown = Violation(path="host.turbo", a=None, b=None, severity="unknown-flag", why="", fix="")
    note = Violation(path="host.bios", a=None, b=None, severity="unknown-note", why="", fix="")
    own = replace(graded("A", rules="own 1 over ours 1; loosened: `host.*` is free"), unknowns=(unknown, note))
    text = told(replace(both(), comparability=own))
    assert "host.turbo is not known" in text and "host.bios" not in text
    assert "and rules were loosened: `host.*` is free" in text


def test_the_noise_floor_the_rounds_left_out_and_what_they_would_change_are_told():
    whole = sample.clean()[0]
    second = SecondVerdict(verdict=Verdict.INCONCLUSIVE, ratio=both().metrics[0].ratio, rounds=7)
    comparison = replace(
        both(with_excluded=second), noise_floors=whole.noise_floors, rounds_excluded=("round 3: steal",)
    )
    worst = max((f for f in whole.noise_floors if f.metric in comparison.primary_family), key=lambda f: f.floor)
    text = told(comparison)
    assert f"two fresh copies of one arm differ by up to {wording.plain(wording.share(worst.floor))} here" in text
    assert "1 more excluded; " in text
    assert "with the excluded rounds counted in, 2 of 2 verdicts change" in text


def many(count: int = 6) -> Comparison:
    """p50 and CPU of several candidates: ratios 2, 3, 4 …, the last two equivalent and undecided."""
    comparison, metrics = both(), []
    for number in range(count):
        verdict = {count - 2: Verdict.EQUIVALENT, count - 1: Verdict.INCONCLUSIVE}.get(number, Verdict.WORSE)
        value = number + 2.0
        ratio = Estimate(value=value, low=value * 0.9, high=value * 1.1, confidence=0.95, n=6, unit=Unit.RATIO)
        metrics += [replace(m, arm=f"arm{number}", ratio=ratio, verdict=verdict) for m in comparison.metrics]
    between = replace(comparison.metrics[0], arm="arm1", against="arm0", verdict=Verdict.INCONCLUSIVE)
    return replace(comparison, metrics=(*metrics, between))


def test_many_arms_are_told_over_a_metric_with_both_ends():
    text = told(many())
    assert (
        "At p50, against baseline: 4 of 6 arms cost more, from x2.0 (arm0, 1.8 to 2.2) to x5.0 (arm3, 4.5 to 5.5); "
        "equivalent: arm4; not decided: arm5." in text
    )
    assert "CPU time per request, against baseline: 4 of 6 arms are less efficient" in text
    assert (
        "Of 1 figure of 1 pair of candidates, the one against the other: 0 worse, 0 better, 0 equivalent and 1 not"
        in text
    )
    assert len(text) < 1300


def test_a_figure_that_is_not_known_never_prints_as_a_number_or_nan():
    nothing = Estimate(value=math.nan, low=math.nan, high=math.nan, confidence=0.95, n=0, unit=Unit.RATIO)
    for verdict in Verdict:
        for grade in "ABCDX":
            text = headline(both(grade, ratio=nothing, verdict=verdict))
            assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)
            assert text.endswith(REACH)


def test_hostile_names_are_text_in_every_form():
    comparison = both(arm=sample.HOSTILE_ARM)
    text = headline(comparison)
    assert "\x1b" not in text and "\u202e" not in text and "\n" not in text
    files = assemble([comparison], [], experiment_text="", command="", facts={}, charts=False)
    page = files["report.html"].decode()
    assert "<script>alert" not in page
    assert " ".join(text.split()) in Page(page).text
    assert "<script>" not in files["report.md"].decode()


def test_the_headline_is_the_first_sentence_of_a_report_and_stands_once_over_several_load_points():
    comparison, runs = sample.clean()
    for points in (1, 2):
        several = [replace(comparison, load_point=n) for n in range(points)]
        every = [replace(run, load_point=n) for n in range(points) for run in runs]
        files = assemble(several, every, experiment_text="", command="", facts={}, charts=False)
        page = Page(files["report.html"].decode())
        texts = [e.text for e in page.all("p", "li") if e.text.count("How sure: ")]
        assert len(texts) == points
        assert page.all("h2")[0].text == ("The answer" if points == 1 else "In plain words")
    assert texts[1].startswith("Load point 2: http1, 500 requests/s offered")
    assert "one load point cannot tell" not in page.text


def test_a_ladder_of_rates_says_above_all_load_points_who_is_more_powerful():
    slow = {**TRUTHS, "envoy": replace(TRUTHS["envoy"], slow_from=750.0)}
    for truths, expected in ((slow, "baseline is more powerful: "), (TRUTHS, "Neither is shown to be more powerful: ")):
        runs = ladder(truths, noise=0.02)
        comparisons = compare(
            runs, baseline="baseline", subject=("mesh",), margins={}, objectives=(parse_objective("p90 <= 20ms"),)
        )
        files = assemble(comparisons, runs, experiment_text="", command="", facts={}, charts=False)
        points = [e.text for e in Page(files["report.html"].decode()).all("li") if "powerful" in e.text]
        assert len(points) == 1 and points[0].startswith(expected)


def test_load_points_that_make_no_ladder_leave_power_unmeasured():
    comparison, runs = sample.clean()
    several = [replace(comparison, load_point=n) for n in range(2)]
    files = assemble(several, runs, experiment_text="", command="", facts={}, charts=False)
    points = [e.text for e in Page(files["report.html"].decode()).all("li") if "powerful" in e.text]
    assert points == ["Which is more powerful (the highest rate that holds the objectives) was not measured."]
