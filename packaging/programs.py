"""Build the executables that come with the package and place them in it, for wheels and for checkouts alike."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("meshperf-workload", "meshperf-link")
"""Packages and their executables, which are named alike: the measured service, and the link between clusters."""


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


def build_programs() -> list[Path]:
    """Build the executables in release mode and put them into the package. Returns their paths."""
    packages = [argument for name in PROGRAMS for argument in ("--package", name)]
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)
    folder = target_folder() / "release"
    return [place(folder / name, ROOT / "src" / "meshperf" / "_bin" / name) for name in PROGRAMS]
