"""A process that leaks at a known rate: `python benchmarks/leaking.py BYTES_PER_S`; ends with its standard input.

It keeps the rate by the clock, in pages that it writes to, so that nothing is lent and never used. It imports nothing
that it does not need, and says how much it has leaked when it is asked for it by a line on its standard input.
"""

from __future__ import annotations

import select
import sys
import time

PAGE = 4096
TICK_S = 0.05


def main(bytes_per_s: float) -> None:
    kept: list[bytearray] = []
    began = time.monotonic()
    print("ready", flush=True)
    while True:
        due = int((time.monotonic() - began) * bytes_per_s / PAGE)
        while len(kept) < due:
            kept.append(bytearray(b"\1" * PAGE))
        if select.select([sys.stdin], [], [], TICK_S)[0]:
            if not sys.stdin.readline():
                return
            print(len(kept) * PAGE, flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
