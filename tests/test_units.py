"""Quantities as people write them, and as they are shown."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.units import Unit, format_quantity, parse_duration, parse_fraction, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10.0), ("1h30m", 5400.0), ("1.5s", 1.5), (".5s", 0.5), ("300us", 3e-4), ("300µs", 3e-4),
     ("7ns", 7e-9), (" 2s ", 2.0), ("0s", 0.0), ("1m1s500ms", 61.5)],
)  # fmt: skip
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


def test_a_duration_without_unit_is_told_what_to_write() -> None:
    with pytest.raises(ValueError, match="write `5s`"):
        parse_duration("5")


@pytest.mark.parametrize("text", ["", "-5s", "5 s", "s", "5S", "1h-3m", "nan", "infs", "5sec", "1e3s", "0x1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(0, 10**6), st.sampled_from(["ns", "us", "ms", "s", "m", "h"]))
def test_a_sum_of_parts_is_the_sum_of_their_durations(number: int, unit: str) -> None:
    part = f"{number}{unit}"
    assert parse_duration(part + part) == pytest.approx(2 * parse_duration(part), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", 1024), ("16KiB", 16_384), ("2MB", 2_000_000), ("1kB", 1000), ("1.5 MiB", 1_572_864), ("0", 0), ("3B", 3)],
)
def test_sizes_tell_decimal_from_binary_prefixes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "KiB", "1XB", "1 kb", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("100%", 1.0), (" 0.1% ", 0.001)])
def test_shares_are_read_as_fractions_of_one(text: str, share: float) -> None:
    assert parse_fraction(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "x", "nan", "inf%", "5 percent"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_fraction(text)


@pytest.mark.parametrize(
    ("value", "unit", "sign", "text"),
    [
        (0.00123, Unit.SECONDS, False, "1.23 ms"),
        (85e-6, Unit.SECONDS, True, "+85 us"),
        (-85e-6, Unit.SECONDS, True, "-85 us"),
        (1.25, Unit.RATIO, False, "x1.25"),
        (3 * 2**20, Unit.BYTES, False, "3 MiB"),
        (250.0, Unit.PER_SECOND, False, "250 1/s"),
        (12e-6, Unit.CPU_SECONDS_PER_REQUEST, False, "12 us/request"),
        (math.nan, Unit.SECONDS, False, "unknown"),
        (math.inf, Unit.RATIO, False, "unknown"),
    ],
)
def test_figures_are_shown_in_the_unit_that_suits_them(value: float, unit: Unit, sign: bool, text: str) -> None:
    assert format_quantity(value, unit, sign=sign) == text
