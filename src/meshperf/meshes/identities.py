"""Throw-away identities of one experiment: a certificate authority and SPIFFE-style leaf certificates.

Both the sidecars of a mesh and the client-library arm get theirs from here, so that key type and chain length are the
same in every arm. Files lie in the site's scratch folder (mode 0700, removed with it) and are never written to a
document. Import this module only where an arm needs certificates: its library is an extra.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import PrerequisiteError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ModuleNotFoundError as missing:
    raise PrerequisiteError(
        "MP3004", f"certificates need the package `{missing.name}`", hint="pip install 'meshperf[lab]'"
    ) from missing

__all__ = ["KEY_TYPE", "TRUST_DOMAIN", "Authority", "Identity"]

TRUST_DOMAIN = "meshperf.lab"
KEY_TYPE = "ECDSA P-256"
_VALID = dt.timedelta(days=1)
_SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One certificate with its key. `uri` is the SPIFFE id that peers pin."""

    name: str
    uri: str
    certificate: Path
    key: Path


class Authority:
    """A certificate authority that exists as long as its folder.

    Its own key touches the disk only where a mesh's control plane is to sign with it (`hand_over`).
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name("meshperf lab authority")
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, SHA256())
        )
        _write_private(self.certificate, certificate.public_bytes(Encoding.PEM))

    def hand_over(self, key: Path) -> None:
        """Write the authority's own key, for a control plane that signs in its place."""
        _write_private(key, self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def issue(self, name: str, *, path: str | None = None) -> Identity:
        """A leaf for `spiffe://meshperf.lab/<path>`, good as client and as server.

        Args:
            name: of the files, and in its DNS name.
            path: of the SPIFFE id, where a mesh forms it otherwise; None: the name.
        """
        uri = f"spiffe://{TRUST_DOMAIN}/{path or name}"
        key = ec.generate_private_key(ec.SECP256R1())
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        names = x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier(uri), x509.DNSName(f"{name}.{TRUST_DOMAIN}")]
        )
        certificate = (
            self._builder(_common_name(name), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(usages, critical=False)
            .add_extension(names, critical=False)
            .sign(self._key, SHA256())
        )
        identity = Identity(
            name=name, uri=uri, certificate=self.folder / f"{name}.crt", key=self.folder / f"{name}.key"
        )
        _write_private(identity.certificate, certificate.public_bytes(Encoding.PEM))
        _write_private(identity.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return identity

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _VALID)
        )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
