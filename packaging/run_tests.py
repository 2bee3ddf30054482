"""Run all tests in phases (see `tests/phases.py`): `python packaging/run_tests.py [PYTEST ARGUMENTS]`.

Shares of one kind are run in two processes at once; what the first prints comes when it has ended. Exit code 0 when
no phase failed; a phase without tests has not failed, unless no phase has any (5, as pytest says it).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = (("computing-1", "computing-2"), ("serving-1", "serving-2"), ("alone",))
NO_TESTS = 5


def run(command: Callable[[str], Sequence[str]]) -> int:
    """Run the command of each phase. Returns the exit code of all of them together."""
    codes = [code for together in ORDER for code in _at_once([command(phase) for phase in together])]
    failed = [code for code in codes if code not in (0, NO_TESTS)]
    return failed[0] if failed else min(codes)


def _at_once(commands: Sequence[Sequence[str]]) -> list[int]:
    """Exit codes of commands that run at the same time; the last of them prints as it goes."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / str(number) for number in range(len(commands) - 1)]
        beside = []
        for command, output in zip(commands, outputs, strict=False):
            with output.open("wb") as printed:
                beside.append(subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, cwd=ROOT))
        last = subprocess.run(commands[-1], cwd=ROOT, check=False).returncode
        codes = []
        for process, output in zip(beside, outputs, strict=True):
            codes.append(process.wait())
            print(output.read_text(errors="replace"), end="", flush=True)
        return [*codes, last]


if __name__ == "__main__":
    sys.exit(run(lambda phase: [sys.executable, "-m", "pytest", "--phase", phase, *sys.argv[1:]]))
