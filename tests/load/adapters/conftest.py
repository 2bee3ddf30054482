"""Tools that are really run are behind a marker: skipped, with the reason, where they are not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_runtest_setup(item: pytest.Item) -> None:
    from meshperf.load.adapters.finding import find
    from meshperf.load.adapters.registry import adapter

    for marker in item.iter_markers("needs_tool"):
        tool = adapter(marker.args[0])
        if find(tool) is None:
            pytest.skip(f"{tool.program} is not installed: {tool.install}; or name it with {tool.variable}")
