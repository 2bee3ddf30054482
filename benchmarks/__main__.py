"""`python -m benchmarks [NAME …] [--json FILE]`: run benchmarks in the order given; each prints tables and verdicts.

Without names: those of the engine that together take less than half an hour. With exactly one name, further options are
those of that benchmark (`python -m benchmarks memory --minutes 1`; `--help` after the name tells them).
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.findings import Finding, Outcome, failed, show_findings
from benchmarks.pinned import RunFailed
from meshperf.errors import MeshperfError

NAMES = {
    "speed": "benchmarks.speed",
    "stall": "benchmarks.stall_truth",
    "delay": "benchmarks.delay_truth",
    "dispersion": "benchmarks.dispersion",
    "capacity": "benchmarks.capacity_truth",
    "leak": "benchmarks.leak_truth",
    "recovery": "benchmarks.recovery_truth",
    "memory": "benchmarks.memory",
    "queue": "benchmarks.queue_truth",
    "endings": "benchmarks.endings",
    "starvation": "benchmarks.starvation",
    "acceptance": "benchmarks.acceptance",
    "fuzz": "benchmarks.fuzz",
    "import": "benchmarks.import_speed",
    "importers": "benchmarks.importers",
    "resolution": "benchmarks.resolution",
    "kill": "benchmarks.kill_anywhere",
    "generators": "benchmarks.generators_truth",
    "history": "benchmarks.history_power",
    "report-size": "benchmarks.report_size",
    "judging": "benchmarks.judging",
    "shapes": "benchmarks.shapes_truth",
    "price-list": "benchmarks.price_list",
    "simulations": "benchmarks.simulations",
}
USUAL = ("speed", "stall", "delay", "dispersion", "memory", "acceptance")
"""Acceptance last: it judges what the others found and measures only the rest."""


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    models = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_average": os.getloadavg(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def known(value: Any) -> Any:
    """The same with null for what is not a number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: known(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [known(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, add_help=len(sys.argv) < 3)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    options, further = parser.parse_known_args()
    if further and len(options.names) > 1 and all(name in NAMES for name in options.names):
        parser.error(f"{' '.join(further)}: options belong to one benchmark, {len(options.names)} are named")
    names, further = (options.names[:1], [*further, *options.names[1:]]) if further else (options.names, [])
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"{', '.join(unknown)}: there are {', '.join(NAMES)}")
    document: dict[str, Any] = {"machine": machine(), "began_unix_s": time.time(), "benchmarks": {}}
    findings: list[Finding] = []
    for name in names or USUAL:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        module = importlib.import_module(NAMES[name])
        earlier = {"earlier": findings} if name == "acceptance" else {}
        try:
            outcome = module.main(further, **earlier)
        except (RunFailed, MeshperfError, OSError) as failure:  # the others still have something to say
            outcome = Outcome(findings=(failed(name, failure),))
            show_findings(outcome.findings)
        took_s = time.monotonic() - began
        print(f"-- {name} took {took_s:.0f} s", flush=True)
        if isinstance(outcome, Outcome):
            findings += outcome.findings
            document["benchmarks"][name] = {**outcome.document(), "took_s": took_s}
            if options.json is not None:
                options.json.write_text(json.dumps(known(document), indent=1, allow_nan=False) + "\n")
    if len(names or USUAL) > 1:
        print("\n== all that was asked for")
        show_findings([finding for finding in findings if finding.limit])
    return 0


if __name__ == "__main__":
    sys.exit(main())
