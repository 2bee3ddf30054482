"""TLS and mutual TLS towards a target: identities, what was agreed on, and resumption."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshperf.errors import TargetError, UsageError
from meshperf.load import GrpcCall, NativeSession, SessionPlan, TlsSettings

pytestmark = pytest.mark.needs_native

ECHO = "spiffe://lab.example/ns/default/sa/echo"
LOAD = "spiffe://lab.example/ns/default/sa/load"


class Authority:
    """A certificate authority for one test."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
        self._certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
        )

    def issue(self, *, uri: str | None = None, dns: str | None = None) -> tuple[str, str]:
        """Certificate and key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)] if uri else []
        names += [x509.DNSName(dns)] if dns else []
        certificate = (
            self._builder(x509.Name([]), key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return (
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def start_tls(start_workload, authority: Authority, tmp_path: Path):
    """The workload over TLS; with `mutual`, only for clients that are LOAD."""

    def start(*options: str, mutual: bool = False):
        certificate, key = authority.issue(uri=ECHO, dns="echo.example")
        (tmp_path / "cert.pem").write_text(certificate)
        (tmp_path / "key.pem").write_text(key)
        (tmp_path / "ca.pem").write_text(authority.pem)
        options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"), *options)
        if mutual:
            options += ("--tls-client-ca", str(tmp_path / "ca.pem"), "--tls-client-identity", LOAD)
        return start_workload(*options)

    return start


def _settings(authority: Authority, identity: str | None = None, **changes: object) -> TlsSettings:
    certificate, key = authority.issue(uri=identity) if identity else (None, None)
    settings = TlsSettings(
        ca_pem=authority.pem, server_identity=ECHO, certificate_pem=certificate, key_pem=key, minimum_version="1.3"
    )
    return dataclasses.replace(settings, **changes)


def test_a_mutual_handshake_agrees_on_what_was_asked_for(start_tls, authority, constant):
    workload = start_tls(mutual=True)
    tls = _settings(authority, LOAD, cipher_suites=("TLS13_AES_128_GCM_SHA256",), groups=("secp256r1",))
    with NativeSession.open(SessionPlan(targets=(workload.target(tls=tls),), workers=2)) as session:
        recording = session.run([constant(rate=500.0)])
    assert recording.phases[0].counts.ok == 250
    facts = recording.connections[0]
    assert (facts.opened, facts.tls_handshakes, facts.tls_resumed) == (4, 4, 0)
    assert (facts.tls_version, facts.tls_cipher, facts.tls_group) == ("1.3", "TLS13_AES_128_GCM_SHA256", "secp256r1")
    assert facts.server_identity == ECHO
    assert facts.handshake.total == 4
    assert 1e-5 < facts.handshake.quantile(0.5) < 1


@pytest.mark.parametrize("identity", [ECHO, LOAD + "x", None])
def test_a_client_that_is_not_allowed_is_refused(start_tls, authority, constant, identity):
    target = start_tls(mutual=True).target(tls=_settings(authority, identity))
    with pytest.raises(TargetError) as caught, NativeSession.open(SessionPlan(targets=(target,))) as session:
        session.run([constant()])
    assert caught.value.code == "MP5303"


def test_a_client_of_another_authority_is_refused(start_tls, authority, constant):
    certificate, key = Authority().issue(uri=LOAD)
    tls = _settings(authority, certificate_pem=certificate, key_pem=key)
    target = start_tls(mutual=True).target(tls=tls)
    with pytest.raises(TargetError) as caught, NativeSession.open(SessionPlan(targets=(target,))) as session:
        session.run([constant()])
    assert caught.value.code == "MP5303"


@pytest.mark.parametrize("wanted", [LOAD, "spiffe://lab.example/ns/default/sa/ech"])
def test_a_server_with_another_identity_is_refused(start_tls, authority, wanted):
    target = start_tls().target(tls=_settings(authority, server_identity=wanted))
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(target,)))
    assert caught.value.code == "MP5303"
    assert ECHO in str(caught.value)


@pytest.mark.parametrize(("name", "held"), [("echo.example", True), ("other.example", False)])
def test_without_an_identity_the_host_name_is_checked(start_tls, authority, constant, name, held):
    target = start_tls().target(tls=_settings(authority, server_identity=None, server_name=name))
    if held:
        with NativeSession.open(SessionPlan(targets=(target,))) as session:
            assert session.run([constant(duration_s=0.05)]).phases[0].counts.ok == 10
    else:
        with pytest.raises(TargetError) as caught:
            NativeSession.open(SessionPlan(targets=(target,)))
        assert caught.value.code == "MP5303"


def test_large_replies_come_whole_through_tls(start_tls, authority, constant):
    target = start_tls("--response-bytes", "300000").target(tls=_settings(authority))
    with NativeSession.open(SessionPlan(targets=(target,))) as session:
        phase = session.run([constant()]).phases[0]
    assert phase.counts.ok == 100
    assert phase.counts.bytes_in > 100 * 300_000


def test_plain_text_to_a_tls_port_gets_no_reply(start_tls, constant):
    # A server answers with an alert, which is not HTTP, or closes without a word, which is counted.
    with NativeSession.open(SessionPlan(targets=(start_tls().target(),))) as session:
        try:
            phase = session.run([constant()]).phases[0]
        except TargetError as failure:
            assert failure.code == "MP5302"
        else:
            assert phase.counts.ok == 0
            assert phase.counts.errors > 0


def test_tls_to_a_plain_port_is_a_tls_error(workload, authority):
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(workload.target(tls=_settings(authority)),), connect_timeout_s=2.0))
    assert caught.value.code == "MP5303"


def test_settings_that_make_no_sense_are_refused(authority, workload):
    for changes in ({"ca_pem": "not PEM"}, {"cipher_suites": ("RC4",)}, {"minimum_version": "1.1"}):
        with pytest.raises(UsageError):
            NativeSession.open(SessionPlan(targets=(workload.target(tls=_settings(authority, **changes)),)))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_http_2_is_agreed_on_in_the_handshake(start_tls, authority, constant, version):
    workload = start_tls("--tls-min", "1.2", "--admin", "127.0.0.1:0")
    tls = _settings(authority, minimum_version=version, maximum_version=version)
    target = workload.target(tls=tls, protocol="http2", streams=8)
    with NativeSession.open(SessionPlan(targets=(target,), workers=2)) as session:
        recording = session.run([constant(rate=500.0)])
    assert recording.phases[0].counts.ok == 250
    facts = recording.connections[0]
    assert (facts.alpn, facts.tls_version, facts.max_streams) == ("h2", version, 1000)
    assert workload.counters()["http2_connections"] == facts.opened == 4


@pytest.mark.parametrize("offered", [["http/1.1"], []])
@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_a_server_that_does_not_agree_on_http_2_is_named_as_such(serve, authority, tmp_path, offered, protocol):
    certificate, key = authority.issue(uri=ECHO, dns="echo.example")
    (tmp_path / "both.pem").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    if offered:
        context.set_alpn_protocols(offered)

    def http1(connection):
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(65536)

    call = GrpcCall() if protocol == "grpc" else None
    target = serve(http1).target(tls=_settings(authority), protocol=protocol, path="/a.B/C", grpc=call)
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(target,)))
    assert caught.value.code == "MP5302"
    assert "HTTP/2" in str(caught.value)
    assert "ALPN" in str(caught.value)


def test_a_server_that_refuses_every_offer_of_alpn_is_named_as_such(start_tls, authority):
    # The workload knows h2 and http/1.1; a client that offers something else is refused with an alert.
    target = start_tls().target(tls=_settings(authority, alpn=("spdy/1",)), protocol="http2")
    with pytest.raises(TargetError) as caught:
        NativeSession.open(SessionPlan(targets=(target,)))
    assert caught.value.code == "MP5302"
    assert "ALPN" in str(caught.value)
