"""`meshperf compare`: bundles, stored results, result documents and other tools' files held against each other."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="compare")
@click.argument("references", metavar="A [B…]", nargs=-1, required=True)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="S",
    help="What may differ: mesh, mesh_version, client_library, mtls, a fact's path …; may be repeated. "
    "Default: what the experiments declare.",
)
@click.option(
    "--rules", type=click.Path(path_type=Path), metavar="FILE", help="Rules of comparability to lay over ours."
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What `doctor --generators --json` printed: results of generators tried there may stand side by side.",
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="METRIC=SHARE",
    help="Difference that counts as none: p50=5%; may be repeated. Default: those of the first experiment, or ours.",
)
@click.option(
    "--absolute-floor",
    "absolute_floors",
    multiple=True,
    metavar="METRIC=AMOUNT",
    help="Added amount that counts as none whatever its share: p50=20us, memory=1MiB; may be repeated. Default: those "
    "of the first experiment.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the report into this folder too.")
@click.option(
    "--statistics",
    is_flag=True,
    help="Judge one stored experiment from the figures of its runs alone: thousands of runs in a second or two.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: rules, records and comparisons.")
def command(
    references: tuple[str, ...],
    subjects: tuple[str, ...],
    rules: Path | None,
    calibration: Path | None,
    margins: tuple[str, ...],
    absolute_floors: tuple[str, ...],
    out: Path | None,
    statistics: bool,
    as_json: bool,
) -> int:
    """Compare results: first whether they may be compared, then the verdicts.

    Each of A, B … is a bundle, an id of `meshperf list`, a result document or a file of another tool; `#ARM` behind it
    takes one arm of an experiment. A alone is judged again with its own rounds paired, candidates of different groups
    by a ratio of ratios. With several, each is held against A: arms of one name, or the ones named. Exit code 4: not
    comparable; every reason is told with the smallest change that mends it.

    \b
    Examples:
      meshperf compare results/sidecar-cost --rules strict.yaml
      meshperf compare results/monday results/friday
      meshperf compare results/istio#istio results/linkerd#linkerd --subject mesh
      meshperf compare fortio.json wrk2.txt --json
    """
    if statistics:
        from meshperf.cli.compare_statistics import refuse_others, run_statistics

        refuse_others(references, subjects=subjects, rules=rules, calibration=calibration, out=out)
        return run_statistics(references[0], margins=margins, absolute_floors=absolute_floors, as_json=as_json)
    from meshperf.cli.compare_run import run_compare

    return run_compare(
        references,
        subjects=subjects,
        rules_file=rules,
        calibration=calibration,
        margins=margins,
        absolute_floors=absolute_floors,
        out=out,
        as_json=as_json,
    )
