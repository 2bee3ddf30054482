"""A process that leaks at a known rate: `python benchmarks/leaking.py BYTES_PER_S`; ends with its standard input.

It writes to one page after another of a mapping of its own, at the rate, by the clock: so its private memory grows by
exactly that, without an allocator's headers and rounding, and without huge pages. At most 1 GiB.
"""

from __future__ import annotations

import mmap
import select
import sys
import time

PAGE = mmap.PAGESIZE
MOST = 1 << 30
TICK_S = 0.02


def main(bytes_per_s: float) -> None:
    memory = mmap.mmap(-1, MOST, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    began, touched = time.monotonic(), 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], TICK_S)[0]:
        due = min(MOST, int((time.monotonic() - began) * bytes_per_s))
        for offset in range(touched, due - PAGE + 1, PAGE):
            memory[offset] = 1
            touched = offset + PAGE


if __name__ == "__main__":
    main(float(sys.argv[1]))
