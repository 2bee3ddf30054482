"""Which facts stand in the way of a comparison, and which belong to it."""

from dataclasses import replace

import pytest
from simulated import BARE, ENVOY, HOST, constant_run, facts_of

from meshperf.analysis import compare_facts, grade_of
from meshperf.analysis.comparability import compare_runs, constancy
from meshperf.spec.records import Counts, Fact


def _facts(arm, **changes):
    facts = facts_of({**HOST, **arm, **{path.replace("__", "."): value for path, value in changes.items()}})
    return {path: fact for path, fact in facts.items() if fact.value != "<absent>"}


def _against_baseline(baseline, candidate, subject=("mesh",), **settings):
    return compare_facts(baseline, candidate, subject=subject, against_baseline=True, **settings)


def _between_candidates(first, second, subject=("mesh",)):
    return compare_facts(first, second, subject=subject, against_baseline=False)


def test_arms_that_differ_only_in_what_the_mesh_brings_are_class_a():
    found = _against_baseline(_facts(BARE), _facts(ENVOY))
    assert found.grade == "A"
    assert {entry.path for entry in found.subject_differences} >= {"mesh.type", "security.mtls", "proxy.concurrency"}
    assert "host.kernel" in found.equal
    assert not found.violations


def test_runs_on_different_kernels_are_not_comparable():
    found = _against_baseline(_facts(BARE), _facts(ENVOY, host__kernel="6.2.0"))
    assert found.grade == "X"
    (violation,) = found.violations
    assert (violation.path, violation.a, violation.b, violation.severity) == ("host.kernel", "6.1.55", "6.2.0", "EQ")
    assert "kernel" in violation.fix


def test_a_patch_release_of_the_kernel_is_free():
    assert _against_baseline(_facts(BARE), _facts(ENVOY, host__kernel="6.1.99-cloud")).grade == "A"


@pytest.mark.parametrize("path", ["load.connections", "load.protocol", "load.arrivals", "load.rate", "host.kernel"])
def test_unknown_is_never_equal_even_when_both_sides_lack_it(path):
    nothing = {path: Fact(unavailable="not recorded by this tool")}
    found = _against_baseline({**_facts(BARE), **nothing}, {**_facts(ENVOY), **nothing})
    assert found.grade == "X"
    assert [(entry.path, entry.severity) for entry in found.unknowns] == [(path, "unknown-block")]
    assert path not in found.equal


def test_a_required_fact_that_no_arm_names_is_unknown():
    gone = {"load__connections": "<absent>"}
    assert _against_baseline(_facts(BARE, **gone), _facts(ENVOY, **gone)).grade == "X"


def test_a_closed_loop_has_no_rate_to_know():
    closed = {"load__arrivals": "closed", "load__rate": None}
    assert _against_baseline(_facts(BARE, **closed), _facts(ENVOY, **closed)).grade == "A"


def test_open_against_closed_loop_is_not_comparable_and_says_why():
    found = _against_baseline(_facts(BARE), _facts(ENVOY, load__arrivals="closed"))
    assert found.grade == "X"
    assert any("closed loop" in entry.why for entry in found.violations)


def test_between_candidates_security_must_be_equal():
    found = _between_candidates(_facts(ENVOY), _facts(ENVOY, security__mtls="off", mesh__type="other"))
    assert found.grade == "X"
    assert [entry.path for entry in found.violations] == ["security.mtls"]
    assert [entry.path for entry in found.subject_differences] == ["mesh.type"]


def test_between_candidates_a_declared_difference_is_the_subject():
    second = _facts(ENVOY, proxy__access_log=True)
    assert _between_candidates(_facts(ENVOY), second).grade == "X"
    assert _between_candidates(_facts(ENVOY), second, subject=("mesh", "proxy.access_log")).grade == "A"
    assert _between_candidates(_facts(ENVOY), second, subject=("mesh_config:access_log",)).grade == "A"


def test_workers_of_another_mesh_are_disclosed_but_of_the_same_mesh_must_be_equal():
    more = {"proxy__concurrency": 2}
    assert _between_candidates(_facts(ENVOY), _facts(ENVOY, **more)).grade == "X"
    other = _between_candidates(_facts(ENVOY), _facts(ENVOY, mesh__type="other", **more))
    assert other.grade == "A"
    assert "proxy.concurrency" in {entry.path for entry in other.subject_differences}


def test_a_library_against_a_sidecar_needs_both_declared():
    library = _facts(BARE, security__mtls="strict", security__tls_version="TLSv1.3", client_library__functions="mTLS")
    assert _between_candidates(_facts(ENVOY), library, subject=("mesh", "client_library")).grade == "A"
    alone = _between_candidates(_facts(ENVOY), library, subject=("mesh",))
    assert [entry.path for entry in alone.violations] == ["client_library.functions"]


def test_sizes_within_two_percent_are_close_and_beyond_they_block():
    assert _against_baseline(_facts(BARE), _facts(ENVOY, workload__response_bytes=1040)).grade == "A"
    found = _against_baseline(_facts(BARE), _facts(ENVOY, workload__response_bytes=1100))
    assert (found.grade, found.violations[0].severity) == ("X", "CLOSE")


def test_a_longer_warm_up_makes_a_comparison_indicative():
    assert _against_baseline(_facts(BARE), _facts(ENVOY, load__warmup_s=3.0)).grade == "D"


def test_a_governor_nobody_can_see_is_named_within_rounds_and_flagged_across_sessions():
    hidden = {"host.governor": Fact(unavailable="no cpufreq here")}
    sides = ({**_facts(BARE), **hidden}, {**_facts(ENVOY), **hidden})
    assert _against_baseline(*sides).grade == "A"
    assert [entry.severity for entry in _against_baseline(*sides).unknowns] == ["unknown-note"]
    assert _against_baseline(*sides, paired=False).grade == "D"


def test_what_the_mesh_is_must_be_known_but_its_details_may_be_unknown_against_the_baseline():
    unseen = Fact(unavailable="not observed")
    assert _against_baseline(_facts(BARE), {**_facts(ENVOY), "security.tls_group": unseen}).grade == "A"
    assert _against_baseline(_facts(BARE), {**_facts(ENVOY), "security.mtls": unseen}).grade == "X"


def test_other_sessions_are_matched_normalised_or_indicative():
    kernel = _against_baseline(_facts(BARE), _facts(ENVOY, host__kernel="6.2.0")).violations
    assert grade_of((), (), same_rounds=False, own_baselines=True) == "B"
    assert grade_of(kernel, (), same_rounds=False, own_baselines=True) == "C"
    assert grade_of((), (), same_rounds=False) == "D"
    assert grade_of(kernel, (), same_rounds=False) == "X"


def _runs(arm, count=3, **settings):
    return [constant_run(1e-3, arm=arm, round=number, **settings) for number in range(1, count + 1)]


def _judge(baseline, candidate):
    return compare_runs(baseline, candidate, subject=("mesh",), against_baseline=True)


def test_a_proxy_that_was_replaced_between_rounds_is_not_one_arm():
    candidate = _runs("envoy")
    changed = replace(candidate[2], facts=facts_of({**HOST, **ENVOY, "proxy.version": "1.39.0"}))
    found = _judge(_runs("baseline"), [*candidate[:2], changed])
    assert found.grade == "X"
    assert "changed between round 1 and round 3" in found.violations[0].why


def test_an_arm_that_fails_more_often_is_not_comparable():
    failing = Counts(offered=2000, sent=2000, ok=1980, errors=20)
    found = _judge(_runs("baseline"), _runs("envoy", counts=failing))
    assert (found.grade, found.violations[0].path) == ("X", "errors.share")
    one = Counts(offered=2000, sent=2000, ok=1999, errors=1)
    assert _judge(_runs("baseline"), [*_runs("envoy")[:2], _runs("envoy", counts=one)[2]]).grade == "A"


def test_a_single_run_is_indicative_and_no_run_is_not_comparable():
    assert _judge(_runs("baseline", 1), _runs("envoy", 1)).grade == "D"
    assert _judge([], []).grade == "X"


def test_a_pilot_is_at_most_indicative():
    assert _judge(_runs("baseline", pilot=True), _runs("envoy", pilot=True)).grade == "D"


def test_the_facts_a_real_machine_reports_as_it_goes_do_not_part_its_rounds():
    def measured(arm, number):
        now = {
            "host.memory_available_bytes_now": number * 10**8,
            "host.mhz_now": 2000 + number,
            "design.slice_s": 0.1 * number,
        }
        return constant_run(1e-3, arm=arm, round=number, facts=_facts(BARE if arm == "baseline" else ENVOY, **now))

    sides = [[measured(arm, number) for number in (1, 2, 3)] for arm in ("baseline", "envoy")]
    assert _judge(*sides).grade == "A"


def _one_round(runs, number, **changes):
    """These runs with some facts changed in one round; None: unknown."""
    facts = {
        path.replace("__", "."): Fact(unavailable="lost") if value is None else Fact(value=value)
        for path, value in changes.items()
    }
    return [replace(run, facts={**run.facts, **facts}) if run.round == number else run for run in runs]


def test_a_fact_that_differs_in_a_later_round_stands_in_the_way():
    found = _judge(_runs("baseline"), _one_round(_runs("envoy"), 2, host__kernel="6.2.0"))
    assert found.grade == "X"
    named = [entry for entry in found.violations if entry.path == "host.kernel" and entry.against == "baseline"]
    assert [(entry.a, entry.b) for entry in named] == [("6.1.55", "6.2.0")]
    assert "in round 2" in named[0].why
    assert "host.kernel" not in found.equal


def test_a_fact_that_is_lost_in_a_later_round_is_unknown_there():
    sides = [_one_round(_runs(arm), 3, load__connections=None) for arm in ("baseline", "envoy")]
    found = _judge(*sides)
    assert found.grade == "X"
    assert {(entry.path, entry.severity) for entry in found.unknowns} == {("load.connections", "unknown-block")}
    assert "load.connections" not in found.equal


def test_a_change_that_both_arms_share_in_a_round_is_still_a_change():
    sides = [_one_round(_runs(arm), 2, load__connections=32) for arm in ("baseline", "envoy")]
    found = _judge(*sides)
    assert found.grade == "X"
    assert {(entry.arm, entry.against) for entry in found.violations} == {("baseline", "baseline"), ("envoy", "envoy")}


@pytest.mark.parametrize(
    ("path", "severity", "grade"),
    [("mesh.version", "unknown-flag", "D"), ("security.mtls", "unknown-block", "X"), ("host.boot_id", None, "A")],
)
def test_an_arm_whose_fact_becomes_unknown_may_have_changed(path, severity, grade):
    envoy = [replace(run, facts={**run.facts, path: Fact(value="first")}) for run in _runs("envoy")]
    envoy = _one_round(envoy, 3, **{path.replace(".", "__"): None})
    found = constancy(envoy)
    assert [(entry.path, entry.severity) for entry in found] == ([(path, severity)] if severity else [])
    assert _judge(_runs("baseline"), envoy).grade == grade


def test_a_proxy_configuration_must_stay_and_is_else_free():
    def digests(*values):
        found = _runs("envoy")
        for number, value in enumerate(values, start=1):
            found = _one_round(found, number, proxy__config_digest=value)
        return found

    baseline = [
        replace(run, facts={**run.facts, "proxy.config_digest": Fact(value="none")}) for run in _runs("baseline")
    ]
    found = _judge(baseline, digests("a", "a", "a"))
    assert found.grade == "A"
    assert "proxy.config_digest" in {entry.path for entry in found.subject_differences}
    found = _judge(baseline, digests("a", "a", "b"))
    assert (found.grade, [entry.path for entry in found.violations]) == ("X", ["proxy.config_digest"])
    other = _between_candidates(_facts(ENVOY, proxy__config_digest="a"), _facts(ENVOY, proxy__config_digest="b"))
    assert other.grade == "A"


def test_a_development_build_is_indicative_beside_a_release_even_where_the_mesh_is_the_subject():
    other = {"mesh__type": "other", "mesh__release": "development"}
    found = _between_candidates(_facts(ENVOY, mesh__release="release"), _facts(ENVOY, **other))
    assert found.grade == "D"
    assert [entry.path for entry in found.violations] == ["mesh.release"]
    alike = _between_candidates(
        _facts(ENVOY, mesh__release="development"), _facts(ENVOY, mesh__type="other", mesh__release="development")
    )
    assert alike.grade == "A"
    assert _against_baseline(_facts(BARE, mesh__release="none"), _facts(ENVOY, **other)).grade == "A"


def test_a_setting_of_the_mesh_that_is_the_subject_brings_all_that_hangs_on_it():
    off = _facts(ENVOY, security__mtls="off", security__tls_version="none", security__tls_cipher="none")
    found = _between_candidates(_facts(ENVOY), off, subject=("mesh_config:mtls",))
    assert not [entry for entry in found.violations if entry.path.startswith("security.")]
    assert _between_candidates(_facts(ENVOY), off, subject=("mesh_version",)).grade == "X"
