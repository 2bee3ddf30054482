"""`python -m benchmarks [NAME …]`: run the named benchmarks, or all; each prints a table and what it asked for."""

from __future__ import annotations

import argparse
import importlib

NAMES = {
    "stall": "benchmarks.stall_truth",
    "delay": "benchmarks.delay_truth",
    "cpu": "benchmarks.engine_cpu",
    "resolution": "benchmarks.resolution",
    "kill": "benchmarks.kill_anywhere",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which ones; all when none is named")
    for name in parser.parse_args().names or NAMES:
        print(f"\n== {name}", flush=True)
        importlib.import_module(NAMES[name]).main([])


if __name__ == "__main__":
    main()
