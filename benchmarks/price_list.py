"""The price list of Envoy on this machine: `examples/price-list.yaml` with one of its load points, and its residual.

Six rounds of one load point take about 25 minutes on two cores. The product prints verdicts and price list; the sum of
the steps by CPU time is held against the whole here.
"""

from __future__ import annotations

import argparse
import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.findings import Finding, Outcome, bounded, show_findings
from benchmarks.real_experiments import ROOT, measure
from meshperf.analysis import Ladder, ladder_orders, price_ladder

EXAMPLE = ROOT / "examples" / "price-list.yaml"
LIMIT_PERCENT = 15.0
_RESIDUAL = "residual of the steps' sum, CPU per request"


def shortened(text: str, *, load_point: int, rounds: int | None) -> str:
    """The example with one load point, and with so many rounds where that is asked for."""
    yaml = YAML()
    yaml.width = 4096
    document = yaml.load(text)
    document["load"] = [document["load"][load_point]]
    if rounds is not None:
        document["rounds"] = rounds
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def judged(ladder: Ladder) -> list[Finding]:
    """Steps without a price, and the residual by CPU time."""
    missing = sorted({one.step for one in ladder.prices if one.missing})
    note = f"without a price: {', '.join(missing)}" if missing else ""
    return [
        bounded("steps without a price", float(len(missing)), 0, digits=0, note=note),
        residual(ladder, LIMIT_PERCENT),
    ]


def residual(ladder: Ladder, limit_percent: float) -> Finding:
    """What the steps do not explain of the whole by CPU time, with its interval."""
    found = ladder.sum("cpu_per_request")
    share = abs(found.share) * 100
    if not math.isfinite(share):
        return bounded(_RESIDUAL, None, limit_percent, test=9, unit=" %", note="no round has all of the summed steps")
    told = f"whole {found.whole.value * 1e6:.1f} us, steps {found.total.value * 1e6:.1f} us, residual"
    told = (
        f"{told} {found.residual.value * 1e6:+.1f} [{found.residual.low * 1e6:+.1f}, {found.residual.high * 1e6:+.1f}]"
    )
    return bounded(_RESIDUAL, share, limit_percent, unit=" %", digits=1, test=9, note=told)


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load-point", type=int, default=0, help="of the example, from 0")
    parser.add_argument("--rounds", type=int, help="default: as the example says")
    parser.add_argument("--out", type=Path, help="keep the bundle here")
    parser.add_argument("--unguarded", action="store_true", help="count disturbed rounds too: never for a figure")
    options = parser.parse_args(arguments)
    text = shortened(EXAMPLE.read_text(), load_point=options.load_point, rounds=options.rounds)
    with tempfile.TemporaryDirectory(prefix="meshperf-price-list-") as folder:
        measured = measure(text, options.out or Path(folder), unguarded=options.unguarded)
    (order,) = ladder_orders(measured.experiment).values()
    ladder = price_ladder(measured.runs, order, subject=measured.experiment.subject)
    findings = judged(ladder)
    show_findings(findings)
    prices = {f"{one.step} {one.metric}": one.price.value for one in ladder.prices}
    return Outcome(findings=tuple(findings), data={"prices": prices})


if __name__ == "__main__":
    main()
