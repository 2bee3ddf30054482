"""`meshperf export`: results in the formats of other tools."""

from __future__ import annotations

import click

__all__ = ["FORMATS", "command"]

FORMATS = (
    "extended", "strict", "smp-go", "protojson", "protobuf", "protobuf-delimited", "fortio", "csv", "parquet",
    "openmetrics", "otlp", "hdr-log", "junit", "sarif", "markdown",
)  # fmt: skip
"""Words of `--to`. Named here because the help must not load the writers; a test holds both lists together."""


@click.command(name="export")
@click.argument("sources", metavar="SOURCE...", nargs=-1)
@click.option("--to", "form", type=click.Choice(FORMATS), metavar="FORMAT", help="The format; --list names them.")
@click.option(
    "--out",
    metavar="FILE|DIR",
    help="Write here instead of stdout. In a folder (it exists, or ends with /) the name follows from the result.",
)
@click.option("--lossy", is_flag=True, help="Leave out what an SMP dialect has no place for, and results too bare.")
@click.option("--from", "read_as", metavar="FORM", help="Form of other tools' files; default: by their content.")
@click.option("--convert-units", is_flag=True, help="Convert figures found to be in another unit than their name says.")
@click.option("--list", "listed", is_flag=True, help="Name the formats, and exit.")
def command(
    sources: tuple[str, ...],
    form: str | None,
    out: str | None,
    lossy: bool,
    read_as: str | None,
    convert_units: bool,
    listed: bool,
) -> int:
    """Write results in another format, and say what it has no place for.

    SOURCE is a bundle (a folder or a .zip), a result document, a file of another tool, a folder of these, or an id of
    `meshperf list`. junit, sarif and markdown tell what was asked and what came of it; they need results of meshperf.

    \b
    Examples:
      meshperf export results/first --to csv > runs.csv
      meshperf export results/first --to fortio --out fortio-data/
      meshperf export k6.json --to openmetrics
      meshperf export results/first --to junit --out junit.xml
    """
    from meshperf.cli import export_run
    from meshperf.errors import UsageError

    if listed:
        for name, title in export_run.formats():
            click.echo(f"{name:<20}{title}")
        return 0
    if form is None or not sources:
        missing = "--to FORMAT" if form is None else "a SOURCE"
        raise UsageError("MP1001", f"{missing} is missing", hint="`meshperf export --list` names the formats")
    return export_run.run(sources, form=form, out=out, lossy=lossy, read_as=read_as, convert_units=convert_units)
