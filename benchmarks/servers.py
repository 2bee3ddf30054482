"""The servers that generators are compared against, one core each: our workload, and others' where it cannot serve yet.

Which server answered is part of every row. Whether it speaks HTTP/2 is asked of the server and not of its version.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.ghz import METHOD
from benchmarks.peers.peer import TOOLS
from benchmarks.pinned import RunFailed, start
from meshperf.load.plan import Protocol
from meshperf.workloads.executable import executable

READY_WITHIN_S = 10.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What an HTTP/2 client opens with, and empty SETTINGS."""
LISTENERS = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
SETTINGS = 4
SERVING = b"\0\0\0\0\2\x08\1"
"""The whole message of a health check's good answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    name: str
    address: str
    pid: int
    started_monotonic_ns: int = 0
    """The origin of the workload's stalls."""
    admin: str | None = None
    """Where the workload answers questions about itself."""

    def answered(self, protocol: Protocol, message_bytes: int) -> int | None:
        """How many requests, messages or datagrams it has answered by its own count; None where it does not count."""
        if self.admin is None:
            return None
        with urllib.request.urlopen(f"http://{self.admin}/counters", timeout=5) as reply:
            counters = json.load(reply)
        if protocol is Protocol.TCP:
            return int(counters["tcp_bytes_out"]) // message_bytes
        return int(counters["udp_out" if protocol is Protocol.UDP else "requests"])


@contextlib.contextmanager
def workload(core: int | None, *options: str) -> Iterator[Server]:
    """Our workload. Raises RunFailed: it does not take these options."""
    with _running([executable(), *LISTENERS, *options], core) as process:
        yield _workload_server(process, "address")


@contextlib.contextmanager
def tls_workload(core: int | None, folder: Path, *options: str) -> Iterator[tuple[Server, Path]]:
    """Our workload over TLS 1.3; yields what its certificate ends in as well: itself."""
    certificate, key = folder / "server.pem", folder / "server.key"
    self_signed(certificate, key)
    with workload(core, "--tls-cert", str(certificate), "--tls-key", str(key), *options) as server:
        yield server, certificate


@contextlib.contextmanager
def serving(protocol: Protocol, core: int | None, folder: Path, response_bytes: int) -> Iterator[Server]:
    """A server for a protocol in clear text: the first of the candidates that really speaks it.

    Raises:
        RunFailed: there is none on this machine; why is told for each.
    """
    reasons = []
    for candidate in CANDIDATES[protocol]:
        with contextlib.ExitStack() as stack:
            try:
                server = stack.enter_context(candidate(protocol, core, folder, response_bytes))
                _ask(protocol, server)
            except (RunFailed, OSError) as failure:
                reasons.append(f"{candidate.__name__}: {failure}")
                continue
            yield server
            return
    raise RunFailed("; ".join(reasons))


@contextlib.contextmanager
def our_workload(protocol: Protocol, core: int | None, folder: Path, response_bytes: int) -> Iterator[Server]:
    """HTTP/1.1, HTTP/2 and gRPC share a listener; TCP and UDP have one each."""
    line = [str(executable()), *LISTENERS, "--response-bytes", str(response_bytes)]
    own = protocol in (Protocol.TCP, Protocol.UDP)
    if own:
        line += [f"--{protocol.value}", "127.0.0.1:0"]
    with _running(line, core) as process:
        yield _workload_server(process, protocol.value if own else "address")


@contextlib.contextmanager
def nghttpd(protocol: Protocol, core: int | None, folder: Path, response_bytes: int) -> Iterator[Server]:
    """HTTP/2 by nghttp2's own server, from a file."""
    program = shutil.which("nghttpd")
    if program is None:
        raise RunFailed("not installed")
    (folder / "index.html").write_bytes(b"x" * response_bytes)
    port = _free_port()
    command = [program, "--no-tls", "--address=127.0.0.1", f"--htdocs={folder}", str(port)]
    with _running(command, core) as process:
        yield _listening("nghttpd", process.pid, port)


@contextlib.contextmanager
def fortio(protocol: Protocol, core: int | None, folder: Path, response_bytes: int) -> Iterator[Server]:
    """gRPC health, TCP echo and UDP echo by fortio's server."""
    program = shutil.which("fortio", path=str(TOOLS)) or shutil.which("fortio")
    if program is None:
        raise RunFailed("not installed")
    port = _free_port()
    mine = {Protocol.GRPC: "-grpc-port", Protocol.TCP: "-tcp-port", Protocol.UDP: "-udp-port"}[protocol]
    closed = ("-http-port", "-redirect-port", "-grpc-port", "-tcp-port", "-udp-port")
    ports = [part for name in closed for part in (name, f"127.0.0.1:{port}" if name == mine else "disabled")]
    with _running([program, "server", *ports], core) as process:
        if protocol is Protocol.UDP:
            yield Server(name="fortio", address=f"127.0.0.1:{port}", pid=process.pid)
        else:
            yield _listening("fortio", process.pid, port)


Candidate = Callable[[Protocol, "int | None", Path, int], contextlib.AbstractContextManager[Server]]
CANDIDATES: dict[Protocol, tuple[Candidate, ...]] = {
    Protocol.HTTP1: (our_workload,),
    Protocol.HTTP2: (our_workload, nghttpd),
    Protocol.GRPC: (our_workload, fortio),
    Protocol.TCP: (our_workload, fortio),
    Protocol.UDP: (our_workload, fortio),
}


def self_signed(certificate: Path, key: Path) -> None:
    """A certificate for localhost and 127.0.0.1 that is its own CA, valid for a day, and its key (ECDSA P-256)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@contextlib.contextmanager
def _running(command: Sequence[str | Path], core: int | None) -> Iterator[subprocess.Popen[str]]:
    process = start(command, core, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _workload_server(process: subprocess.Popen[str], listener: str) -> Server:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RunFailed(f"the workload ended at once with {process.wait(10)}")
    ready = json.loads(line)
    if not ready.get(listener):
        raise RunFailed(f"the workload has no listener for {listener}")
    return Server(
        name="meshperf-workload",
        address=ready[listener],
        pid=process.pid,
        started_monotonic_ns=ready["started_monotonic_ns"],
        admin=ready["admin"],
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _listening(name: str, pid: int, port: int) -> Server:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return Server(name=name, address=f"127.0.0.1:{port}", pid=pid)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise RunFailed(f"{name} does not listen") from None
            time.sleep(0.02)


def _ask(protocol: Protocol, server: Server) -> None:
    """Raises RunFailed or OSError: the server does not answer in this protocol."""
    host, _, port = server.address.rpartition(":")
    if protocol in (Protocol.HTTP2, Protocol.GRPC):
        with socket.create_connection((host, int(port)), timeout=2) as peer:
            peer.sendall(PREFACE + (_health_check() if protocol is Protocol.GRPC else b""))
            answer = peer.recv(65536)
            if len(answer) < 9 or answer[3] != SETTINGS:
                raise RunFailed("does not speak HTTP/2 by prior knowledge")
            while protocol is Protocol.GRPC and SERVING not in answer:
                more = peer.recv(65536)
                if not more:
                    raise RunFailed("does not answer a gRPC health check")
                answer += more
    if protocol is Protocol.UDP:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(0.2)
            peer.connect((host, int(port)))
            for attempt in range(20):
                try:
                    peer.send(b"m" * 24)
                    peer.recv(64)
                except (TimeoutError, ConnectionRefusedError):
                    if attempt == 19:
                        raise
                    time.sleep(0.05)
                else:
                    return


def _health_check() -> bytes:
    """A request on stream 1 with literal header fields, and an empty message that ends it."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHOD,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )
    headers = len(block).to_bytes(3, "big") + b"\1\4" + b"\0\0\0\1" + block
    return headers + b"\0\0\5" + b"\0\1" + b"\0\0\0\1" + b"\0" * 5
