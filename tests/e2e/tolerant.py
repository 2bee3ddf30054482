"""`meshperf` to which no machine is too busy: for tests of how an experiment goes, never for a figure.

Its guards still look and still write down what they saw; only what they call too much is out of reach. `verify` derives
every guard again, so it is run through here as well.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from meshperf.cli import main
from meshperf.load import validity
from meshperf.telemetry import guards
from tests.e2e.command import ROOT, Command

_NEVER = 1e9


class TolerantCommand(Command):
    """A `Command` whose rounds count on a busy machine too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.environment["PYTHONPATH"] = f"{ROOT / 'src'}:{ROOT}"

    def arguments(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "tests.e2e.tolerant", *map(str, arguments)]


if __name__ == "__main__":
    validity.DELAY_FLOOR_S = validity.LATE_READ_FLOOR_S = _NEVER
    guards._RULES = tuple(replace(rule, invalid_above=_NEVER) for rule in guards._RULES)
    sys.exit(main())
