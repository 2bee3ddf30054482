"""Golden files of what people read, and the sample beside these tests.

`MESHPERF_UPDATE_GOLDEN=1 pytest tests/report` writes the golden files anew; look at the diff before committing it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

GOLDEN = Path(__file__).parent.parent / "golden" / "report"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, or write it when asked to."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("MESHPERF_UPDATE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing: run once with MESHPERF_UPDATE_GOLDEN=1"
        assert text == path.read_text(encoding="utf-8")

    return check
