"""Real tools against the workload: counts, rate and the response time that is known; a stall for those that omit it."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshperf.errors import CaptureError
from meshperf.load.adapters.registry import adapter, adapters
from meshperf.load.generators import open_session
from meshperf.load.plan import Arrivals, GrpcCall, Phase, Protocol, SessionPlan, Target, TlsSettings
from meshperf.load.recording import SessionRecording
from meshperf.workloads import executable

pytestmark = pytest.mark.needs_native
TOOLS = [
    pytest.param(one.name, marks=pytest.mark.needs_tool(one.name)) for one in adapters() if not one.abilities.least_s
]
RATE = 200.0


@pytest.fixture
def address() -> Iterator[str]:
    yield from _workload("--service-time", "300us", "--response-bytes", "16")


@pytest.fixture
def failing() -> Iterator[str]:
    yield from _workload("--status", "503:0.5", "--response-bytes", "16")


def _workload(*options: str) -> Iterator[str]:
    line = [str(executable()), "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.kill()


def run(name: str, address: str, **changes: object) -> SessionRecording:
    one = next(one for one in adapters() if one.name == name)
    grpc = Protocol.HTTP1 not in one.abilities.protocols
    target = Target(name="w", address=address, host=address, connections=2)
    if grpc:
        target = replace(target, protocol=Protocol.GRPC, path="/grpc.health.v1.Health/Check", grpc=GrpcCall())
    arrivals = Arrivals.CONSTANT if one.abilities.paced else Arrivals.CLOSED
    phase = Phase(target=0, duration_s=1.0, arrivals=arrivals, rate=RATE if one.abilities.paced else None, label="0")
    with open_session(name, SessionPlan(targets=(replace(target, **changes),))) as opened:  # type: ignore[arg-type]
        return opened.run([phase])


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_is_installed_loads_the_workload_and_is_read(name: str, address: str) -> None:
    recording = run(name, address)
    (phase,) = recording.phases
    assert recording.external is not None
    assert recording.external.generator == name
    assert phase.counts.errors == phase.counts.timeouts == 0
    assert phase.response.total == phase.counts.ok > 0
    if phase.counts.offered != phase.counts.sent or name not in ("wrk",):
        assert phase.counts.ok == pytest.approx(RATE, rel=0.2)
    if name != "ghz":  # the workload does not let gRPC calls wait
        assert 0.0003 <= float(phase.response.quantile(0.5)) < 0.02
    assert phase.busy_s > 0


@pytest.mark.parametrize("name", [each for each in TOOLS if each.values[0] != "ghz"])
def test_failed_replies_are_counted_and_never_among_the_times(name: str, failing: str) -> None:
    (phase,) = run(name, failing).phases
    ended = phase.counts.ok + phase.counts.errors
    assert phase.counts.errors == pytest.approx(ended / 2, rel=0.4)
    assert phase.response.total in (0, phase.counts.ok)


@pytest.mark.parametrize("name", [each for each in TOOLS if adapter(str(each.values[0])).abilities.verifies])
def test_the_servers_certificate_is_verified(name: str, tmp_path: Path) -> None:
    certificate, other = self_signed(tmp_path / "server"), self_signed(tmp_path / "other")
    options = ("--tls-cert", str(certificate), "--tls-key", str(certificate.with_suffix(".key")))
    for address in _workload(*options):
        for trusted, answered in ((certificate, True), (other, False)):
            tls = TlsSettings(ca_pem=trusted.read_text(), server_name="localhost", minimum_version="1.2")
            try:
                counts = run(name, address, tls=tls).phases[0].counts
            except CaptureError as failed:  # some end with an error when not one request succeeds
                assert failed.code == "MP5203"
                assert not answered
            else:
                assert (counts.ok > 0) is answered


def self_signed(stem: Path) -> Path:
    """A certificate for localhost that is its own authority, and its key beside it."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    stem.with_suffix(".key").write_bytes(private.private_bytes(pem, form, serialization.NoEncryption()))
    certificate = stem.with_suffix(".pem")
    certificate.write_bytes(signed.public_bytes(pem))
    return certificate


@pytest.mark.needs_tool("fortio")
@pytest.mark.parametrize("protocol", [Protocol.HTTP2, Protocol.HTTP1_0])
def test_fortio_speaks_the_other_versions_of_http(protocol: Protocol, address: str) -> None:
    assert run("fortio", address, protocol=protocol).phases[0].counts.ok > 0


@pytest.mark.needs_tool("fortio")
def test_fortio_calls_the_health_service(address: str) -> None:
    changes = {"protocol": Protocol.GRPC, "path": "/grpc.health.v1.Health/Check", "grpc": GrpcCall()}
    assert run("fortio", address, **changes).phases[0].counts.ok > 0


@pytest.mark.needs_tool("h2load")
def test_h2load_uses_streams(address: str) -> None:
    assert run("h2load", address, protocol=Protocol.HTTP2, streams=4).phases[0].counts.ok > 0
