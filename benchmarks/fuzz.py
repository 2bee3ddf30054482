"""Every reader on whatever bytes: how many cases were tried, how long the worst took, and what was found.

Three engines. `replies`: what the load engine reads from a target, by cargo-fuzz, for so many seconds each
(`fuzz_replies`). `hypothesis` and `atheris`: every reader of files (other tools' results, SMP documents, results,
experiment files, traces), so many cases each (`fuzz_documents`, `fuzz_worker`), beginning with the samples of
`tests/samples`. A reader may give a result or one `DocumentError`. Atheris is not among the project's tools: install
it into an environment of its own beside meshperf, and name that one's interpreter with --python.

A finding is written to --keep as a file: put it among the tests of its reader.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import fuzz_replies
from benchmarks.findings import Finding, Outcome, show_findings
from benchmarks.fuzz_documents import targets
from benchmarks.fuzz_worker import SLOW_S

ENGINES = ("replies", "hypothesis", "atheris")
NICE = 10
SECONDS_A_CASE = 0.25
"""A reader that needs more on the average is broken off."""
SPARE_S = 120


def main(arguments: Sequence[str] | None = None) -> Outcome:
    options = _options(arguments)
    findings: list[Finding] = []
    data: dict[str, Any] = {}
    tools: dict[str, str] = {}
    for engine in options.engine or ENGINES:
        if engine == "replies":
            names = [name for name in fuzz_replies.targets() if not options.target or name in options.target]
            found, versions = fuzz_replies.fuzz_all(names, options.seconds) if names else ([], {})
            findings += found
            tools |= versions
            continue
        names = [name for name in targets() if not options.target or name in options.target]
        if engine == "atheris" and names and not _has_atheris(options.python):
            findings.append(_missing_atheris())
            continue
        one = partial(_documents, engine, options=options)
        with ThreadPoolExecutor(options.jobs) as pool:
            for finding, tried in pool.map(one, names):
                findings.append(finding)
                data[finding.what] = tried
    show_findings(findings)
    return Outcome(findings=tuple(findings), data=data, tools=tools)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = (*fuzz_replies.targets(), *targets())
    parser.add_argument("--engine", action="append", choices=ENGINES, help="repeatable; all of them without it")
    parser.add_argument("--target", action="append", choices=known, metavar="TARGET", help=f"of {', '.join(known)}")
    parser.add_argument("--seconds", type=int, default=120, help="for each reader of replies (120)")
    parser.add_argument("--cases", type=int, default=100_000, help="for each reader of files (100000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="readers of files at a time (1)")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has atheris")
    parser.add_argument("--keep", type=Path, help="folder for cases that failed")
    return parser.parse_args(arguments)


def _has_atheris(python: str) -> bool:
    return subprocess.run([python, "-c", "import atheris"], capture_output=True).returncode == 0


def _missing_atheris() -> Finding:
    why = "pip install atheris into an environment of its own, and name it with --python"
    return Finding(what="atheris", figure=f"not run: {why}", limit="no failure")


def _documents(engine: str, target: str, *, options: argparse.Namespace) -> tuple[Finding, dict[str, Any]]:
    """One reader of files, in a process of its own."""
    what = f"{engine}: {target}"
    python = options.python if engine == "atheris" else sys.executable
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        line = ["nice", "-n", str(NICE), python, "-m", "benchmarks.fuzz_worker", target, "--engine", engine]
        line += ["--cases", str(options.cases), "--seed", str(options.seed), "--report", str(report)]
        try:
            ran = subprocess.run(
                line,
                cwd=Path(__file__).parents[1],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=options.cases * SECONDS_A_CASE + SPARE_S,
            )
        except subprocess.TimeoutExpired as late:
            return Finding(what=what, figure=f"no end after {late.timeout:.0f} s", limit="no failure", met=False), {}
        if not report.is_file():
            told = ran.stderr.strip().splitlines()[-1:] or [f"ended with {ran.returncode}"]
            return Finding(what=what, figure=f"broke off: {told[0][:150]}", limit="no failure", met=False), {}
        tried: dict[str, Any] = json.loads(report.read_text())
    return _judged(what, tried, options.keep), tried


def _judged(what: str, tried: dict[str, Any], keep: Path | None) -> Finding:
    count, found = tried["cases"], tried["found"]
    for one in found.values():
        if keep is not None:
            case = base64.b64decode(one["case"])
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{tried['target']}-{hashlib.sha256(case).hexdigest()[:12]}").write_bytes(case)
    rate = count / tried["took_s"]
    figure = f"{count} cases, {rate:.0f}/s, {tried['outcomes'].get('read', 0)} read, worst {tried['slowest_s']:.2f} s"
    note = "; ".join(f"{kind}: {one['text']} ({one['bytes']} bytes)" for kind, one in found.items())
    limit = f"no failure, each below {SLOW_S:g} s"
    return Finding(what=what, figure=figure, value=float(count), limit=limit, met=not found and count > 0, note=note)


if __name__ == "__main__":
    main()
