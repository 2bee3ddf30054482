"""A run by another load generator says who did it, how far to trust it, and why it is not to be compared with ours."""

from __future__ import annotations

from dataclasses import replace

from meshperf.analysis.comparability import compare_facts
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.external import external_facts, external_warnings, quantile_bounds
from meshperf.load.recording import ExternalAccount
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.imported import Quantile
from meshperf.spec.records import QuantileBounds, WarningKind

FORTIO = ExternalAccount(
    generator="fortio",
    version="1.68.2",
    sha256="ab" * 32,
    latency_origin="actual",
    loop="scheduled-closed",
    connection_model="each goroutine has one",
    resolution="18 buckets of the tool, spread evenly inside",
    quantiles=(Quantile(q=0.5, value_s=0.0010, low_s=0.0010, high_s=0.00102),
               Quantile(q=0.99, value_s=0.002, low_s=0.001, high_s=0.003)),
    notes=("it has no lead-in",),
)  # fmt: skip
OHA = ExternalAccount(
    generator="oha", version="1.16.0", latency_origin="intended", loop="open", resolution="every reply's time"
)
POINT = LoadPoint(arrivals="constant", rate=100.0, generator="fortio")


def why(a: ExternalAccount | None, b: ExternalAccount | None) -> tuple[str, dict[str, str]]:
    one, other = (load_facts(POINT, wait="sleep", workers=1, external=account) for account in (a, b))
    found = compare_facts(one, other, subject=("time",), against_baseline=False, only=set(one) | set(other))
    return found.grade, {violation.path: violation.why for violation in found.violations}


def test_our_engine_and_fortio_are_not_apples_to_apples_and_it_says_why() -> None:
    own = load_facts(replace(POINT, generator="meshperf"), wait="sleep", workers=1)
    other = load_facts(POINT, wait="sleep", workers=1, external=FORTIO)
    found = compare_facts(own, other, subject=("time",), against_baseline=False, only=set(own) | set(other))
    reasons = {violation.path: violation.why for violation in found.violations}
    assert found.grade == "X"
    assert {"load.generator", "load.generator_version", "load.latency_origin", "load.loop"} <= set(reasons)
    assert "stall" in reasons["load.loop"]
    assert "load.histogram_resolution" in reasons


def test_two_other_generators_are_not_either() -> None:
    grade, reasons = why(FORTIO, OHA)
    assert grade == "X"
    assert {"load.generator", "load.latency_origin", "load.loop"} <= set(reasons)


def test_two_runs_by_the_same_one_are_whatever_their_buckets() -> None:
    assert why(FORTIO, replace(FORTIO, resolution="21 buckets of the tool, spread evenly inside")) == ("A", {})


def test_another_version_is_another_generator_and_another_patch_is_not() -> None:
    assert why(FORTIO, replace(FORTIO, version="1.68.9"))[0] == "A"
    assert set(why(FORTIO, replace(FORTIO, version="1.75.2"))[1]) == {"load.generator_version"}
    assert set(why(FORTIO, replace(FORTIO, sha256="cd" * 32))[1]) == {"load.generator_sha256"}


def test_a_version_that_nobody_knows_blocks() -> None:
    unknown = replace(FORTIO, version=None)
    assert not external_facts(unknown)["load.generator_version"].known
    assert why(unknown, unknown)[0] == "X"


def test_what_a_reader_must_know_is_said_with_figures() -> None:
    kinds = {warning.kind: warning for warning in external_warnings(FORTIO)}
    assert set(kinds) == {WarningKind.OTHER_GENERATOR, WarningKind.OMISSION, WarningKind.COARSE_TIMES}
    assert "fortio 1.68.2" in kinds[WarningKind.OTHER_GENERATOR].text
    assert "it has no lead-in" in kinds[WarningKind.OTHER_GENERATOR].text
    assert kinds[WarningKind.COARSE_TIMES].figures == {"q": 0.99, "low_s": 0.001, "high_s": 0.003}


def test_one_that_counts_from_the_schedule_and_keeps_every_reply_is_only_named() -> None:
    assert [warning.kind for warning in external_warnings(OHA)] == [WarningKind.OTHER_GENERATOR]
    assert list(external_warnings(None)) == []


def test_the_bounds_of_its_quantiles_are_kept() -> None:
    assert quantile_bounds(FORTIO)[1] == QuantileBounds(q=0.99, value_s=0.002, low_s=0.001, high_s=0.003)
    assert quantile_bounds(OHA) == ()
