"""The fuzz targets of the reply readers, each for a while: how many inputs were tried and what was found.

Needs `cargo install --locked cargo-fuzz`. The compiler that instruments is the nightly one where rustup has it; else
the usual one is told to allow what only nightly does. What is learnt goes to `fuzz/target/corpus`, what fails to
`fuzz/artifacts`: put a failing input into `fuzz/corpus/TARGET` under a name that says what it is, and `cargo test`
tries it from then on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.findings import Finding

FUZZ = Path(__file__).parents[1] / "fuzz"
LONGEST_INPUT = 150_000
"""In bytes: above the readers' limits of 64 KiB, so that these are met too."""
LIMITS = ("-malloc_limit_mb=16", "-rss_limit_mb=1024", "-timeout=5", f"-max_len={LONGEST_INPUT}")
"""No reader may ask for 16 MB at once or take 5 s for one input."""
SPARE_S = 600
"""For building, and for a target that does not end when it is told to."""


def targets() -> list[str]:
    return sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))


def toolchain() -> tuple[list[str], dict[str, str]]:
    """The beginning of the command line, and what the environment needs for it."""
    rustup = shutil.which("rustup")
    listed = subprocess.run([rustup, "toolchain", "list"], capture_output=True, text=True) if rustup else None
    if listed is not None and "nightly" in listed.stdout:
        return ["cargo", "+nightly"], {}
    return ["cargo"], {"RUSTC_BOOTSTRAP": "1"}


def fuzz(target: str, seconds: int) -> Finding:
    """Run one target for `seconds`."""
    learnt, failed = FUZZ / "target" / "corpus" / target, FUZZ / "artifacts" / target
    for folder in (learnt, failed):
        folder.mkdir(parents=True, exist_ok=True)
    cargo, environment = toolchain()
    limits = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={failed}/", "-print_final_stats=1"]
    line = [*cargo, "fuzz", "run", "--fuzz-dir", str(FUZZ), target, str(learnt), str(FUZZ / "corpus" / target)]
    ran = subprocess.run(
        [*line, "--", *limits],
        cwd=FUZZ,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + SPARE_S,
    )
    tried = re.search(r"stat::number_of_executed_units:\s*(\d+)", ran.stderr)
    if ran.returncode == 0 and tried:
        count = int(tried[1])
        return Finding(
            what=target, figure=f"{count} inputs", value=float(count), limit="no failure, some tried", met=count > 0
        )
    found = re.search(r"Test unit written to (\S+)", ran.stderr)
    told = f"failed on {found[1]}" if found else f"did not run: {ran.stderr.strip().splitlines()[-1:]}"
    return Finding(what=target, figure=told, limit="no failure", met=False if found else None)


def fuzz_all(names: Sequence[str], seconds: int) -> tuple[list[Finding], dict[str, str]]:
    """Each target for `seconds`; what was found, and the version of the tool."""
    if shutil.which("cargo-fuzz") is None:
        return [Finding(what="replies", figure="not run: cargo install --locked cargo-fuzz", limit="no failure")], {}
    found = [fuzz(name, seconds) for name in names]
    version = subprocess.run(["cargo-fuzz", "--version"], capture_output=True, text=True).stdout.split()[-1:]
    return found, {"cargo-fuzz": "".join(version)}
