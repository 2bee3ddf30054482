"""What tests may need beyond Python, as markers: skipped with a printed reason here, required in CI.

`MESHPERF_REQUIRE=shared,native,envoy,chromium` turns a missing need into a failure, so that a run that must prove
something cannot pass by skipping it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
_E2E_TIMEOUT_S = 300


def _missing_native() -> str | None:
    if importlib.util.find_spec("meshperf._native") is None:
        return "the engine is not built: make build"
    workload = Path(os.environ.get("MESHPERF_WORKLOAD", ROOT / "src" / "meshperf" / "_bin" / "meshperf-workload"))
    return None if workload.is_file() else "the workload is not built: make build"


def _missing_envoy() -> str | None:
    from meshperf.errors import PrerequisiteError
    from meshperf.meshes.envoy_binary import find_envoy

    try:
        find_envoy()
    except PrerequisiteError as missing:
        return str(missing.message)
    return None


def _missing_chromium() -> str | None:
    return None if shutil.which("chromium") else "chromium is not installed: apt install chromium"


def _missing_shared() -> str | None:
    return None if SHARED.is_dir() else "the recorded data of other tools is not beside the project (../shared/data)"


NEEDS = {
    "needs_native": _missing_native,
    "needs_envoy": _missing_envoy,
    "needs_chromium": _missing_chromium,
    "needs_shared": _missing_shared,
}


def pytest_configure() -> None:
    # A shell that starts us in the background ignores SIGINT for us and for every process a test starts and interrupts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    found: dict[str, str | None] = {}
    required = set(filter(None, os.environ.get("MESHPERF_REQUIRE", "").split(",")))
    for item in items:
        if item.get_closest_marker("e2e") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_E2E_TIMEOUT_S))
        for marker, look in NEEDS.items():
            if item.get_closest_marker(marker) is None:
                continue
            if marker not in found:
                found[marker] = look()
            missing = found[marker]
            if missing is None:
                continue
            if marker.removeprefix("needs_") in required:
                raise pytest.UsageError(f"{marker} is required here (MESHPERF_REQUIRE): {missing}")
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture
def shared_data() -> Path:
    """The recorded data of other tools; for tests marked `needs_shared`."""
    return SHARED
