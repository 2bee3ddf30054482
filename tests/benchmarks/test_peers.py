"""Readers of other tools' reports, on small samples in the form of each tool, written for these tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.peers import ALL, Load, ab, able, fortio, ghz, h2load, hey, k6, named, oha, vegeta, wrk
from benchmarks.peers.peer import in_seconds
from meshperf.load.plan import Protocol


@pytest.fixture
def load(tmp_path: Path):
    def make(**changes: object) -> Load:
        plain = {"protocol": Protocol.HTTP1, "address": "127.0.0.1:9", "connections": 50, "seconds": 2.0}
        return Load(**{**plain, "folder": tmp_path, **changes})

    return make


def test_wrk_reports_durations_in_units_of_their_own(load):
    report = wrk.read(
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency   400.00us  100.00us   4.00ms   90.00%\n"
        "  Latency Distribution\n     50%  350.00us\n     75%  380.00us\n     90%    1.50ms\n     99%    0.20s \n"
        "  2000 requests in 2.00s, 1.00MB read\nRequests/sec:   1000.00\n",
        load(),
    )
    assert (report.requests, report.rate, report.mean) == (2000, 1000.0, pytest.approx(400e-6))
    assert (report.p50, report.p90, report.p99) == (pytest.approx(350e-6), pytest.approx(1.5e-3), 0.2)
    assert report.p999 is None
    assert report.note == ""


def test_wrk_says_when_replies_were_no_successes(load):
    printed = "Latency 1.00ms\n10 requests in 1.00s\n  Non-2xx or 3xx responses: 10\nRequests/sec: 10.00\n"
    assert wrk.read(printed, load()).note == "Non-2xx or 3xx responses: 10"


def test_ab_counts_failed_requests_out_of_the_complete_ones(load):
    report = ab.read(
        "Complete requests:      5000\nFailed requests:        10\nRequests per second:    2500.00 [#/sec] (mean)\n"
        "Total:          0    3   1.5      2      40\n  50%      2\n  90%      5\n  99%     12\n 100%     40\n",
        load(),
    )
    assert (report.requests, report.rate, report.p50, report.p99) == (4990, 2500.0, 0.002, 0.012)
    assert report.mean == 0.003
    assert report.note == "10 failed"


def test_hey_counts_replies_by_status(load):
    report = hey.read(
        "Summary:\n  Total:\t2.0000 secs\n  Average:\t0.0009 secs\n\nLatency distribution:\n  50% in 0.0007 secs\n"
        "  90% in 0.0017 secs\n  99% in 0.0040 secs\n\nStatus code distribution:\n  [200]\t1990 responses\n"
        "  [503]\t10 responses\n\nError distribution:\n  [3]\tGet: connection refused\n",
        load(),
    )
    assert (report.requests, report.rate, report.mean) == (1990, 995.0, 0.0009)
    assert (report.p50, report.p90, report.p99) == (0.0007, 0.0017, 0.0040)
    assert report.note.startswith("3 errors: Get")


H2LOAD = (
    "finished in 2.00s, 500.00 req/s, 1.00KB/s\n"
    "requests: 1002 total, 1002 started, 1000 done, 1000 succeeded, {failed} failed, 0 errored, 0 timeout\n"
    "                     min         max         mean         sd        +/- sd\n"
    "time for request:      100us      4.00ms      1.25ms       263us    97.31%\n"
)


def test_h2load_has_quantiles_only_in_its_log_of_a_paced_run(load):
    closed = h2load.read(H2LOAD.format(failed=0), load())
    assert (closed.requests, closed.rate, closed.mean, closed.p99) == (1000, 500.0, 0.00125, None)
    paced = load(rate=500.0)
    line = h2load.command(paced)
    log = Path(next(part for part in line if part.startswith("--log-file=")).split("=", 1)[1])
    log.write_text("".join(f"1700000000000000\t200\t{n}\n" for n in range(1, 1002)))
    report = h2load.read(H2LOAD.format(failed=2), paced)
    assert (report.p50, report.p90, report.p999) == (
        pytest.approx(501e-6),
        pytest.approx(901e-6),
        pytest.approx(1000e-6),
    )
    assert report.note == "2 failed"
    assert "--rps=10" in line


def test_fortio_reports_seconds_and_codes(load):
    document = {
        "ActualQPS": 998.5,
        "RetCodes": {"200": 990, "503": 10},
        "DurationHistogram": {
            "Count": 1000,
            "Avg": 0.0007,
            "Percentiles": [{"Percentile": 50, "Value": 0.0006}, {"Percentile": 99.9, "Value": 0.0029}],
        },
    }
    report = fortio.read(json.dumps(document), load())
    assert (report.requests, report.rate, report.p50, report.p99, report.p999) == (990, 998.5, 0.0006, None, 0.0029)
    assert (report.mean, report.note) == (0.0007, "10 failed")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"protocol": Protocol.TCP, "message_bytes": 3}, ["-payload", "mmm", "tcp://127.0.0.1:9"]),
        ({"protocol": Protocol.GRPC, "connections": 5, "streams": 10}, ["-c", "5", "-s", "10", "-health"]),
        ({"protocol": Protocol.HTTP2, "connections": 5, "streams": 10}, ["-c", "50", "-h2"]),
        ({"rate": 1000.0}, ["-qps", "1000"]),
    ],
)
def test_fortio_is_asked_for_the_load(load, changes, wanted):
    line = fortio.command(load(**changes))
    assert set(wanted) <= set(line)


def test_vegeta_reports_nanoseconds(load):
    document = {
        "latencies": {"mean": 426_000, "50th": 137_000, "90th": 851_000, "99th": 4_828_000},
        "requests": 1000,
        "throughput": 950.0,
        "status_codes": {"200": 950, "0": 50},
    }
    report = vegeta.report(json.dumps(document))
    assert (report.requests, report.rate, report.note) == (950, 950.0, "50 failed")
    assert (report.p50, report.p99, report.mean) == (pytest.approx(137e-6), pytest.approx(4.828e-3), 426e-6)


def test_k6_tells_dropped_iterations_apart_from_failed_requests(load):
    document = {
        "metrics": {
            "http_req_duration": {"avg": 0.5, "p(50)": 0.25, "p(90)": 1.0, "p(99)": 2.0, "p(99.9)": 4.0},
            "http_reqs": {"count": 501, "rate": 250.5},
            "http_req_failed": {"passes": 1, "fails": 500, "value": 0.002},
            "dropped_iterations": {"count": 207, "rate": 100},
        }
    }
    report = k6.report(json.dumps(document))
    assert (report.requests, report.rate, report.p50, report.p999) == (500, 250.5, 0.00025, 0.004)
    assert report.note == "207 dropped, 1 failed"


def test_k6_gets_a_script_that_javascript_can_read(load):
    asked = load(rate=1000.0)
    k6.command(asked)
    script = (asked.folder / "k6.js").read_text()
    assert '"executor": "constant-arrival-rate", "rate": 1000' in script
    assert 'http.get("http://127.0.0.1:9/")' in script


def test_oha_does_not_blame_the_server_for_what_it_cut_off_at_the_end(load):
    document = {
        "summary": {"total": 2.0, "average": 0.001},
        "latencyPercentiles": {"p50": 0.0005, "p90": 0.001, "p99": 0.002, "p99.9": 0.004},
        "statusCodeDistribution": {"200": 900, "500": 1},
        "errorDistribution": {"aborted due to deadline": 50, "connection reset": 2},
    }
    report = oha.read(json.dumps(document), load())
    assert (report.requests, report.rate, report.p999) == (900, 450.0, 0.004)
    assert report.note == "2 connection reset"


def test_ghz_reports_in_words(load):
    report = ghz.read(
        "Summary:\n  Count:\t1000\n  Total:\t1.00 s\n  Average:\t4.67 ms\n  Requests/sec:\t1000.26\n\n"
        "Latency distribution:\n  50 % in 3.70 ms \n  90 % in 8.44 ms \n  99 % in 1.20 s \n\n"
        "Status code distribution:\n  [OK]            990 responses   \n  [Unavailable]   10 responses\n",
        load(protocol=Protocol.GRPC),
    )
    assert (report.requests, report.rate, report.note) == (990, 1000.26, "10 failed")
    assert (report.p50, report.p99, report.mean) == (pytest.approx(3.7e-3), 1.2, pytest.approx(4.67e-3))


@pytest.mark.parametrize("reader", [wrk.read, ab.read, hey.read, h2load.read, fortio.read, ghz.read, oha.read])
def test_no_report_is_an_error_and_not_a_zero(load, reader):
    with pytest.raises(ValueError):
        reader("", load())


def test_only_tools_that_can_do_a_load_take_part(load):
    class Installed:
        def __init__(self, peer):
            self.peer, self.name, self.can = peer, peer.name, peer.can

        def version(self):
            return "1.0"

    def names(asked: Load) -> set[str]:
        return {peer.name for peer in able(asked, [Installed(peer) for peer in ALL])}

    assert names(load(protocol=Protocol.HTTP2)) == {"meshperf", "h2load", "fortio", "oha"}
    assert names(load(protocol=Protocol.GRPC)) == {"meshperf", "fortio", "ghz"}
    assert names(load(protocol=Protocol.UDP)) == {"meshperf", "fortio"}
    assert {"wrk", "ab"} & names(load(rate=1000.0)) == set()
    assert "oha -lc" in names(load(rate=1000.0))
    assert "oha -lc" not in names(load())
    assert "ab" not in names(load(ca=Path("ca.pem")))
    assert names(load(rate=1000.0, poisson=True)) == {"meshperf"}


def test_a_tool_that_is_not_installed_has_no_version_and_no_command(load, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert named("ab").version() is None
    with pytest.raises(FileNotFoundError, match="ab is not installed"):
        named("ab").line(load())


def test_durations_are_read_with_their_unit():
    assert [in_seconds(text) for text in ("2.00s", "1.50ms", "250.00us", "1m")] == [2.0, 1.5e-3, 2.5e-4, 60.0]
    with pytest.raises(ValueError):
        in_seconds("fast")
