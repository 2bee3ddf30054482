"""Build the workload executable and place it in the package, for wheels and for checkouts alike."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def target_folder() -> Path:
    """Where cargo puts what it builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def place(built: Path, destination: Path) -> Path:
    """Put a built file where the package expects it, whole or not at all. Returns `destination`."""
    destination.parent.mkdir(exist_ok=True)
    beside = destination.with_suffix(".new")
    shutil.copy2(built, beside)
    beside.rename(destination)
    return destination


def build_workload() -> Path:
    """Build `meshperf-workload` in release mode and put it into the package. Returns its path."""
    subprocess.run(["cargo", "build", "--release", "--locked", "--package", "meshperf-workload"], cwd=ROOT, check=True)
    built = target_folder() / "release" / "meshperf-workload"
    return place(built, ROOT / "src" / "meshperf" / "_bin" / "meshperf-workload")
