"""`meshperf load`: one load test against URLs, or an SMP test file; an SMP result on stdout with `--json`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

__all__ = ["command"]

_FILE = click.Path(path_type=Path)
_MANY = click.IntRange(1, 65_535)


def _options(function: Callable[..., int]) -> Callable[..., int]:
    """Every option of the verb, in the order of its help; the values are checked in `load_options`."""
    words = click.Choice
    options = [
        click.option("--weights", metavar="N,N,…", help="Shares of the URLs, in their order (default: equal)."),
        click.option("--protocol", type=words(["http1.0", "http1", "http2", "grpc", "tcp", "udp"]),
                     help="Default: that of the URL's scheme; http1 for http and https."),
        # when requests become due
        click.option("--rate", type=float, help="Offered requests per second, over all URLs (open loop)."),
        click.option("--rate-end", type=float, help="The rate changes linearly to this."),
        click.option("--arrivals", type=words(["closed", "constant", "poisson", "trace"]),
                     help="Default: trace with --trace, constant with --rate, else closed."),
        click.option("--trace", type=_FILE, help="File of due times, one in seconds a line."),
        click.option("--quantum", metavar="TIME", help="Put due times off to multiples of this."),
        click.option("--in-flight", type=click.IntRange(1), help="Requests under way at a time (closed loop)."),
        click.option("--think", metavar="TIME", help="Pause from a reply to the next request (closed loop)."),
        click.option("--duration", metavar="TIME", help="Counted time, with its unit (default: 10s)."),
        click.option("--warmup", default="1s", show_default=True, metavar="TIME", help="Sent before, not counted."),
        click.option("--timeout", default="10s", show_default=True, metavar="TIME", help="Of one request."),
        # connections
        click.option("--connections", type=_MANY, default=16, show_default=True, help="Kept open to each URL."),
        click.option("--max-connections", type=_MANY, help="Open up to so many when none is idle."),
        click.option("--streams", type=_MANY, help="Requests at a time on a connection (http2, grpc, udp)."),
        click.option("--pooling", type=words(["pooled", "pinned"]),
                     help="Any idle connection takes a request (default), or each has its own schedule."),
        click.option("--selection", type=words(["fifo", "lifo", "random"]), help="Which idle one (default: fifo)."),
        click.option("--requests-per-connection", type=click.IntRange(1), help="Then open it anew."),
        click.option("--no-keepalive", is_flag=True, help="A new connection for each request."),
        click.option("--connection-age", metavar="TIME", help="Open a connection anew when it is older."),
        # the request
        click.option("--method", help="Default: POST with a body, else GET."),
        click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="May be repeated."),
        click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="May be repeated."),
        click.option("--content-type", metavar="TYPE"),
        click.option("--body", metavar="TEXT", help="Request body, or message of tcp and udp."),
        click.option("--body-file", type=_FILE, help="The same from a file."),
        click.option("--body-base64", metavar="TEXT", help="The same in base64."),
        click.option("--follow-redirects", is_flag=True, help="To the same host and port, 10 at most."),
        click.option("--message-bytes", metavar="SIZE", help="Length of a message of tcp and udp (default: 64)."),
        click.option("--reply-bytes", metavar="SIZE", help="Length of its answer (default: the same); 0: none."),
        # gRPC
        click.option("--call", metavar="PKG.SERVICE/METHOD", help="Default: grpc.health.v1.Health/Check."),
        click.option("--message", "messages", multiple=True, metavar="JSON", help="Or @FILE; may be repeated."),
        click.option("--metadata", multiple=True, metavar="'NAME: VALUE'", help="May be repeated."),
        click.option("--proto", type=_FILE, help="The .proto file that has the method."),
        click.option("--import-path", "import_paths", type=_FILE, multiple=True, help="Of its imports."),
        click.option("--descriptor-set", type=_FILE, help="A compiled schema instead."),
        # TLS
        click.option("--ca", type=_FILE, help="PEM certificates to trust (default: the system's)."),
        click.option("--cert", type=_FILE, help="Client certificate, PEM (mutual TLS)."),
        click.option("--key", type=_FILE, help="Its key, PEM."),
        click.option("--server-name", help="SNI and name to verify (default: the URL's host)."),
        click.option("--server-identity", metavar="SPIFFE-ID", help="URI name the server's certificate must carry."),
        click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
        click.option("--tls-min", type=words(["1.2", "1.3"]), help="Lowest version (default: 1.2)."),
        click.option("--tls-max", type=words(["1.2", "1.3"]), help="Highest version (default: 1.3)."),
        click.option("--cipher", "ciphers", multiple=True, metavar="NAME", help="In order of preference."),
        click.option("--group", "groups", multiple=True, metavar="NAME", help="Key exchange, in order."),
        click.option("--alpn", multiple=True, metavar="NAME", help="Protocol to offer, in order."),
        click.option("--resumption", is_flag=True, help="Resume TLS sessions on new connections."),
        # what is asked
        click.option("--kind", type=words(["load", "stress", "soak", "capacity", "spike", "sweep"]),
                     help="A test with a shape and an answer of its own."),
        click.option("--kind-option", "kind_options", multiple=True, metavar="NAME=VALUE", help="Of the kind."),
        click.option("--watch", multiple=True, metavar="NAME=PID",
                     help="Process whose CPU and memory a kind reads meanwhile; may be repeated."),
        click.option("--objective", "objectives", multiple=True, metavar="'p99 <= 50ms'",
                     help="May be repeated; exit 1 when one is broken."),
        # the generator
        click.option("--generator", default="meshperf", show_default=True, metavar="NAME",
                     help="Who does the load: fortio, wrk, oha and others, where installed."),
        click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads."),
        click.option("--cpus", metavar="N,N,…", help="Cores to pin the threads to."),
        click.option("--wait", type=words(["auto", "sleep", "hybrid", "spin"]), default="auto", show_default=True),
        click.option("--receive-clock", type=words(["auto", "kernel", "user"]), default="auto", show_default=True,
                     help="When a reply counts as received."),
        click.option("--seed", type=click.IntRange(0), default=1, show_default=True),
        click.option("--allow-target", "allowed", multiple=True, metavar="HOST", help="Allow a host outside loopback."),
        click.option("--no-store", is_flag=True, help="Do not put the result into the store of this user."),
        click.option("--json", "as_json", is_flag=True, help="Print one SMP result document."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command(
    name="load",
    epilog="Examples:  meshperf load http://127.0.0.1:8080/ --rate 1000 --duration 10s"
    "   ·   meshperf load grpc://127.0.0.1:8080 --streams 8"
    "   ·   meshperf load https://127.0.0.1:8443/ --ca ca.pem --arrivals closed --json",
)
@click.argument("targets", nargs=-1, required=True, metavar="URL…|FILE")
@_options
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **options: object) -> int:
    """Load URLs and say what came back, and how truthful the generator was.

    A URL is http://, https://, grpc://, grpcs://, tcp://, tls:// or udp://; several share the load by --weights. A FILE
    is an SMP test: all of its clients and URLs are loaded.

    Response times count from when a request was due, not from when it could be sent. Exits 4 when the run is not valid:
    the generator was late, the rate was not sustained, or too much failed. The result is kept in the store, for `list`,
    `show` and `report`.
    """
    from meshperf.cli.load_command import shown_command
    from meshperf.cli.load_file import is_test_file, run_load_file
    from meshperf.cli.load_options import LoadOptions
    from meshperf.cli.load_run import run_load

    given = LoadOptions(**options)  # type: ignore[arg-type]
    default = click.core.ParameterSource.DEFAULT
    written = [name for name in options if ctx.get_parameter_source(name) is not default]
    shown = shown_command(targets, {name: options[name] for name in written}, ctx.command.params)
    if len(targets) == 1 and is_test_file(targets[0]):
        return run_load_file(Path(targets[0]), given, written=written, command=shown)
    return run_load(targets, given, command=shown)
