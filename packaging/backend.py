"""PEP 517 backend: maturin, plus the workload executable that a wheel must carry.

The measured workload is a plain Rust program (no interpreter in a measured process), and maturin
builds either an extension module or programs, not both. So the program is built first and placed
in the package, from where maturin takes it as data.
"""

import os
import shutil
import subprocess
from pathlib import Path

import maturin
from maturin import *  # noqa: F403  (the hooks we do not change)

Settings = dict[str, str] | None

ROOT = Path(__file__).resolve().parent.parent


def build_workload() -> Path:
    """Build `meshperf-workload` in release mode and put it into the package. Returns its path."""
    subprocess.run(["cargo", "build", "--release", "--locked", "--package", "meshperf-workload"], cwd=ROOT, check=True)
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "meshperf-workload"
    destination = ROOT / "src" / "meshperf" / "_bin" / "meshperf-workload"
    destination.parent.mkdir(exist_ok=True)
    beside = destination.with_suffix(".new")
    shutil.copy2(built, beside)
    beside.rename(destination)
    return destination


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    build_workload()
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    build_workload()
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


if __name__ == "__main__":
    print(build_workload())
