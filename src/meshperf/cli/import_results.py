"""`meshperf import`: results of other tools as SMP documents, and into the store."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(name="import")
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option("--from", "form", metavar="FORM", help="Read every FILE as this form; `--list` names the forms.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of SMP results instead of a table.")
@click.option(
    "--convert-units", is_flag=True, help="Convert figures that were found to be in another unit than their name says."
)
@click.option("--list", "list_forms", is_flag=True, help="The forms that can be read, and what is known of each.")
@click.option("--store/--no-store", "keep", default=True, help="Keep the results in the store (default) or not.")
@click.option("--mesh", metavar="NAME", help="The mesh that was measured, where the file does not say; an SMP name.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label of every result; repeatable.")
def command(
    files: tuple[str, ...],
    form: str | None,
    as_json: bool,
    convert_units: bool,
    list_forms: bool,
    keep: bool,
    mesh: str | None,
    labels: tuple[str, ...],
) -> int:
    """Read results of other tools: what each says, how exactly, and what it does not say.

    The form is found by what is in a FILE, packed with gzip or not; `-` is standard input. A FILE that cannot be read
    ends in exit code 2, after all others were imported.

    \b
    Examples:
      meshperf import fortio.json wrk2.txt
      meshperf import results/*.json --mesh linkerd --label cluster=lab --json > smp.json
      k6 run --out json=points.json script.js; meshperf import points.json
      meshperf import --list
    """
    from meshperf.cli import import_run

    if list_forms:
        return import_run.show_forms(as_json=as_json)
    if not files:
        raise click.UsageError("name at least one FILE, or --list")
    return import_run.run(
        files,
        form=form,
        as_json=as_json,
        convert_units=convert_units,
        keep=keep,
        mesh=import_run.mesh_name(mesh),
        labels=import_run.parsed_labels(labels),
    )
