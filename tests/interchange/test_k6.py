"""k6: summary, points as JSON lines, points as CSV."""

from __future__ import annotations

import json

import pytest

from imported_samples import changed, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOf, LoopModel, NoteKind

LINES = sample("k6-points.ndjson").decode().splitlines()


def test_a_summary_tells_the_successes_and_how_many_failed() -> None:
    read = one("k6-summary.json")
    assert (read.requests, read.ok, read.errors) == (1000, 980, 20)
    assert read.latency_of is LatencyOf.SUCCESSES and read.latency_count == 980
    assert milliseconds(read, 0.5) == (3.5, 3.5, 3.5)
    assert read.duration_s == 10 and read.achieved_rps == 98
    assert read.loop is LoopModel.OPEN and NoteKind.DROPPED in kinds(read)


def test_a_summary_without_expected_replies_has_failures_among_its_latencies() -> None:
    data = changed("k6-summary.json", lambda data: data["metrics"].pop("http_req_duration{expected_response:true}"))
    (read,) = records(data)
    assert read.latency_of is LatencyOf.ALL and NoteKind.FAILURES_IN_LATENCY in kinds(read)
    assert milliseconds(read, 0.5) == (4, 4, 4)


def test_what_a_script_is_given_for_its_summary_reads_alike() -> None:
    def nested(data: dict[str, dict[str, object]]) -> None:
        data["metrics"] = {name: {"type": "trend", "values": found} for name, found in data["metrics"].items()}
        data["state"] = {"testRunDurationMs": 20_000}

    (read,) = records(changed("k6-summary.json", nested))
    assert read.requests == 1000 and read.duration_s == 20 and milliseconds(read, 0.99) == (30, 30, 30)


def test_a_summary_without_outcomes_leaves_the_errors_unknown() -> None:
    (read,) = records(changed("k6-summary.json", lambda data: data["metrics"].pop("http_req_failed")))
    assert read.errors is None and read.ok is None and NoteKind.ERRORS_UNKNOWN in kinds(read)


def test_more_failures_than_requests_are_refused() -> None:
    def more(data: dict[str, dict[str, dict[str, int]]]) -> None:
        data["metrics"]["http_req_failed"]["passes"] = 1001

    with pytest.raises(DocumentError) as refused:
        records(changed("k6-summary.json", more))
    assert refused.value.code == "MP2403"


@pytest.mark.parametrize(("name", "duration"), [("k6-points.ndjson", 4.0025), ("k6-points.csv", 20.0)])
def test_points_add_up(name: str, duration: float) -> None:
    read = one(name)
    assert (read.requests, read.ok, read.errors) == (5, 4, 1)
    assert read.errors_by_status == {"503": 1}
    assert read.latency_of is LatencyOf.SUCCESSES and read.response.total == 4
    assert (read.min_s, read.max_s, read.mean_s) == pytest.approx((0.001, 0.004, 0.0025))
    assert read.duration_s == pytest.approx(duration) and read.achieved_rps == pytest.approx(4 / duration)
    assert read.bytes_out == 5 * 71 and read.bytes_in == 5 * 81
    assert read.loop is LoopModel.OPEN and read.url == "http://127.0.0.1:8080/"
    assert any(note.figures == {"dropped_iterations": 3.0} for note in read.notes)


def test_times_in_whole_seconds_say_how_far_the_rate_may_be_off() -> None:
    (note,) = [note for note in one("k6-points.csv").notes if "whole seconds" in note.text]
    assert note.kind is NoteKind.COARSE and "5 %" in note.text
    head, *rows = sample("k6-points.csv").decode().splitlines()
    (near,) = records("\n".join([head, *rows[:6]]) + "\n")
    assert near.achieved_rps is None and near.duration_s is None


def test_points_of_another_writer_read_alike() -> None:
    points = [json.loads(line) for line in LINES]
    turned = [json.dumps(dict(reversed(point.items())), indent=None, separators=(", ", " : ")) for point in points]
    (read,) = records("\r\n".join(turned) + "\r\n")
    assert (read.requests, read.errors, read.max_s) == (5, 1, pytest.approx(0.004))
    (escaped,) = records("\n".join(line.replace("http_req_duration", "http_req_dur\\u0061tion") for line in LINES))
    assert (escaped.requests, escaped.errors) == (5, 1)


def test_tags_may_be_numbers_and_booleans() -> None:
    text = (
        "\n".join(LINES)
        .replace('"status":"503"', '"status":503')
        .replace('"expected_response":"false"', '"expected_response":false')
    )
    (read,) = records(text)
    assert read.errors_by_status == {"503": 1}


def test_points_in_another_time_zone_have_the_same_span() -> None:
    (read,) = records("\n".join(LINES).replace("Z", "+02:00"))
    assert read.start_time is not None and read.start_time.isoformat() == "2025-12-31T22:00:00+00:00"
    assert read.duration_s == pytest.approx(4.0025)


def test_calls_of_grpc_are_a_result_of_their_own() -> None:
    grpc = [line.replace("http_req_duration", "grpc_req_duration") for line in LINES if "http_req_duration" in line]
    grpc = [line.replace('"status":"200"', '"status":"0"').replace('"503"', '"14"') for line in grpc]
    http, calls = records("\n".join([*LINES, *grpc]))
    assert http.source.place == "http_req_duration" and http.bytes_in is None
    assert calls.protocol == "grpc" and (calls.ok, calls.errors_by_grpc_status) == (4, {"14": 1})


def test_outcomes_that_do_not_fit_the_points_are_noted() -> None:
    short = [line for line in LINES if '"http_req_failed"' not in line or '"value":0' in line]
    (read,) = records("\n".join(short))
    assert read.errors == 1 and NoteKind.INCONSISTENT in kinds(read)


def test_a_last_line_that_was_cut_off_is_left_out_and_said() -> None:
    text = "\n".join(LINES)
    (read,) = records(text[:-40])
    assert NoteKind.TRUNCATED in kinds(read) and read.requests == 5


@pytest.mark.parametrize(
    ("found", "instead", "code"),
    [
        ('"value":3.0', '"value":"3"', "MP2402"),
        ('"value":3.0', '"value":-3', "MP2403"),
        ('"value":3.0', '"value":NaN', "MP2403"),
        ('"value":3.0', '"value":4000000000', "MP2403"),
        ('"value":3.0', '"value":3.0}', "MP2402"),
        ('"time":"2026-01-01T00:00:02Z","value":3.0', '"time":"noon","value":3.0', "MP2402"),
        (
            '"value":3.0,"tags":{"expected_response":"true"',
            '"value":3.0,"tags":{"expected_response":["true"]',
            "MP2402",
        ),
        ('"value":3.0', '"value":' + "9" * 400, "MP2403"),
        ('{"metric":"http_req_waiting"', 'garbage {"metric":"http_req_waiting"', "MP2402"),
    ],
)
def test_a_point_that_cannot_be_is_refused_with_its_line(found: str, instead: str, code: str) -> None:
    text = "\n".join(LINES) + "\n"
    assert found in text
    with pytest.raises(DocumentError) as refused:
        records(text.replace(found, instead, 1), form="k6-points")
    assert refused.value.code == code and refused.value.location.line is not None


def test_a_line_that_is_not_a_row_is_refused() -> None:
    with pytest.raises(DocumentError) as refused:
        records(sample("k6-points.csv") + b"killed\nhttp_reqs,1,1\n")
    assert refused.value.code == "MP2402"


@pytest.mark.parametrize(
    "data", [b"metric_name,\rtimestamp\n1,2\n", sample("k6-points.csv") + b"http_req_duration,1\r,1\n"]
)
def test_a_line_end_inside_a_row_is_refused_at_its_line(data: bytes) -> None:
    with pytest.raises(DocumentError, match="not a row") as refused:
        records(data, form="k6-csv")
    assert refused.value.code == "MP2402"
