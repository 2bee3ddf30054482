"""The options of `meshperf load`: each reaches the load point, and nonsense is refused with its flag and a hint."""

from __future__ import annotations

from pathlib import Path
from shlex import split

import click
import pytest

from meshperf.cli import main
from meshperf.cli.load import command
from meshperf.cli.load_options import LoadOptions, load_point
from meshperf.cli.load_values import weights_of
from meshperf.errors import UsageError
from meshperf.spec.experiment_load import ClientTls, GrpcRequest

HTTP = "http://127.0.0.1:1/"
ROOT = Path(__file__).parents[2]


def options(*arguments: str) -> LoadOptions:
    """Options as click hands them over."""
    context = command.make_context("load", [HTTP, *arguments])
    return LoadOptions(**{name: value for name, value in context.params.items() if name != "targets"})


def test_a_closed_loop_is_what_is_done_without_a_rate() -> None:
    point = load_point([HTTP], options())
    assert (point.arrivals, point.rate, point.connections, point.duration_s) == ("closed", None, 16, 10)
    assert load_point([HTTP], options("--rate", "5")).arrivals == "constant"


def test_everything_that_shapes_arrivals_and_connections_arrives() -> None:
    ramp = load_point(
        [HTTP],
        options(
            *split("--arrivals poisson --rate 10 --rate-end 50 --quantum 1ms --duration 3s --warmup 0s --timeout 2s"),
            *split("--connections 2 --max-connections 8 --selection lifo --requests-per-connection 9"),
            *split("--connection-age 30s --receive-clock user --workers 2 --cpus 0,1 --wait sleep"),
        ),
    )
    assert (ramp.arrivals, ramp.rate, ramp.rate_end, ramp.quantum_s) == ("poisson", 10, 50, 1e-3)
    assert (ramp.duration_s, ramp.warmup_s, ramp.timeout_s) == (3, 0, 2)
    assert (ramp.connections, ramp.max_connections, ramp.selection) == (2, 8, "lifo")
    assert (ramp.requests_per_connection, ramp.connection_age_s) == (9, 30)
    assert (ramp.receive_clock, ramp.workers, ramp.cpus, ramp.wait) == ("user", 2, (0, 1), "sleep")
    closed = load_point(
        [HTTP],
        options(*split("--protocol http2 --streams 4 --in-flight 6 --think 5ms --pooling pinned --no-keepalive")),
    )
    assert (closed.protocol, closed.streams, closed.in_flight, closed.think_s) == ("http2", 4, 6, 5e-3)
    assert (closed.pooling, closed.requests_per_connection) == ("pinned", 1)


def test_a_trace_sets_the_duration(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("0\n0.5\n2\n")
    point = load_point([HTTP], options("--trace", str(trace)))
    assert (point.arrivals, point.trace_s) == ("trace", (0, 0.5, 2))
    assert 2 < point.duration_s < 2.1
    with pytest.raises(UsageError, match="the trace at 2 s"):
        load_point([HTTP], options("--trace", str(trace), "--duration", "1s"))


def test_a_wrong_line_of_a_trace_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "trace.txt"
    for text, code, line in (("0\nsoon\n", "MP2104", 2), ("1\n\n0.5\n", "MP2103", 3), ("-1\n", "MP2103", 1)):
        trace.write_text(text)
        assert main(["load", HTTP, "--trace", str(trace)]) == 2
        told = capsys.readouterr().err
        assert f"error[{code}]" in told
        assert f"{trace}:{line}" in told


def test_the_request_is_put_together(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\x00\xff")
    named = ["--header", "x-a: 1", "--header", "x-a: 2", "--cookie", "a=b", "--cookie", "c=d", "--content-type", "t/x"]
    for flag, value, body in (
        ("--body", "é", "é".encode()),
        ("--body-base64", "AP8=", b"\x00\xff"),
        ("--body-file", str(tmp_path / "body"), b"\x00\xff"),
    ):
        point = load_point([HTTP], options(flag, value, *named))
        assert (point.method, point.body) == ("POST", body)
        assert point.headers == (("x-a", "1"), ("x-a", "2"), ("Content-Type", "t/x"), ("Cookie", "a=b; c=d"))
    assert load_point([HTTP], options("--method", "put", "--body", "x", "--follow-redirects")).method == "PUT"


def test_grpc_options_make_a_request(tmp_path: Path) -> None:
    (tmp_path / "message.json").write_text('{"n": 2}')
    point = load_point(
        ["grpc://127.0.0.1:1"],
        options(
            *split("--call shop.Cart/Add --proto shop.proto --import-path a --import-path b --streams 4"),
            *("--message", '{"n": 1}', "--message", f"@{tmp_path}/message.json", "--metadata", "x-user: me"),
        ),
    )
    assert (point.protocol, point.streams, point.headers) == ("grpc", 4, (("x-user", "me"),))
    assert point.grpc == GrpcRequest(
        call="shop.Cart/Add",
        messages=('{"n": 1}', '{"n": 2}'),
        proto=Path("shop.proto"),
        import_paths=(Path("a"), Path("b")),
    )


def test_messages_of_tcp_and_udp_have_their_lengths() -> None:
    assert len(load_point(["tcp://127.0.0.1:1"], options()).body) == 64
    point = load_point(["udp://127.0.0.1:1"], options("--message-bytes", "1KiB", "--reply-bytes", "0"))
    assert (len(point.body), point.reply_bytes) == (1024, 0)


def test_tls_options_make_settings() -> None:
    flags = "--ca ca --cert c --key k --server-name n --server-identity spiffe://a/b --tls-min 1.3"
    more = "--cipher A --cipher B --group G --alpn h2 --alpn http/1.1 --resumption"
    assert load_point(["https://127.0.0.1:1/"], options(*f"{flags} {more}".split())).tls == ClientTls(
        ca=Path("ca"),
        certificate=Path("c"),
        key=Path("k"),
        server_name="n",
        server_identity="spiffe://a/b",
        minimum_version="1.3",
        cipher_suites=("A", "B"),
        groups=("G",),
        alpn=("h2", "http/1.1"),
        resumption=True,
    )
    assert load_point(["https://127.0.0.1:1/"], options()).tls is None


@pytest.mark.parametrize(
    ("url", "arguments", "words"),
    [
        (HTTP, "--rate 5 --arrivals closed", "closed loop has no offered rate"),
        (HTTP, "--arrivals poisson", "--rate is missing"),
        (HTTP, "--arrivals trace", "--trace is missing"),
        (HTTP, "--rate 1e12", "at most 10000000 requests per second"),
        (HTTP, "--rate nan", "greater than 0"),
        (HTTP, "--rate -5", "greater than 0"),
        (HTTP, "--rate 5 --rate-end 0", "--rate-end must be a number greater than 0"),
        (HTTP, "--rate-end 5", "--rate-end has no meaning in a closed loop"),
        (HTTP, "--rate 5 --in-flight 3", "--in-flight is for a closed loop"),
        (HTTP, "--connections 2 --in-flight 3", "all connections together carry 2"),
        (HTTP, "--rate 5 --think 1s", "--think is for a closed loop"),
        (HTTP, "--quantum 1ms", "--quantum has no meaning in a closed loop"),
        (HTTP, "--streams 2", "http1 has one request at a time"),
        (HTTP, "--connections 4 --max-connections 2", "fewer than the 4"),
        (HTTP, "--pooling pinned --selection lifo", "--selection has no meaning here"),
        (HTTP, "--no-keepalive --requests-per-connection 5", "contradict each other"),
        (HTTP, "--duration 5", "needs its unit"),
        (HTTP, "--duration 0s", "longer than 0"),
        (HTTP, "--duration 999h", "at most 168h"),
        (HTTP, "--body a --body-base64 YQ==", "--body and --body-base64 all say what is sent"),
        (HTTP, "--body-base64 *", "not base64"),
        (HTTP, "--body-file gone", "gone cannot be read"),
        (HTTP, "--method GET --body a", "a GET request carries no body"),
        (HTTP, "--header content-length:5", "content-length is set by the load generator itself"),
        (HTTP, "--header Transfer-Encoding:chunked --body x", "Transfer-Encoding is set by the load generator"),
        (HTTP, "--cookie a", "--cookie number 1 is not a cookie"),
        (HTTP, "--cookie a=b --header Cookie:c=d", "--cookie and a Cookie header"),
        (HTTP, "--message-bytes 5", "--message-bytes is for tcp and udp"),
        (HTTP, "--call a.B/C", "--call is for grpc"),
        (HTTP, "--message {}", "--message is for grpc"),
        (HTTP, "--ca ca.pem", "no URL is spoken to over TLS"),
        (HTTP, "--cpus 0,x", "core numbers"),
        (HTTP, "--protocol http3", "http3"),
        ("https://127.0.0.1:1/", "--cert c", "--cert and --key go together"),
        ("https://127.0.0.1:1/", "--tls-min 1.3 --tls-max 1.2", "above --tls-max"),
        ("https://127.0.0.1:1/", "--insecure --ca c", "--insecure verifies nothing"),
        ("grpc://127.0.0.1:1", "--protocol http2", "spoken to in grpc"),
        ("grpc://127.0.0.1:1", "--header a:b", "write --metadata"),
        ("grpc://127.0.0.1:1", "--method PUT", "--method has no meaning for grpc"),
        ("grpc://127.0.0.1:1", "--body x", "give the message with --message"),
        ("grpc://127.0.0.1:1", "--proto a --descriptor-set b", "keep one"),
        ("grpc://127.0.0.1:1/a.B/C", "", "what the messages of a.B/C are is not known"),
        ("tcp://127.0.0.1:1", "--header a:b", "--header has no meaning for tcp"),
        ("tcp://127.0.0.1:1", "--message-bytes 0", "an empty message is none"),
        ("tcp://127.0.0.1:1", "--message-bytes 5 --body x", "both say what is sent"),
        ("udp://127.0.0.1:1", "--message-bytes 15", "16 to 65507 bytes, found 15"),
        ("udp://127.0.0.1:1", "--body short", "16 to 65507 bytes, found 5"),
        ("udp://127.0.0.1:1", "--reply-bytes 8", "--reply-bytes is 8"),
        ("udp://127.0.0.1:1", "--no-keepalive", "udp, which has no connections"),
        ("ftp://127.0.0.1/", "", "scheme must be one of"),
        ("http://example.org/", "", "outside loopback"),
        (HTTP, "--objective p99<=50", "unit"),
        (HTTP, "--objective memory<5MB", "sees the target from outside"),
        (HTTP, "--weights 1,2", "there are 2 weights and 1 URLs"),
        (HTTP, "--kind-option a=b", "--kind-option is for a test kind"),
        (HTTP, "--watch app=1", "--watch is for a test kind"),
        (HTTP, "--kind load --rate 5 --watch app=x", "there is no process x"),
        (HTTP, "--kind load --rate 5 --kind-option drift", "'drift' is not NAME=VALUE"),
        (HTTP, "--kind load --rate 5 --kind-option drft_margin=1", "did you mean `drift_margin`"),
        (HTTP, "--kind load --rate 5 --rate-end 6", "--rate-end another"),
        (HTTP, "--kind load", "needs a rate"),
        (HTTP, "--kind load --arrivals closed", "rates of its own"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(
    url: str, arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", url, *arguments.split()]) == 2
    assert words in capsys.readouterr().err


def test_urls_share_one_protocol_and_have_weights() -> None:
    with pytest.raises(UsageError, match="speak http1 and tcp"):
        load_point([HTTP, "tcp://127.0.0.1:1"], options())
    assert weights_of(None, 2) == (1, 1)
    assert weights_of("3,1", 2) == (3, 1)
    for wrong in ("0,1", "a,b", "-1,2", "nan,1"):
        with pytest.raises(UsageError, match="numbers above 0"):
            weights_of(wrong, 2)


def test_a_test_kind_is_of_one_url(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", HTTP, HTTP, "--kind", "load", "--rate", "5"]) == 2
    assert "a test kind is of one URL" in capsys.readouterr().err


def test_every_option_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    section = reference.partition("### `meshperf load")[2].partition("\n### ")[0]
    flags = [flag for one in command.params if isinstance(one, click.Option) for flag in one.opts]
    assert [flag for flag in flags if f"`{flag}" not in section and f" {flag}" not in section] == []
