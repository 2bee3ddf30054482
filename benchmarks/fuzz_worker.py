"""One reader, one engine, many cases, in a process of its own: `python -m benchmarks.fuzz_worker --help`.

A process of its own because atheris instruments what is imported after it, ends the process when it is done, and
because a case that takes all memory must not take the others with it. The last line printed is JSON: what was found.

Two engines. `hypothesis` draws changes of the samples (`fuzz_cases`); `atheris` is libFuzzer, which keeps what reaches
new lines of the readers. Neither stops at a finding: of each kind of failure the shortest case is kept.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported where it is used: atheris instruments what is imported after it
    from benchmarks.fuzz_documents import Target

SLOW_S = 2.0
"""CPU seconds of one case, of at most 256 KiB, above which it is a finding."""
CUT_S = 20
"""CPU seconds after which a case is broken off."""
MEMORY_BYTES = 3 * 2**30


class TooLong(BaseException):
    """The case was broken off. No reader may catch it."""


@dataclass(kw_only=True)
class Tally:
    """What was tried and what came of it."""

    target: Target
    cases: int = 0
    slowest_s: float = 0.0
    slowest: bytes = b""
    outcomes: Counter[str] = field(default_factory=Counter)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, data: bytes) -> None:
        """Try one case."""
        from benchmarks.fuzz_documents import tried

        self.cases += 1
        began = time.process_time()
        try:
            with _limited():
                self.outcomes[tried(self.target, data)] += 1
        except (Exception, TooLong) as failure:
            self._finding(failure, data)
        took_s = time.process_time() - began
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, data
        if took_s > SLOW_S:
            self._keep("slow", f"{took_s:.1f} s of CPU for {len(data)} bytes", data)

    def _finding(self, failure: BaseException, data: bytes) -> None:
        frames = [one for one in traceback.extract_tb(failure.__traceback__) if "/benchmarks/" not in one.filename]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        ours = next((one for one in reversed(frames) if "meshperf" in one.filename), None)
        place = f"{Path(ours.filename).name}:{ours.lineno} {place}" if ours else place
        self._keep(f"{type(failure).__name__} {place}", f"{failure}"[:300], data)

    def _keep(self, kind: str, text: str, data: bytes) -> None:
        self.outcomes["failed"] += 1
        known = self.found.get(kind)
        if known is None or len(data) < known["bytes"]:
            self.found[kind] = {"text": text, "bytes": len(data), "case": base64.b64encode(data).decode()}

    def document(self, began: float) -> dict[str, Any]:
        return {
            "target": self.target.name,
            "cases": self.cases,
            "took_s": time.monotonic() - began,
            "slowest_s": self.slowest_s,
            "slowest_bytes": len(self.slowest),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "outcomes": dict(self.outcomes),
            "found": self.found,
        }


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, CUT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _cut(number: int, frame: FrameType | None) -> None:
    raise TooLong(f"broken off after {CUT_S} s of CPU")


def with_hypothesis(tally: Tally, cases: int, chosen: int) -> None:
    """So many cases from hypothesis, the same again for the same number."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    from benchmarks.fuzz_cases import PLAN_BYTES, case

    samples = tally.target.samples
    for sample in samples:
        tally.take(sample)

    @seed(chosen)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=PLAN_BYTES, max_size=PLAN_BYTES))
    def one(plan: bytes) -> None:
        tally.take(case(plan, samples))

    one()


def with_atheris(tally: Tally, cases: int, chosen: int, report: Path) -> None:
    """So many cases from libFuzzer, which begins with the samples. Does not come back.

    Half of the changes are its own, of bytes; half are those of the other engine, so that what it builds upon is
    more often still a document.
    """
    import atheris

    from benchmarks.fuzz_cases import STEP, changed

    began = time.monotonic()
    samples = tuple(dict.fromkeys(tally.target.samples))
    longest = max(4096, 4 * max(map(len, samples)))
    folder = Path(tempfile.mkdtemp(prefix="meshperf-fuzz-"))
    for number, sample in enumerate(samples):
        (folder / str(number)).write_bytes(sample)

    def mutated(data: bytes, most: int, number: int) -> bytes:
        chance = random.Random(number)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, len(data)))
        return changed(data, chance.choice(samples), chance.randbytes(STEP))[:most]

    def one(data: bytes) -> None:
        tally.take(data)
        if tally.cases >= cases:
            report.write_text(json.dumps(tally.document(began)))
            shutil.rmtree(folder)
            os._exit(0)  # libFuzzer would end the process too, without a word to us

    limits = [f"-seed={chosen}", f"-max_len={longest}", "-rss_limit_mb=3072", f"-timeout={CUT_S * 3}", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *limits, str(folder)], one, custom_mutator=mutated)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_worker", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, required=True, help="file for what was found, as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGPROF, _cut)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    if options.engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["meshperf.interchange", "meshperf.spec", "meshperf.histograms"]):
            tally = _ready(options.target)
        with_atheris(tally, options.cases, options.seed, options.report)
    tally = _ready(options.target)
    began = time.monotonic()
    with_hypothesis(tally, options.cases, options.seed)
    options.report.write_text(json.dumps(tally.document(began)))
    return 0


def _ready(name: str) -> Tally:
    """Everything that the reader imports when it is first needed is imported then."""
    from benchmarks.fuzz_documents import targets

    target = targets()[name]
    for sample in target.samples:
        Tally(target=target).take(sample)
    return Tally(target=target)


if __name__ == "__main__":
    sys.exit(main())
