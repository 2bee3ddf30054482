"""The far end of `warm_python`: imports what meshperf and its tests use, then forks once for each request.

Requests and answers are JSON, one a line. A fork becomes what `python -c` or `python -m` would be: its own arguments,
folder, environment, streams and process group, and no threads, since whoever forks has none.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

WARM = (
    "meshperf.analysis", "meshperf.cli.experiment_run", "meshperf.cli.compare_run", "meshperf.cli.gate_run",
    "meshperf.cli.import_run", "meshperf.cli.load_run", "meshperf.experiment.verification", "meshperf.report",
    "meshperf.spec.smp_writing", "meshperf.store", "altair", "kept_sample",
)  # fmt: skip


def serve() -> None:
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)


def _become(asked: dict[str, Any]) -> None:
    """End as that Python would have ended."""
    code = 70
    try:
        os.setsid()
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        streams = ((asked["input"], os.O_RDONLY), (asked["output"], os.O_WRONLY), (asked["errors"], os.O_WRONLY))
        for number, (path, how) in enumerate(streams):
            opened = os.open(path, how)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.path[0] = asked["cwd"]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = _ran(asked["arguments"])
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _ran(arguments: list[str]) -> int:
    how, what, *rest = arguments
    sys.argv = ["-c" if how == "-c" else what, *rest]
    try:
        if how == "-c":
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    serve()
