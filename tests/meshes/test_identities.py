"""Identities of one experiment."""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography import x509

from meshperf.meshes.identities import Authority


def test_a_leaf_carries_its_spiffe_id_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    identity = authority.issue("client")
    leaf = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    ca = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [identity.uri]
    leaf.verify_directly_issued_by(ca)


def test_keys_are_private_and_the_authoritys_own_is_never_written(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    identity = authority.issue("server")
    assert stat.S_IMODE(identity.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "certificates").stat().st_mode) == 0o700
    assert {path.name for path in (tmp_path / "certificates").iterdir()} == {"ca.crt", "server.crt", "server.key"}
