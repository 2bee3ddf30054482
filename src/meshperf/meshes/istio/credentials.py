"""The certificates that Istio is given: an authority that istiod signs with, and one per agent to begin with.

An agent shows the certificate that it was provided with once, as on a virtual machine, and gets its working
certificate from istiod; the sidecar never sees the provided one. The authority is our own so that claims can be tried:
another identity of the mesh, and one of an authority that the mesh does not know, are made here too.
"""

from __future__ import annotations

import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.asking import mutual_tls
from meshperf.meshes.identities import Authority
from meshperf.meshes.istio.layout import Layout
from meshperf.spec.graph import CLIENT

__all__ = ["Credentials"]

_STRANGER = "stranger"
"""Another workload of the mesh, which calls nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Files and contexts of one resident."""

    signing: Path
    """Folder that istiod reads the authority from."""
    provided: Path
    """Folder with one folder per workload."""
    stranger: ssl.SSLContext
    """Another identity of the mesh."""
    foreigner: ssl.SSLContext
    """The client's identity, vouched for by an authority that the mesh does not know."""
    nobody: ssl.SSLContext
    """No certificate at all."""

    @classmethod
    def make(cls, folder: Path, layout: Layout) -> Credentials:
        """Make everything, in a folder that only meshperf's own user may enter."""
        authority = Authority(folder / "authority")
        foreign = Authority(folder / "foreign")
        signing = folder / "signing"
        signing.mkdir(mode=0o700)
        for name in ("ca-cert.pem", "root-cert.pem", "cert-chain.pem"):
            shutil.copyfile(authority.certificate, signing / name)
        authority.hand_over(signing / "ca-key.pem")
        provided = folder / "provided"
        for workload in layout.workloads:
            identity = authority.issue(workload, path=layout.identity_path(workload))
            place = provided / workload
            place.mkdir(mode=0o700, parents=True)
            shutil.copyfile(authority.certificate, place / "root-cert.pem")
            identity.certificate.rename(place / "cert-chain.pem")
            identity.key.rename(place / "key.pem")
        stranger = authority.issue(_STRANGER, path=layout.identity_path(_STRANGER))
        foreigner = foreign.issue(CLIENT, path=layout.identity_path(CLIENT))
        return cls(
            signing=signing,
            provided=provided,
            stranger=mutual_tls(authority.certificate, stranger.certificate, stranger.key),
            foreigner=mutual_tls(authority.certificate, foreigner.certificate, foreigner.key),
            nobody=mutual_tls(authority.certificate, None, None),
        )
