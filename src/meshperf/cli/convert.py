"""`meshperf convert`: an SMP document in another dialect, and what that dialect has no place for."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshperf.errors import DocumentError, ExitCode, Location, StorageError, UsageError

__all__ = ["command"]

DIALECTS = ("smp-go", "protojson", "protobuf", "protobuf-delimited", "extended", "strict")
KINDS = (
    "test-file", "PerformanceTestConfig", "PerformanceTestResult", "ServiceMeshConfig", "EnvironmentConfig",
    "ServiceMesh",
)  # fmt: skip
"""Words of `spec.smp_document`, here again because help must not load protobuf; a test compares them."""


@click.command("convert")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Choice(DIALECTS), help="The dialect to write.")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file; standard output without it.")
@click.option("--lossy", is_flag=True, help="Leave out what the dialect has no place for, and name it on stderr.")
@click.option("--convert-units", is_flag=True, help="Latencies that are probably seconds under `latencies_ms` are.")
@click.option("--from", "source", type=click.Choice(DIALECTS), help="What FILE is, where its content does not tell.")
@click.option("--kind", type=click.Choice(KINDS), help="What FILE holds, where its content does not tell.")
def command(
    file: Path, target: str, out: Path | None, lossy: bool, convert_units: bool, source: str | None, kind: str | None
) -> int:
    """Write the SMP documents in FILE in another dialect.

    FILE may be of any dialect and generation. Nothing is lost unless `--lossy` allows it.

    \b
    Examples:
      meshperf convert result.json --to strict
      meshperf convert old.yaml --to protobuf --convert-units --out result.binpb
    """
    from meshperf.spec.smp_document import Dialect, Kind
    from meshperf.spec.smp_reading import read_smp
    from meshperf.spec.smp_writing import lost_paths, write_smp

    dialect = Dialect(target)
    binary = dialect in (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)
    if binary and out is None and sys.stdout.isatty():
        raise UsageError("MP1002", f"`{target}` is binary, and this is a terminal", hint="write `--out FILE`")
    documents = read_smp(
        file,
        dialect=Dialect(source) if source else None,
        kind=Kind(kind) if kind else None,
        convert_units=convert_units,
    )
    try:
        content = write_smp(documents, dialect, lossy=lossy)
    except DocumentError as error:
        place = Location(path=file, pointer=error.location.pointer)
        raise DocumentError(error.code, error.message, location=place, hint=error.hint) from None
    for document in documents:
        for note in document.notes:
            click.echo(f"note: {note.text}", err=True)
        for pointer in lost_paths(document, dialect):
            click.echo(f"left out: {pointer}", err=True)
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        _write(content, out)
    return ExitCode.OK


def _write(content: bytes, out: Path) -> None:
    try:
        out.write_bytes(content)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or "unknown reason"
        message = f"cannot write {out}: {reason.lower()}"
        raise StorageError("MP5401", message, hint="choose a folder you may write to") from None
