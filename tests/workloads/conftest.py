"""The real workload executable, started for one test, and certificates for it."""

from __future__ import annotations

import contextlib
import datetime
import json
import select
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshperf.environments.site import Process, ProcessSpec
from meshperf.workloads import Endpoint, executable

READY_WITHIN_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Running:
    """A started workload: where it answers, its process, and the line it printed."""

    endpoint: Endpoint
    process: subprocess.Popen[str]
    ready: dict[str, object]

    @property
    def at(self) -> tuple[str, int]:
        host, _, port = self.endpoint.address.rpartition(":")
        return host, int(port)


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the workload with these options on free loopback ports; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def starter(*options: str) -> Running:
            process = subprocess.Popen(
                [str(executable()), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], READY_WITHIN_S)[0], "no line within the deadline"
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            ready = json.loads(line)
            return Running(
                endpoint=Endpoint(
                    address=ready["address"], admin=ready["admin"], tcp=ready.get("tcp"), udp=ready.get("udp")
                ),
                process=process,
                ready=ready,
            )

        yield starter


def poll(condition: Callable[[], bool], within_s: float = 3.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@dataclass(frozen=True, kw_only=True)
class Pki:
    """A certificate authority and what it issued, as PEM files."""

    folder: Path
    ca: Path
    ca_key: ec.EllipticCurvePrivateKey
    ca_name: x509.Name

    def issue(self, name: str, identity: str) -> tuple[Path, Path]:
        """A certificate with `identity` as its URI name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _certificate(subject, self.ca_name, key)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
        )
        certificate, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(builder.sign(self.ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return make_pki(tmp_path, "ca")


def make_pki(folder: Path, name: str) -> Pki:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _certificate(subject, subject, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    path = folder / f"{name}.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return Pki(folder=folder, ca=path, ca_key=key, ca_name=subject)


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )


class PlainSite:
    """As much of a site as starting processes needs: an address for each host."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._hosts: dict[str, str] = {}
        self.started: list[tuple[ProcessSpec, subprocess.Popen[bytes]]] = []

    def address(self, host: str) -> str:
        return self._hosts.setdefault(host, f"{self._network}.{len(self._hosts) + 1}")

    def reach(self, host: str, port: int) -> str:
        return f"{self.address(host)}:{port}"

    def start(self, spec: ProcessSpec) -> Process:
        child = subprocess.Popen(list(spec.argv), env=dict(spec.env), stdout=subprocess.DEVNULL)
        self.started.append((spec, child))
        deadline = time.monotonic() + spec.deadline_s
        while (missing := spec.ready()) is not None:
            assert time.monotonic() < deadline, missing
            assert child.poll() is None, missing
            time.sleep(0.005)
        return Process(name=spec.name, role=spec.role, pid=child.pid, start_ticks=0, log=Path(), cpus=())


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[PlainSite]:
    # Addresses of its own for each test: the ports are fixed.
    number = zlib.crc32(request.node.nodeid.encode()) % 30_000
    opened = PlainSite(f"127.{100 + number // 250}.{number % 250}")
    yield opened
    for _, child in opened.started:
        child.terminate()
        assert child.wait(timeout=3) == 0
