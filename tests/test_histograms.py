"""Histograms against sorted data, algebra, and the encodings other tools read."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.histograms import EMPTY, HIGHEST_S, Histogram, bucket_bounds, bucket_index, merge

_LAST_NS = 3_600_000_000_000
nanoseconds = st.one_of(
    st.integers(0, 5000), st.integers(0, _LAST_NS), st.integers(0, 41).map(lambda bits: 1 << bits), st.just(_LAST_NS)
)
samples = st.lists(nanoseconds, max_size=60)


def _histogram(values: list[int]) -> Histogram:
    index, count = np.unique(bucket_index(np.array(values, dtype=np.int64)), return_counts=True)
    return Histogram(index, count.astype(np.int64))


@given(nanoseconds)
def test_a_value_lies_in_its_bucket_and_the_bucket_is_narrow(value):
    index = bucket_index(value)
    low, high = bucket_bounds(index)
    assert low <= value < high
    assert high - low <= max(1, value / 1000)
    assert bucket_index(low) == bucket_index(high - 1) == index


@given(st.integers(0, 33_419))
def test_buckets_are_adjacent(index):
    assert bucket_bounds(index)[1] == bucket_bounds(index + 1)[0]


@given(samples, samples, samples)
def test_merging_is_associative_and_commutative_and_equals_recording_together(a, b, c):
    x, y, z = map(_histogram, (a, b, c))
    assert merge([x, merge([y, z])]) == merge([merge([x, y]), z]) == x + y + z == _histogram(a + b + c)
    assert x + y == y + x
    assert x + EMPTY == x
    assert (x + y).total == len(a) + len(b)


@given(st.lists(nanoseconds, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_lies_within_the_bucket_of_the_sorted_data(values, q):
    histogram, ordered = _histogram(values), np.sort(values)
    exact = ordered[int(q * (len(values) - 1))]
    low, high = histogram.bracket(q)
    assert low * 1e9 - 1e-3 <= exact <= high * 1e9 + 1e-3
    assert low <= float(histogram.quantile(q)) <= high
    assert histogram.minimum() * 1e9 <= ordered[0] + 1e-3
    assert histogram.maximum() * 1e9 >= ordered[-1] - 1e-3


@given(st.lists(nanoseconds, min_size=1, max_size=60))
def test_quantiles_never_fall_and_mean_is_within_half_a_bucket(values):
    histogram = _histogram(values)
    quantiles = histogram.quantile(np.linspace(0, 1, 21))
    assert (np.diff(quantiles) >= -1e-15).all()
    assert histogram.mean() == pytest.approx(np.mean(values) * 1e-9, rel=1e-3, abs=1e-9)


@given(samples)
def test_pairs_and_bytes_carry_everything(values):
    histogram = _histogram(values)
    assert Histogram.from_pairs(histogram.pairs()) == histogram
    packed = b"".join(struct.pack("<II", index, count) for index, count in histogram.pairs())
    assert Histogram.from_bytes(packed) == histogram
    assert hash(Histogram.from_bytes(packed)) == hash(histogram)


def _read_hdr_v2(text: str) -> dict[int, int]:
    """A reader of our own of the published V2 format: counter to count."""
    cookie, length = struct.unpack(">ii", (raw := base64.b64decode(text))[:8])
    assert cookie == 0x1C849314
    assert length == len(raw) - 8
    plain = zlib.decompress(raw[8:])
    cookie, size, offset, digits, lowest, highest, ratio = struct.unpack(">iiiiqqd", plain[:40])
    assert (cookie, offset, digits, lowest, highest, ratio) == (0x1C849313, 0, 3, 1, _LAST_NS, 1.0)
    assert size == len(plain) - 40
    counts: dict[int, int] = {}
    position, index = 40, 0
    while position < len(plain):
        number = shift = 0
        for step in range(9):
            byte = plain[position]
            position += 1
            number |= (byte if step == 8 else byte & 0x7F) << shift
            shift += 7
            if step == 8 or byte < 0x80:
                break
        value = (number >> 1) ^ -(number & 1)
        if value < 0:
            index -= value
        else:
            counts[index] = value
            index += 1
    return counts


@given(st.dictionaries(st.integers(0, 33_420), st.integers(1, 2**40), max_size=30))
def test_the_hdr_form_is_read_back(counts):
    histogram = Histogram.from_pairs(sorted(counts.items()))
    assert _read_hdr_v2(histogram.to_hdr_v2()) == counts


def test_nothing_has_no_quantiles():
    assert EMPTY.total == 0
    assert np.isnan(EMPTY.quantile(0.5))
    assert np.isnan(EMPTY.quantile([0.1, 0.9])).all()
    assert np.isnan([EMPTY.mean(), EMPTY.minimum(), EMPTY.maximum(), EMPTY.share_above(0), *EMPTY.bracket(0.5)]).all()
    assert merge([]) == EMPTY


def test_durations_beyond_an_hour_count_as_an_hour():
    assert Histogram.from_values([HIGHEST_S, 2 * HIGHEST_S]).total == 2
    assert Histogram.from_values([HIGHEST_S, 2 * HIGHEST_S]).index.size == 1


def test_the_share_above_counts_whole_buckets_only():
    histogram = Histogram.from_values([0.001] * 3 + [0.1])
    assert histogram.share_above(0.01) == 0.25
    assert histogram.share_above(0.2) == 0.0


@pytest.mark.parametrize(
    ("index", "count"), [([1, 1], [1, 1]), ([2, 1], [1, 1]), ([0], [0]), ([33_792], [1]), ([-1], [1]), ([1, 2], [1])]
)
def test_what_is_not_a_histogram_is_refused(index, count):
    with pytest.raises(ValueError, match=r"histogram|bucket"):
        Histogram(np.array(index, dtype=np.int64), np.array(count, dtype=np.int64))


@pytest.mark.parametrize(
    "values", [[], [1e-9], [0.0, 3600.0], np.random.default_rng(1).lognormal(-7, 1, 5000), [1e-3] * 70_000]
)
def test_the_packed_form_is_read_back_whole(values):
    recorded = Histogram.from_values(values)
    assert Histogram.from_hdr_v2(recorded.to_hdr_v2()) == recorded


def test_counts_beyond_any_run_are_read_back():
    huge = Histogram.from_pairs([[7, 2**62], [33_791, 3]])
    assert Histogram.from_hdr_v2(huge.to_hdr_v2()) == huge


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "HISTFAAAAAAAAAAA"])
def test_what_is_no_packed_histogram_is_refused(text):
    with pytest.raises(ValueError, match="HdrHistogram"):
        Histogram.from_hdr_v2(text)


def test_a_packed_histogram_that_was_cut_off_is_refused():
    packed = base64.b64decode(Histogram.from_values([1e-3, 2e-3, 5.0]).to_hdr_v2())
    for length in range(len(packed)):
        with pytest.raises(ValueError, match="HdrHistogram"):
            Histogram.from_hdr_v2(base64.b64encode(packed[:length]).decode())


def test_writers_that_leave_the_word_size_out_of_the_cookies_are_read():
    recorded = Histogram.from_values([1e-3, 2e-3, 5.0])
    packed = base64.b64decode(recorded.to_hdr_v2())
    inner = zlib.compress(struct.pack(">i", 0x1C849303) + zlib.decompress(packed[8:])[4:])
    other = base64.b64encode(struct.pack(">ii", 0x1C849304, len(inner)) + inner).decode()
    assert Histogram.from_hdr_v2(other) == recorded


@given(samples)
def test_bytes_read_back_what_was_written(values):
    histogram = _histogram(values)
    assert Histogram.from_bytes(histogram.to_bytes()) == histogram


def test_a_count_that_the_short_form_cannot_hold_is_refused():
    huge = Histogram(np.array([7]), np.array([2**32]))
    with pytest.raises(ValueError, match="to_hdr_v2"):
        huge.to_bytes()
    assert Histogram.from_hdr_v2(huge.to_hdr_v2()) == huge


@given(samples)
def test_buckets_hold_every_value_between_their_bounds(values):
    low, high, count = _histogram(values).buckets()
    assert int(count.sum()) == len(values)
    seconds = np.array(values) * 1e-9
    half_ns = 0.5e-9
    inside = (seconds[None, :] > low[:, None] - half_ns) & (seconds[None, :] < high[:, None] - half_ns)
    assert inside.sum(axis=1).tolist() == count.tolist()
