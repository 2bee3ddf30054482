"""What stands behind a verdict: both estimators, spread, what the rounds could see, the excluded rounds."""

from __future__ import annotations

from dataclasses import replace

import sample

from meshperf.analysis.records import Comparison, Estimate, SecondVerdict, Verdict
from meshperf.report import behind, prose, verdicts, wording
from meshperf.units import Unit


def _known(comparison: Comparison, **changes: object) -> Comparison:
    """The clean comparison with its first metric known by hand."""
    first, *rest = comparison.metrics
    known = replace(
        first,
        **{
            "between_sd": 0.062,
            "within_sd": 0.035,
            "deployment_sd": 0.051,
            "detectable": 0.082,
            "companion": Estimate(value=1.12, low=1.05, high=1.20, confidence=0.95, n=6, unit=Unit.RATIO),
            **changes,
        },
    )
    return replace(comparison, metrics=(known, *rest))


def _second(verdict: Verdict) -> SecondVerdict:
    ratio = Estimate(value=1.02, low=0.9, high=1.15, confidence=0.95, n=8, unit=Unit.RATIO)
    return SecondVerdict(verdict=verdict, ratio=ratio, rounds=8)


def _row(table: object, name: str = "p50") -> list[str]:
    (row,) = [row for row in table.rows if row[0].text.endswith(f"envoy / baseline, {name}")][:1]  # type: ignore[attr-defined]
    return [wording.plain(cell.text) for cell in row]


def _clean() -> Comparison:
    comparison = sample.clean()[0]
    own = [m for m in comparison.metrics if (m.arm, m.against) == ("envoy", "baseline")]
    return replace(comparison, metrics=tuple(own))


def test_spread_is_shown_apart_with_what_the_rounds_could_see() -> None:
    table = behind.spread(_known(_clean()))
    titles = [column.title for column in table.columns]
    row = dict(zip(titles, _row(table), strict=True))
    assert row["smallest difference seen"] == "8.2 %"
    assert (row["spread between rounds"], row["within a round"], row["luck of a deployment"]) == (
        "6.2 %",
        "3.5 %",
        "5.1 %",
    )
    assert row["rounds needed"] == "decided"
    assert "with the excluded rounds" not in titles and "Hodges-Lehmann" not in titles
    assert "four times in five" in table.note


def test_an_undecided_metric_says_how_many_rounds_and_what_it_could_not_see() -> None:
    comparison = _known(_clean(), verdict=Verdict.INCONCLUSIVE, rounds_needed=14)
    assert _row(behind.spread(comparison))[-1] == "about 14"
    said = wording.plain(prose.answer(comparison)[0])
    assert "less than 8.2 % would mostly go unseen" in said and "8 more rounds" in said


def test_the_second_estimator_stands_beside_the_first() -> None:
    comparison = _known(_clean())
    assert _row(behind.intervals(comparison))[2] == "x1.12"
    alone = behind.spread(comparison, alone=True)
    assert [column.title for column in alone.columns][1] == "Hodges-Lehmann"
    assert alone.rows[0][1].detail == "1.05 to 1.20"


def test_an_absolute_floor_stands_beside_its_margin() -> None:
    table = verdicts.verdicts(_known(_clean(), absolute_floor=20e-6))[0]
    margin = table.rows[0][[column.title for column in table.columns].index("margin")]
    assert wording.plain(f"{margin.text} {margin.detail}") == "5 % or 20 us"


def test_equality_by_the_floor_is_not_told_as_equality_by_the_margin() -> None:
    wide = Estimate(value=1.15, low=1.10, high=1.20, confidence=0.9, n=6, unit=Unit.RATIO)
    comparison = _known(_clean(), verdict=Verdict.EQUIVALENT, absolute_floor=20e-6, narrow=wide)
    assert "up to the absolute floor of 20 us" in wording.plain(prose.answer(comparison)[0])
    inside = replace(wide, value=1.01, low=0.99, high=1.03)
    comparison = _known(_clean(), verdict=Verdict.EQUIVALENT, absolute_floor=20e-6, narrow=inside)
    assert "up to the margin of 5 %" in wording.plain(prose.answer(comparison)[0])


def test_a_verdict_that_the_excluded_rounds_would_change_says_so() -> None:
    comparison = _known(_clean(), with_excluded=_second(Verdict.INCONCLUSIVE))
    table = verdicts.verdicts(comparison)[0]
    verdict = table.rows[0][[column.title for column in table.columns].index("verdict")]
    assert (verdict.text, verdict.detail) == ("worse", "inconclusive with the excluded rounds")
    assert any(
        "p50 of envoy against baseline would be inconclusive instead of worse" in s for s in prose.answer(comparison)
    )
    assert _row(behind.spread(comparison))[-1] == "inconclusive"
    assert "every verdict is the same" not in table.note


def test_verdicts_that_hold_with_the_excluded_rounds_are_told_in_one_sentence() -> None:
    comparison = _known(_clean(), with_excluded=_second(Verdict.WORSE))
    table = verdicts.verdicts(comparison)[0]
    assert table.rows[0][[column.title for column in table.columns].index("verdict")].detail == ""
    assert "With the rounds that guards excluded counted in, every verdict is the same." in table.note
    assert not any("instead of" in sentence for sentence in prose.answer(comparison))


def test_class_d_and_x_say_nothing_of_spread() -> None:
    whole = _clean()
    for grade in ("D", "X"):
        comparison = replace(_known(whole), comparability=replace(whole.comparability, grade=grade), pairs=())
        assert behind.spread(comparison).rows == () and behind.intervals(comparison).rows == ()


def test_a_round_that_was_not_steady_is_flagged_and_counts() -> None:
    from meshperf.report import evidence

    comparison = _clean()
    first, *others = comparison.metrics
    entry, *more = first.rounds
    rounds = (replace(entry, unsteady="envoy: x1.3 from 40 % on"), *more)
    table = evidence.rounds(replace(comparison, metrics=(replace(first, rounds=rounds), *others)))
    assert (table.rows[0][-1].text, table.rows[0][-1].detail) == ("yes", "not steady: envoy: x1.3 from 40 % on")
    assert table.rows[1][-1].detail == ""
