"""TLS by the options of `meshperf load` and by an SMP test: what was asked for is agreed, or the run is refused."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.cli import main
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_from_document
from tests.load.conftest import Script, Workload, serve, start_workload  # noqa: F401  (fixtures)
from tests.load.test_native_tls import ECHO, LOAD, Authority, authority, start_tls  # noqa: F401  (fixtures)

pytestmark = pytest.mark.needs_native

SHORT = ["--rate", "100", "--warmup", "0s", "--duration", "200ms", "--connections", "2"]
Start = Callable[..., Workload]


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> RunResult:
    main(["load", *arguments, "--json"])
    told = capsys.readouterr()
    assert told.out, told.err
    return result_from_document(json.loads(told.out))


def agreed(run: RunResult, what: str) -> object:
    fact = run.facts.get(f"security.tls_{what}")
    return None if fact is None else fact.value


def test_versions_ciphers_and_names_are_those_that_were_asked_for(
    start_tls: Start,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = start_tls("--tls-min", "1.2")
    url, trust = f"https://{target.address}/", ("--ca", str(tmp_path / "ca.pem"), "--server-name", "echo.example")
    newest = measured(capsys, url, *SHORT, *trust, "--cipher", "TLS13_CHACHA20_POLY1305_SHA256", "--group", "X25519")
    assert newest.counts.ok == 20
    assert (agreed(newest, "cipher"), agreed(newest, "group")) == ("TLS_CHACHA20_POLY1305_SHA256", "X25519")
    older = measured(capsys, url, *SHORT, *trust, "--tls-max", "1.2")
    assert older.counts.ok == 20
    assert "1.2" in str(agreed(older, "version"))
    second = measured(capsys, url, *SHORT, *trust, "--protocol", "http2")
    assert (second.counts.ok, agreed(second, "alpn")) == (20, "h2")


def test_mutual_tls_takes_certificate_and_key_from_files(
    start_tls: Start,  # noqa: F811
    authority: Authority,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = start_tls(mutual=True)
    for name, text in zip(("client.pem", "client.key"), authority.issue(uri=LOAD), strict=True):
        (tmp_path / name).write_text(text)
    url, trust = f"https://{target.address}/", ("--ca", str(tmp_path / "ca.pem"), "--server-identity", ECHO)
    own = ("--cert", str(tmp_path / "client.pem"), "--key", str(tmp_path / "client.key"))
    assert measured(capsys, url, *SHORT, *trust, *own).counts.ok == 20
    assert main(["load", url, *SHORT, *trust]) == 5
    assert "MP5303" in capsys.readouterr().err


@pytest.mark.parametrize("expected", [(), ("--server-identity", "spiffe://lab.example/ns/default/sa/other")])
def test_a_server_that_is_another_is_refused(
    start_tls: Start,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    expected: tuple[str, ...],
) -> None:
    target = start_tls()
    url = f"https://{target.address}/"
    assert main(["load", url, *SHORT, "--ca", str(tmp_path / "ca.pem"), *expected]) == 5
    assert "MP5303" in capsys.readouterr().err
    assert measured(capsys, url, *SHORT, "--insecure").counts.ok == 20


def test_new_connections_resume_their_sessions_when_asked_to(
    serve: Callable[[Callable[[socket.socket], None]], Script],  # noqa: F811
    authority: Authority,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate, key = authority.issue(dns="echo.example")
    (tmp_path / "both.pem").write_text(certificate + key)
    (tmp_path / "ca.pem").write_text(authority.pem)
    offering = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offering.load_cert_chain(tmp_path / "both.pem")

    def answer(accepted: socket.socket) -> None:
        with offering.wrap_socket(accepted, server_side=True) as connection:
            if not connection.recv(4096):  # one that was opened for a next request, and there was none
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    again = ("--no-keepalive", "--ca", str(tmp_path / "ca.pem"), "--server-name", "echo.example")
    url = f"https://{serve(answer).address}/"
    full, resumed = (measured(capsys, url, *SHORT, *again, *flag) for flag in ((), ("--resumption",)))
    assert full.connections["tls_handshakes"] >= 20
    assert full.connections["tls_resumed"] == 0
    assert resumed.connections["tls_resumed"] > 0


@pytest.mark.parametrize("as_text", [True, False])
def test_an_smp_test_trusts_its_certificate_by_text_or_file(
    start_tls: Start,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    as_text: bool,
) -> None:
    target = start_tls()
    client = {
        "rps": 100,
        "endpoint_urls": [f"https://{target.address}/"],
        "ssl_certificate": (tmp_path / "ca.pem").read_text() if as_text else "ca.pem",
        "tls": {"sni": "echo.example"},
    }
    path = tmp_path / "test.json"
    whole = {"name": "t", "duration": "200ms", "warmup_s": 0, "clients": [client]}
    path.write_text(json.dumps({"test": whole, "mesh": {"type": "NO_MESH"}}))
    assert measured(capsys, str(path)).counts.ok == 20
