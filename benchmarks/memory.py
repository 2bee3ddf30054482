"""Memory of a `meshperf load` process at 10k requests per second: growth after warm-up, and its slope.

What is measured, once a second: the anonymous memory of the whole process (heap, stacks, arrays), with its resident and
proportional set sizes (RSS, PSS) beside it. Anonymous memory is what a run can make grow; the proportional size of the
libraries moves by megabytes whenever another Python starts or ends on the machine. Growth is the highest value after
the warm-up less that at its end. The slope is Theil and Sen's: the median of the slopes between any two samples, with
its 95 % interval, because one step of an allocator must not become a trend. The warm-up is not part of either: there
the interpreter, the connections and the first buckets of histograms arrive.

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
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a process at one moment, in bytes."""

    at_s: float
    anonymous: int
    pss: int
    rss: int


def size(pid: int, at_s: float) -> Size:
    """Raises OSError: the process is gone; ValueError: it has ended and nobody asked yet."""
    told = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    if not told:
        raise ValueError(f"process {pid} has no memory any more")
    return Size(
        at_s=at_s,
        anonymous=1024 * int(told["Anonymous"]),
        pss=1024 * int(told["Pss"]),
        rss=1024 * int(told["Rss"]),
    )


def watch(process: subprocess.Popen[str], seconds: float) -> list[Size]:
    """Sizes every second from now on, for so long or until the process ends."""
    began, sizes = time.monotonic(), []
    while (at_s := time.monotonic() - began) < seconds and process.poll() is None:
        try:
            sizes.append(size(process.pid, at_s))
        except (OSError, ValueError):  # it ended between the two
            break
        time.sleep(max(0.0, began + len(sizes) * EVERY_S - time.monotonic()))
    return sizes


def slope(sizes: Sequence[Size]) -> tuple[float, float, float]:
    """MB an hour by Theil and Sen, and the bounds of its 95 % interval."""
    times_s = np.array([one.at_s for one in sizes])
    estimate = stats.theilslopes(np.array([one.anonymous for one in sizes], dtype=float), times_s, alpha=0.95)
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
        line = [sys.executable, "-m", "meshperf", "load", f"http://{server.address}/", "--json", "--no-store"]
        line += ["--rate", f"{options.rate:g}", "--connections", "50", "--duration", f"{seconds + 3:.0f}s"]
        complaints = Path(name) / "complaints.txt"
        with printed.open("w") as out, complaints.open("w") as errors:
            process = start(line, cores.generator, stdout=out, stderr=errors)
            try:
                sizes = watch(process, seconds)
                ended = process.wait(60)
            finally:
                process.kill()
                process.wait(10)
        judged = [one for one in sizes if one.at_s >= options.warmup]
        if len(judged) < 10 or ended not in (0, 4):  # 4: measured, but not valid on a busy machine
            raise RunFailed(f"`meshperf load` ended with {ended}: {said(complaints.read_text())}")
        validity = _validity(printed.read_text())
    first, last = judged[0], judged[-1]
    growth_mb = (max(one.anonymous for one in judged) - first.anonymous) / MB
    value, low, high = slope(judged)
    told = f"{options.rate:.0f}/s for {options.minutes:g} min after {options.warmup:g} s"
    print(f"{told}, MB at first and at last; the run says: {validity}")
    for name in ("anonymous", "pss", "rss"):
        print(f"  {name:9} {getattr(first, name) / MB:7.2f} {getattr(last, name) / MB:7.2f}")
    print(f"  slope of anonymous {value:+.3f} MB/h, 95 % [{low:+.3f}, {high:+.3f}], {len(judged)} samples")
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
            "sizes": [asdict(one) for one in sizes],
        },
    )


def _validity(text: str) -> str:
    """What the run says of itself, wherever its document has it."""
    found = re.search(r'"state":\s*"([\w-]+)"', json.dumps(json.loads(text)))
    return found[1] if found else "without a verdict"


if __name__ == "__main__":
    main()
