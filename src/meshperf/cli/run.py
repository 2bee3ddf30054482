"""`meshperf run`: an experiment or an SMP test file, from reading it to the verdict."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(
    name="run",
    epilog="Examples:  meshperf run examples/quickstart.yaml --out results/first"
    "   ·   meshperf run examples/quickstart.yaml --resume results/first",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the result bundle (default: a new one in meshperf-out)."
)
@click.option(
    "--resume", type=click.Path(path_type=Path), help="Go on with the bundle of an earlier run that was cut off."
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier bundle of the same folder.")
@click.option(
    "--quick", is_flag=True, help="A pilot: two short rounds, to see that everything works. Gives no verdict."
)
@click.option("--allow-target", "allowed", multiple=True, metavar="HOST", help="Allow load to a host outside loopback.")
@click.option("--no-store", is_flag=True, help="Do not put the results into the store of this user.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the comparison documents as JSON; of an SMP test, an array of its results.",
)
def command(
    file: Path,
    out: Path | None,
    resume: Path | None,
    overwrite: bool,
    quick: bool,
    allowed: tuple[str, ...],
    no_store: bool,
    as_json: bool,
) -> int:
    """Run the experiment or SMP test in FILE, judge it, and write its result bundle.

    Every finished round is on disk at once: after Ctrl-C or a crash, `--resume` goes on. Ends with the verdict table,
    DIR/report.html, and rows in the store. An SMP test compares nothing: each of its URLs gives one result document in
    DIR/results, and rows in the store.
    """
    from meshperf import spec
    from meshperf.cli.experiment_run import run_experiment
    from meshperf.cli.propagation_run import run_propagation
    from meshperf.cli.smp_run import run_smp_test
    from meshperf.errors import UsageError
    from meshperf.spec.propagation_reading import is_propagation, read_propagation
    from meshperf.spec.reader import read_document

    if is_propagation(read_document(file).data):
        if resume is not None or quick or overwrite:
            raise UsageError("MP1002", "--resume, --quick and --overwrite are for experiments; leave them out")
        return run_propagation(read_propagation(file), file, out=out, as_json=as_json)
    experiment = spec.read_experiment(file)
    if experiment.targets:
        if resume is not None or quick or overwrite:
            raise UsageError(
                "MP1002",
                "--resume, --quick and --overwrite are for experiments; an SMP test loads each URL once",
                hint="leave them out, and choose another folder with --out",
            )
        return run_smp_test(experiment, file, allowed=allowed, out=out, store=not no_store, as_json=as_json)
    return run_experiment(
        experiment,
        file,
        out=out,
        resume=resume,
        overwrite=overwrite,
        quick=quick,
        store=not no_store,
        as_json=as_json,
    )
