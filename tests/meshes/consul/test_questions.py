"""Answers of an agent: real ones, and those of one that is not ready or not what it should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from meshperf.errors import DeploymentError
from meshperf.meshes.consul.questions import (
    agent_ready,
    leaf,
    spiffe_id,
    supported_proxies,
    trust_domain,
    write_authority,
)

RECORDED = Path(__file__).parent / "recorded"
ROOTS = "/v1/connect/ca/roots"
Serve = Callable[[Mapping[str, tuple[int, bytes]]], str]


def test_the_identity_that_a_workload_saw_is_made_of_the_agents_trust_domain(serve: Serve) -> None:
    http = serve({ROOTS: (200, (RECORDED / "roots.json").read_bytes())})
    seen = json.loads((RECORDED / "whoami.json").read_text())
    assert agent_ready(http)() is None
    assert spiffe_id(trust_domain(http), "client") == seen["identity"]


def test_the_authority_is_written_as_certificates(serve: Serve, tmp_path: Path) -> None:
    http = serve({ROOTS: (200, (RECORDED / "roots.json").read_bytes())})
    write_authority(http, tmp_path / "ca.crt")
    assert (tmp_path / "ca.crt").read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_an_agent_without_an_authority_is_not_ready(serve: Serve) -> None:
    empty = json.dumps({"ActiveRootID": "", "TrustDomain": "", "Roots": None}).encode()
    assert "authority is not there yet" in str(agent_ready(serve({ROOTS: (200, empty)}))())
    assert "authority is not there yet" in str(agent_ready(serve({ROOTS: (500, b"No cluster leader")}))())


def test_an_agent_that_is_not_there_is_not_ready() -> None:
    assert "no answer from its HTTP interface" in str(agent_ready("127.0.0.1:1")())


def test_a_certificate_that_is_refused_is_told_with_the_agents_words(serve: Serve, tmp_path: Path) -> None:
    http = serve({"/v1/agent/connect/ca/leaf/app": (500, b"Connect is not enabled")})
    with pytest.raises(DeploymentError, match="Connect is not enabled") as failed:
        leaf(http, "app", tmp_path)
    assert failed.value.code == "MP5102"


def test_a_key_is_readable_to_nobody_else(serve: Serve, tmp_path: Path) -> None:
    reply = json.dumps({"CertPEM": "certificate", "PrivateKeyPEM": "key"}).encode()
    found = leaf(serve({"/v1/agent/connect/ca/leaf/app": (200, reply)}), "app", tmp_path)
    assert found.key.stat().st_mode & 0o077 == 0
    assert (found.certificate.read_text(), found.key.read_text()) == ("certificate", "key")


def test_an_agent_names_the_proxies_that_it_was_made_for() -> None:
    about = json.loads((RECORDED / "self.json").read_text())
    assert supported_proxies(about) == ("1.35.8", "1.34.12", "1.33.14")
    assert supported_proxies({}) == ()
    assert supported_proxies({"xDS": None}) == ()
