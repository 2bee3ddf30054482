"""JMeter's JTL."""

from __future__ import annotations

import pytest

from imported_samples import kinds, records, sample
from meshperf.errors import DocumentError
from meshperf.interchange import jmeter
from meshperf.spec.imported import NoteKind

TEXT = sample("jmeter.csv").decode()


def test_each_label_is_a_result() -> None:
    home, login = records(TEXT)
    assert (home.name, home.requests, home.ok, home.errors_by_status) == ("home", 3, 2, {"503": 1})
    assert (home.min_s, home.max_s) == (0.01, 0.02)
    assert home.duration_s == pytest.approx(1.09) and home.achieved_rps == pytest.approx(2 / 1.09)
    assert (home.bytes_in, home.threads, home.url) == (1100, 3, "http://127.0.0.1:8080/")
    assert login.errors_by_reason == {"Non HTTP response code: java.net.SocketTimeoutException": 1}


def test_another_separator_and_times_as_text_read_alike() -> None:
    lines = [
        "timeStamp;elapsed;label;success",
        "2026/01/01 00:00:00.000;10;a;true",
        "2026/01/01 00:00:01.000;30;a;TRUE",
    ]
    (read,) = records("\n".join(lines))
    assert read.ok == 2 and read.duration_s == pytest.approx(1.03) and read.response.total == 2


@pytest.mark.parametrize(
    ("found", "instead", "code"),
    [
        (",text,true,,500,120,2,2", ",text,maybe,,500,120,2,2", "MP2402"),
        ("1767225600000,10,", "1767225600000,-10,", "MP2403"),
        ("1767225600000,10,", "yesterday,10,", "MP2402"),
        ("1767225600000,10,", "1767225600000,9999999999,", "MP2403"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(found: str, instead: str, code: str) -> None:
    with pytest.raises(DocumentError) as refused:
        records(TEXT.replace(found, instead, 1))
    assert refused.value.code == code and refused.value.location.line == 2


def test_a_row_below_one_of_several_lines_is_named_by_its_own_line() -> None:
    with pytest.raises(DocumentError) as refused:
        records(TEXT.replace("1767225601000,90,", "1767225601000,,", 1))
    assert refused.value.location.line == 5


def test_a_label_for_every_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jmeter, "MOST_LABELS", 1)
    with pytest.raises(DocumentError) as refused:
        records(TEXT)
    assert refused.value.code == "MP2404" and refused.value.hint is not None


def test_a_row_that_was_cut_off_is_left_out_and_said() -> None:
    home, _ = records(TEXT[:-30])
    assert NoteKind.TRUNCATED in kinds(home)
