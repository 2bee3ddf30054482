"""Memory of a `meshperf load` process at 10k requests per second: growth after warm-up, and its slope.

What is measured: the proportional set size (PSS) of the whole process, once a second, and the resident set (RSS) beside
it. Growth is the highest PSS after the warm-up less that at its end. The slope is Theil and Sen's: the median of the
slopes between any two samples, with its 95 % interval, because one step of an allocator must not become a trend. The
warm-up is not part of either: there the interpreter, the connections and the first buckets of histograms arrive.

Asked for: growth of at most 24 MB; over 10 minutes a slope of at most 1 MB an hour. A shorter run only tells its slope.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks import servers
from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.pinned import Cores, RunFailed, said, start

MB = 1e6
GROWTH_LIMIT_MB = 24.0
SLOPE_LIMIT_MB_PER_HOUR = 1.0
JUDGED_FROM_MINUTES = 10.0
EVERY_S = 1.0


def proportional_bytes(pid: int) -> int:
    """PSS of a process. Raises OSError: it is gone."""
    return 1024 * int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])  # type: ignore[index]


def resident_bytes(pid: int) -> int:
    """RSS of a process. Raises OSError: it is gone."""
    return 1024 * int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])  # type: ignore[index]


def sample(process: subprocess.Popen[str], seconds: float) -> list[tuple[float, int, int]]:
    """(seconds since now, PSS, RSS) every second, for so long or until the process ends."""
    began, samples = time.monotonic(), []
    while (at := time.monotonic() - began) < seconds and process.poll() is None:
        try:
            samples.append((at, proportional_bytes(process.pid), resident_bytes(process.pid)))
        except (OSError, TypeError):  # it ended between the two, or is a zombie without a map
            break
        time.sleep(max(0.0, began + (len(samples)) * EVERY_S - time.monotonic()))
    return samples


def slope(samples: Sequence[tuple[float, int, int]]) -> tuple[float, float, float]:
    """MB an hour by Theil and Sen, and the bounds of its 95 % interval."""
    times = np.array([at for at, _, _ in samples])
    sizes = np.array([pss for _, pss, _ in samples], dtype=float)
    estimate = stats.theilslopes(sizes, times, alpha=0.95)
    return tuple(float(value) * 3600 / MB for value in (estimate.slope, estimate.low_slope, estimate.high_slope))  # type: ignore[return-value]


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="after the warm-up (10)")
    parser.add_argument("--warmup", type=float, default=20.0, help="seconds that are not judged (20)")
    parser.add_argument("--rate", type=float, default=10_000.0)
    options = parser.parse_args(arguments)
    cores = Cores.allowed()
    # The sampling must end before the process does, which frees and writes its result at the end.
    seconds = options.warmup + options.minutes * 60
    with tempfile.TemporaryDirectory() as name, servers.workload(cores.server, "--response-bytes", "16") as server:
        printed = Path(name) / "result.json"
        line = [sys.executable, "-m", "meshperf", "load", f"http://{server.address}/", "--json"]
        line += ["--rate", f"{options.rate:g}", "--connections", "50", "--duration", f"{seconds + 3:.0f}s"]
        complaints = Path(name) / "complaints.txt"
        with printed.open("w") as out, complaints.open("w") as errors:
            process = start(line, cores.generator, stdout=out, stderr=errors)
            try:
                samples = sample(process, seconds)
                ended = process.wait(60)
            finally:
                process.kill()
                process.wait(10)
        judged = [one for one in samples if one[0] >= options.warmup]
        if len(judged) < 10 or ended not in (0, 4):  # 4: measured, but not valid on a busy machine
            raise RunFailed(f"`meshperf load` ended with {ended}: {said(complaints.read_text())}")
        validity = _validity(printed.read_text())
    growth_mb = (max(pss for _, pss, _ in judged) - judged[0][1]) / MB
    value, low, high = slope(judged)
    print(
        f"{options.rate:.0f}/s for {options.minutes:g} min after {options.warmup:g} s: PSS {judged[0][1] / MB:.1f} MB"
        f" at first, {judged[-1][1] / MB:.1f} MB at last; RSS {judged[0][2] / MB:.1f} and {judged[-1][2] / MB:.1f} MB;"
        f" slope {value:+.3f} MB/h, 95 % [{low:+.3f}, {high:+.3f}], {len(judged)} samples; run {validity}"
    )
    findings = [bounded("memory: growth after warm-up", growth_mb, GROWTH_LIMIT_MB, unit=" MB", digits=2)]
    what = f"memory: slope over {options.minutes:g} min"
    if options.minutes >= JUDGED_FROM_MINUTES:
        findings.append(bounded(what, value, SLOPE_LIMIT_MB_PER_HOUR, unit=" MB/h", digits=3))
    else:
        findings.append(Finding(what=what, figure=f"{value:+.3f} MB/h [{low:+.3f}, {high:+.3f}]", value=value))
    show_findings(findings)
    return Outcome(
        findings=tuple(findings),
        data={
            "rate": options.rate,
            "slope_mb_per_hour": {"value": value, "low": low, "high": high},
            "growth_mb": growth_mb,
            "validity": validity,
            "samples_s_pss_rss": samples,
        },
    )


def _validity(text: str) -> str:
    """What the run says of itself, wherever its document has it."""
    found = re.search(r'"state":\s*"([\w-]+)"', json.dumps(json.loads(text)))
    return found[1] if found else "without a verdict"


if __name__ == "__main__":
    main()
