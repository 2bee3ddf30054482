"""Lines and tables of files of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imported_samples import incoming
from meshperf.errors import DocumentError
from meshperf.interchange import streams
from meshperf.interchange.streams import Table, line_batches


@given(data=st.binary(max_size=300).filter(lambda data: b"\x00" not in data), batch=st.integers(1, 40))
def test_lines_are_the_same_whatever_the_batch(data: bytes, batch: int) -> None:
    whole, streams._BATCH = streams._BATCH, batch
    try:
        found = [
            (first + at, line) for first, lines, _ in line_batches(incoming(data)) for at, line in enumerate(lines)
        ]
    finally:
        streams._BATCH = whole
    lines = data.split(b"\n")
    expected = lines if lines[-1] else lines[:-1]
    assert [line for _, line in found] == expected or data.startswith(b"\xef\xbb\xbf")
    assert [number for number, _ in found] == list(range(1, len(found) + 1))


def test_a_line_without_end_is_marked() -> None:
    assert [ended for _, _, ended in line_batches(incoming(b"a\nb"))] == [True, False]


def test_a_line_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 10)
    monkeypatch.setattr(streams, "_BATCH", 4)
    with pytest.raises(DocumentError) as refused:
        list(line_batches(incoming(b"a\n" + b"b" * 50)))
    assert refused.value.code == "MP2404" and refused.value.location.line == 2


def test_null_characters_are_refused_with_their_line() -> None:
    with pytest.raises(DocumentError) as refused:
        list(line_batches(incoming(b"a\nb\nc\x00d\n")))
    assert refused.value.code == "MP2402" and refused.value.location.line == 3


def test_a_row_of_another_length_is_refused_and_a_last_one_cut_off() -> None:
    with pytest.raises(DocumentError) as refused:
        list(Table(incoming(b"a,b\n1\n2,3\n")).rows())
    assert refused.value.location.line == 2
    table = Table(incoming(b"a,b\n2,3\n1"))
    assert [row.number_of("b") for row in table.rows()] == [3.0] and table.cut_at == 3
