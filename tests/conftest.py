"""What tests may need beyond Python, as markers: skipped with a printed reason here, required in CI.

`MESHPERF_REQUIRE=shared,native,envoy,chromium,netns` turns a missing need into a failure, so that a run that must prove
something cannot pass by skipping it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from phases import PHASES, may_hold, phase_of
from warm_python import WarmPython

# How fast a machine draws and runs examples says nothing of what they show; what hangs is stopped by pytest's timeout.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

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
    from meshperf.meshes.programs import find_envoy

    try:
        find_envoy()
    except PrerequisiteError as missing:
        return str(missing.message)
    return None


def _missing_consul() -> str | None:
    from meshperf.errors import PrerequisiteError
    from meshperf.meshes.binaries import find_binary
    from meshperf.meshes.programs import CONSUL

    try:
        find_binary(CONSUL)
    except PrerequisiteError as missing:
        return str(missing.message)
    return None


def _missing_istio() -> str | None:
    from meshperf.errors import PrerequisiteError
    from meshperf.meshes.istio.installation import find_installation

    try:
        find_installation()
    except PrerequisiteError as missing:
        return str(missing.message)
    return None


def _missing_chromium() -> str | None:
    return None if shutil.which("chromium") else "chromium is not installed: apt install chromium"


def _missing_netns() -> str | None:
    from meshperf.environments.namespaces.network import program
    from meshperf.errors import PrerequisiteError

    try:
        program()
    except PrerequisiteError as missing:
        return str(missing.message)
    # Root of a container may still lack the right; whoever requires it (MESHPERF_REQUIRE=netns) gets the failure.
    found = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else f"network namespaces cannot be made: {found.stderr.strip()}"


def _missing_shared() -> str | None:
    return None if SHARED.is_dir() else "the recorded data of other tools is not beside the project (../shared/data)"


NEEDS = {
    "needs_native": _missing_native,
    "needs_envoy": _missing_envoy,
    "needs_consul": _missing_consul,
    "needs_istio": _missing_istio,
    "needs_chromium": _missing_chromium,
    "needs_netns": _missing_netns,
    "needs_shared": _missing_shared,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--phase", choices=PHASES, help="run the tests of one phase only (tests/phases.py)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted, tests = config.getoption("--phase"), Path(__file__).parent
    if wanted is None or collection_path == tests or not collection_path.is_relative_to(tests):
        return None
    return None if may_hold(wanted, collection_path.relative_to(tests)) else True


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts us in the background ignores SIGINT for us and for every process a test starts and interrupts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--phase")
    if wanted is not None:
        tests = Path(__file__).parent
        marked = {item: {mark.name for mark in item.iter_markers()} for item in items}
        others = [item for item in items if phase_of(item.path.relative_to(tests), marked[item]) != wanted]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
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


@pytest.fixture(scope="session", autouse=True)
def store_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the store of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHPERF_STORE", str(tmp_path_factory.getbasetemp() / "store.sqlite"))
        yield


@pytest.fixture(scope="session")
def warm_python() -> Iterator[WarmPython]:
    """Python processes that need not import meshperf anew."""
    with WarmPython() as python:
        yield python


@pytest.fixture
def shared_data() -> Path:
    """The recorded data of other tools; for tests marked `needs_shared`."""
    return SHARED
