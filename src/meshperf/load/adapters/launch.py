"""A small program that becomes another one, after seeing to it that this ends when meshperf does.

Started as `python -I -S launch.py PARENT CPUS FILE_BYTES PROGRAM ARGUMENT…`; the standard library only. Why a program
and not a hook before exec: hooks run in a copy of a process that has threads, where only few calls are safe.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the limits, then become the program; 127 where it cannot be executed."""
    parent, cpus, most, program = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above: nobody waits for this one any more
        sys.exit(1)
    if cpus:
        os.sched_setaffinity(0, [int(cpu) for cpu in cpus.split(",")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execv(program, sys.argv[4:])  # noqa: S606 (no shell is what is wanted)
    except OSError as why:
        sys.stderr.write(f"cannot be executed: {why.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
