"""What runs warn of reaches the comparison, once a kind."""

from __future__ import annotations

from dataclasses import replace

import kept_sample
from meshperf.analysis import compare
from meshperf.spec.records import Warning, WarningKind


def test_a_warning_of_many_runs_is_told_once_with_their_number() -> None:
    late = Warning(kind=WarningKind.GENERATOR_LATE, text="0.1 ms late at p99")
    runs = [run for number in (1, 2, 3) for run in kept_sample.round_of(number)]
    warned = [replace(run, warnings=(late, late)) if run.arm == "envoy" else replace(run, warnings=()) for run in runs]
    told = [
        warning
        for warning in compare(warned, baseline="baseline", subject=("mesh",), margins={"p50": 0.05})[0].warnings
        if warning.kind is WarningKind.GENERATOR_LATE
    ]
    envoys = sum(run.arm == "envoy" for run in runs)
    assert len(told) == 1
    assert told[0].figures["runs"] == envoys
    assert f"{envoys} of {len(runs)} runs say so; r1-" in told[0].text
    assert "0.1 ms late at p99" in told[0].text
