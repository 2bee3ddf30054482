"""Processes that are charged for their CPU time, and those that fail."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.pinned import RunFailed, run


def test_cpu_time_is_that_of_the_process_and_output_is_kept():
    core = min(os.sched_getaffinity(0))
    work = "import os, time\nwhile time.process_time() < 0.2: pass\nprint(os.sched_getaffinity(0))"
    spent = run([sys.executable, "-c", work], core, within_s=20)
    assert 0.2 <= spent.cpu_s < 2
    assert spent.printed == f"{{{core}}}\n"


def test_a_failure_tells_its_last_error():
    code = "import sys; print('noise'); sys.exit('an Error: no such thing\\nhint: try another')"
    with pytest.raises(RunFailed, match=r"^ended with 1: an Error: no such thing$"):
        run([sys.executable, "-c", code], None, within_s=20)
    assert run([sys.executable, "-c", code], None, within_s=20, failing=True).printed == "noise\n"


def test_a_process_that_does_not_end_is_killed():
    with pytest.raises(RunFailed, match="did not end in time"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], None, within_s=0.5)
