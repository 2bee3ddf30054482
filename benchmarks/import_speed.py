"""How fast `meshperf import` reads, and in how much memory: one very large file, and very many small ones.

The large one is points of k6 as JSON lines, made here from a seed: nine metrics a request as k6 writes them, latencies
log-normal with a known share of failures, so that what was read is also checked against what was written. The small
ones are reports of vegeta, each a little different. Each is one call of the command, start-up included; its peak
resident set is the kernel's own figure of the process. The file is written anew and may come from the page cache. The
rate is told by the clock and by CPU time, which a busy machine does not stretch.

Asked for: any size in bounded memory, so the peak may grow by at most 64 MB from a tenth of the file to the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.pinned import RunFailed, said

MB = 1e6
GROWTH_LIMIT_MB = 64.0
FAILURES = 0.01
OTHERS = ("blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One call."""

    took_s: float
    cpu_s: float
    """User and system time of the process."""
    peak_bytes: int
    results: list[dict[str, object]]


def points(path: Path, size: int, seed: int) -> tuple[int, int]:
    """Write points of k6 of about `size` bytes; returns requests and failures."""
    chance = random.Random(seed)
    requests = failures = 0
    with path.open("w", encoding="utf-8") as file:
        for name in ("http_reqs", "http_req_duration", "http_req_failed"):
            head: dict[str, object] = {
                "name": name,
                "type": "trend",
                "contains": "time",
                "thresholds": [],
                "submetrics": None,
            }
            file.write(json.dumps({"type": "Metric", "data": head, "metric": name}, separators=(",", ":")) + "\n")
        written = file.tell()
        while written < size:
            failed = chance.random() < FAILURES
            micros = requests * 100
            second = f"2026-01-01T{micros // 3_600_000_000 % 24:02d}:{micros // 60_000_000 % 60:02d}:"
            moment = f"{second}{micros // 1_000_000 % 60:02d}.{micros % 1_000_000:06d}Z"
            said_so = "false" if failed else "true"
            status = "503" if failed else "200"
            tags = (
                f'{{"expected_response":"{said_so}","group":"","method":"GET","name":"http://127.0.0.1:8080/",'
                f'"proto":"HTTP/1.1","scenario":"s","status":"{status}","url":"http://127.0.0.1:8080/"}}'
            )
            latency = chance.lognormvariate(0.0, 0.5)
            figures = [("http_reqs", "1"), ("http_req_duration", f"{latency:.6f}")]
            figures += [(f"http_req_{name}", f"{latency / 7:.6f}") for name in OTHERS]
            figures += [("http_req_failed", "1" if failed else "0")]
            text = "".join(
                f'{{"metric":"{name}","type":"Point","data":{{"time":"{moment}","value":{value},"tags":{tags}}}}}\n'
                for name, value in figures
            )
            written += file.write(text)
            requests += 1
            failures += failed
    return requests, failures


def reports(folder: Path, count: int) -> list[str]:
    """Reports of vegeta, each of another rate."""
    names = []
    for number in range(count):
        p50 = 200_000 + number
        document = {
            "latencies": {"mean": p50, "50th": p50, "90th": p50 * 2, "95th": p50 * 3, "99th": p50 * 4}
            | {"max": p50 * 5, "min": p50 // 2},
            "earliest": "2026-01-01T00:00:00Z",
            "end": "2026-01-01T00:00:01Z",
            "duration": 10**9,
            "wait": 0,
            "requests": 100 + number,
            "rate": 100.0 + number,
            "throughput": 100.0 + number,
            "success": 1,
            "status_codes": {"200": 100 + number},
            "errors": [],
        }
        path = folder / f"{number}.json"
        path.write_text(json.dumps(document))
        names.append(str(path))
    return names


def run(files: Sequence[str], folder: Path) -> Import:
    """One call with all files. Raises RunFailed."""
    printed, complaints = folder / "printed.json", folder / "complaints.txt"
    environment = {**os.environ, "MESHPERF_STORE": str(folder / "store.sqlite")}
    line = [sys.executable, "-m", "meshperf", "import", "--json", *files]
    began = time.monotonic()
    with printed.open("w") as out, complaints.open("w") as errors:
        process = subprocess.Popen(line, stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    took_s = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RunFailed(f"`meshperf import` ended with {process.returncode}: {said(complaints.read_text())}")
    return Import(
        took_s=took_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        results=json.loads(printed.read_text()),
    )


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=1000.0, help="size of the large file (1000)")
    parser.add_argument("--files", type=int, default=1000, help="number of small files (1000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part, whole = folder / "part.json", folder / "whole.json"
        points(part, int(options.megabytes * MB / 10), options.seed)
        small = run([str(part)], folder)
        requests, failures = points(whole, int(options.megabytes * MB), options.seed)
        size = whole.stat().st_size
        large = run([str(whole)], folder)
        whole.unlink()
        many = run(reports(folder, options.files), folder)
    counted = large.results[0]["requests"]
    right = isinstance(counted, dict) and (counted.get("completed"), counted.get("ok")) == (
        requests,
        requests - failures,
    )
    rate = size / MB / large.took_s
    growth = (large.peak_bytes - small.peak_bytes) / MB
    of_cpu = size / MB / large.cpu_s
    print(f"{size / MB:.0f} MB of k6 points, {requests} requests, in {large.took_s:.2f} s: {rate:.0f} MB/s")
    print(f"{large.cpu_s:.2f} s of CPU time, {of_cpu:.0f} MB a second of it")
    print(f"peak resident set {large.peak_bytes / MB:.0f} MB, of a tenth of the file {small.peak_bytes / MB:.0f} MB")
    many_took = f"{many.took_s:.2f} s, {many.cpu_s:.2f} s of CPU time"
    print(f"{options.files} small files in one call: {many_took}, peak {many.peak_bytes / MB:.0f} MB")
    findings = (
        Finding(what="import: k6 points", figure=f"{rate:.0f} MB/s", value=rate),
        Finding(what="import: k6 points, of CPU time", figure=f"{of_cpu:.0f} MB/s", value=of_cpu),
        bounded("import: growth of the peak", growth, GROWTH_LIMIT_MB, unit=" MB", digits=1),
        Finding(
            what="import: requests and failures read",
            figure=f"{counted}",
            limit=f"{requests}, {failures} failed",
            met=right,
        ),
        Finding(what=f"import: {options.files} small files", figure=f"{many.took_s:.2f} s", value=many.took_s),
        Finding(
            what="import: results of them",
            figure=str(len(many.results)),
            limit=str(options.files),
            met=len(many.results) == options.files,
        ),
    )
    show_findings(findings)
    calls = {"large": large, "tenth": small, "many": many}
    data = {name: {**asdict(call), "results": len(call.results)} for name, call in calls.items()}
    return Outcome(findings=findings, data={**data, "bytes": size, "seed": options.seed})


if __name__ == "__main__":
    main()
