"""A recording that was handed over as JSON is the recording, and a broken one is refused with the place."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parent))
from made_recordings import SESSIONS

from meshperf.errors import DocumentError
from meshperf.histograms import Histogram
from meshperf.load import merge
from meshperf.load.exchange import recording_from_json, recording_to_json
from meshperf.load.recording import PhaseRecording, SessionRecording
from meshperf.spec.records import Counts


@settings(max_examples=50, deadline=None)
@given(SESSIONS)
def test_what_is_read_is_what_was_written(recording):
    assert recording_from_json(recording_to_json(recording)) == recording


@settings(max_examples=20, deadline=None)
@given(SESSIONS, SESSIONS)
def test_recordings_merge_after_the_exchange_as_they_would_before(a, b):
    exchanged = [recording_from_json(recording_to_json(each)) for each in (a, b)]
    assert merge(exchanged) == merge([a, b])


def _document() -> dict:
    phase = PhaseRecording(
        target=0, label="a", begin_s=0.0, end_s=1.0, drained_s=1.0, drained=True, counts=Counts(ok=1),
        response=Histogram.from_values([0.001]), sends_per_ms=b"\x01\0\0\0", errors_by_reason={"reset": 1},
    )  # fmt: skip
    return json.loads(recording_to_json(SessionRecording(phases=(phase,), connections=())))


def test_histograms_go_in_the_form_that_other_tools_read():
    text = _document()["recording"]["phases"][0]["response"]
    assert text.startswith("HISTFAAA")
    assert Histogram.from_hdr_v2(text) == Histogram.from_values([0.001])


def test_a_number_that_lost_its_point_is_still_a_number_of_seconds():
    document = _document()
    document["recording"]["phases"][0]["end_s"] = 1
    assert recording_from_json(json.dumps(document)).phases[0].end_s == 1.0


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (("phases",), {}, "/recording/phases"),
        (("phases", 0), [], "/recording/phases/0"),
        (("phases", 0, "counts"), None, "/recording/phases/0/counts"),
        (("phases", 0, "counts", "ok"), "7", "/recording/phases/0/counts/ok"),
        (("phases", 0, "counts", "ok"), 1.5, "/recording/phases/0/counts/ok"),
        (("phases", 0, "counts", "ok"), -1, "/recording/phases/0/counts/ok"),
        (("phases", 0, "drained"), 1, "/recording/phases/0/drained"),
        (("phases", 0, "begin_s"), "0", "/recording/phases/0/begin_s"),
        (("phases", 0, "label"), 3, "/recording/phases/0/label"),
        (("phases", 0, "response"), "HISTF", "/recording/phases/0/response"),
        (("phases", 0, "response"), 5, "/recording/phases/0/response"),
        (("phases", 0, "sends_per_ms"), "%", "/recording/phases/0/sends_per_ms"),
        (("phases", 0, "sends_per_ms"), "AAAA", "/recording/phases/0/sends_per_ms"),
        (("phases", 0, "errors_by_reason"), [], "/recording/phases/0/errors_by_reason"),
        (("phases", 0, "errors_by_reason", "reset"), True, "/recording/phases/0/errors_by_reason/reset"),
        (("phases", 0, "surprise"), 1, "/recording/phases/0/surprise"),
    ],
)
def test_a_part_of_another_form_is_refused_with_its_place(path, value, pointer):
    document = _document()
    place = document["recording"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(DocumentError) as caught:
        recording_from_json(json.dumps(document))
    assert (caught.value.code, caught.value.location.pointer) == ("MP2104", pointer)


def test_a_part_that_is_missing_is_refused():
    document = _document()
    del document["recording"]["phases"][0]["series"]
    with pytest.raises(DocumentError, match="`series` is missing") as caught:
        recording_from_json(json.dumps(document))
    assert caught.value.code == "MP2104"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "MP2002"),
        (b"\xff", "MP2002"),
        ('{"kind": NaN}', "MP2002"),
        ("[" * 100_000, "MP2002"),
        ("[]", "MP2201"),
        ('{"kind": "other"}', "MP2201"),
        ('{"kind": "meshperf-load-recording", "version": 2}', "MP2201"),
        ('{"kind": "meshperf-load-recording", "version": 1}', "MP2104"),
    ],
)
def test_what_is_no_recording_is_refused(text, code):
    with pytest.raises(DocumentError) as caught:
        recording_from_json(text)
    assert caught.value.code == code
