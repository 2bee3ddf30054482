"""Whatever a file holds: a result, or one clear error, within bounded time; never another exception."""

from __future__ import annotations

import gzip
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imported_samples import SAMPLES, records, sample
from meshperf.errors import DocumentError, MeshperfError
from meshperf.interchange.documents import MAX_TEXT_BYTES
from meshperf.interchange.reading import read_file

NAMES = sorted(
    path.name
    for path in SAMPLES.iterdir()
    if path.name.startswith(OURS := ("fortio", "wrk", "h2load", "nighthawk", "meshery", "smp", "hdr"))
)
FORMS = ("fortio", "wrk", "wrk2", "h2load", "nighthawk", "nighthawk-fortio", "meshery", "smp", "hdr-log")
NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
FIGURES = [
    b"-1",
    b"1e308",
    b"-0",
    b"9" * 25,
    b"9" * 5000,
    b"NaN",
    b"Infinity",
    b"0",
    b'""',
    b"null",
    b"[]",
    b"{}",
    b"1e-320",
]


def survives(data: bytes, form: str | None = None) -> str:
    """`read`, or the code of the error."""
    try:
        records(data, form=form)
    except MeshperfError as error:
        assert str(error)
        return error.code
    return "read"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_off_anywhere_is_read_or_refused(name: str) -> None:
    whole = sample(name)
    step = max(len(whole) // 400, 1)
    begin = time.monotonic()
    outcomes = {survives(whole[:end]) for end in range(0, len(whole), step)}
    assert outcomes <= {"read", "MP2401", "MP2402", "MP2403", "MP2405", "MP2201", "MP2204"}
    assert time.monotonic() - begin < 25


@given(name=st.sampled_from(NAMES), form=st.sampled_from((None, *FORMS)), data=st.data())
@settings(max_examples=150, deadline=None)
def test_flipped_bytes_are_read_or_refused(name: str, form: str | None, data: st.DataObject) -> None:
    content = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(content), form)


@given(name=st.sampled_from(NAMES), figure=st.sampled_from(FIGURES), place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_figures_that_cannot_be_are_read_or_refused(name: str, figure: bytes, place: float) -> None:
    content = sample(name)
    found = list(NUMBER.finditer(content))
    chosen = found[int(place * len(found))]
    survives(content[: chosen.start()] + figure + content[chosen.end() :])


@given(first=st.sampled_from(NAMES), second=st.sampled_from(NAMES))
@settings(max_examples=60, deadline=None)
def test_two_files_in_one_are_read_or_refused(first: str, second: str) -> None:
    outcome = survives(sample(first) + b"\n" + sample(second))
    tools = [re.split(r"[-.]", name)[0] for name in (first, second)]
    if tools[0] != tools[1] and all(tool in ("wrk", "wrk2", "h2load") for tool in tools):
        assert outcome == "MP2403"


@given(st.binary(max_size=300), st.sampled_from((None, *FORMS)))
@settings(max_examples=100, deadline=None)
def test_noise_is_no_result(data: bytes, form: str | None) -> None:
    assert survives(data, form) != "read"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "DurationHistogram",
                    "Count",
                    "Data",
                    "Percentiles",
                    "RetCodes",
                    "results",
                    "options",
                    "statistics",
                    "version",
                    "latencies_ms",
                    "client",
                    "runner_results",
                    "meshery_id",
                    "name",
                    "start_time",
                    "ActualQPS",
                    "RequestedQPS",
                    "format",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(JSON, st.sampled_from(("fortio", "nighthawk", "nighthawk-fortio", "meshery", "smp")))
@settings(max_examples=200, deadline=None)
def test_documents_of_a_wrong_shape_are_refused(data: object, form: str) -> None:
    survives(json.dumps(data).encode(), form)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "MP2402"),
        (b" \n\n ", "MP2402"),
        (b"\x00\x01\x02\xff" * 100, "MP2401"),
        ("Running 1s test @ http://a/".encode("utf-16"), "MP2401"),
        (b"hello world\n", "MP2401"),
        (b"[" * 100_000, "MP2401"),
    ],
)
def test_what_is_no_result_at_all_is_refused_by_name(data: bytes, code: str) -> None:
    assert survives(data) == code


def test_deep_nesting_is_refused() -> None:
    text = sample("fortio-http.json").rstrip()[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}"
    assert survives(text) == "MP2404"
    far = sample("fortio-http.json").rstrip()[:-1] + b', "x": ' + b"[" * 100_000
    assert survives(far) == "MP2404"


def test_yaml_nested_too_deep_is_refused_like_json_with_its_place() -> None:
    deep = sample("smp-first.yaml") + b"more: " + b"[" * 70 + b"]" * 70 + b"\n"
    with pytest.raises(DocumentError) as caught:
        records(deep)
    assert caught.value.code == "MP2404" and caught.value.location.line == deep.count(b"\n")


def test_a_wrong_encoding_is_refused_with_the_line() -> None:
    with pytest.raises(DocumentError) as caught:
        records(sample("wrk.txt").replace(b"Thread Stats", b"Thread \xe9tats"))
    assert (caught.value.code, caught.value.location.line) == ("MP2402", 3)


def test_a_printed_output_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(DocumentError) as caught:
        records(sample("wrk.txt") + b"x" * MAX_TEXT_BYTES)
    assert caught.value.code == "MP2404"


def test_bombs_of_aliases_are_refused() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    assert survives(b"latencies_ms: {p50: 1}\na0: &a0 [1]\n" + levels.encode()) == "MP2404"


def test_packed_files_are_unpacked_and_damaged_ones_refused(tmp_path: Path) -> None:
    packed = tmp_path / "result.gz"
    packed.write_bytes(gzip.compress(sample("wrk.txt")))
    (record,) = read_file(packed)
    assert record.source.tool == "wrk"
    packed.write_bytes(gzip.compress(sample("wrk.txt"))[:-12])
    with pytest.raises(DocumentError) as caught:
        list(read_file(packed))
    assert caught.value.code == "MP2402"
