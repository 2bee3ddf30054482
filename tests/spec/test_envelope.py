"""SMP test files: every client, URL and field is honoured or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Problems
from meshperf.spec.experiment import read_experiment

ROOT = Path(__file__).parents[2]
SAMPLE = """\
test:
  smp_version: v0.0.1
  id:
  name: two clients
  labels: {team: blue}
  clients:
    - internal: false
      load_generator: fortio
      protocol: 1
      connections: 2
      rps: 10
      headers: {x-a: b}
      cookies: {c: d, e: f}
      body: hello
      content_type: text/plain
      endpoint_urls: ['http://127.0.0.1:1/a', 'http://127.0.0.1:2/b']
    - {protocol: PROTOCOL_HTTP, rps: 0, endpoint_urls: ['http://127.0.0.1:3/']}
  duration: 1m30s
mesh: {type: 3, version: 1.20}
"""


def read(text: str, folder: Path, name: str = "smp.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_experiment(path)


def test_all_clients_urls_and_fields_are_honoured(tmp_path: Path) -> None:
    experiment = read(SAMPLE, tmp_path)
    first, second = experiment.load
    assert [(one.load_point, one.url) for one in experiment.targets] == [
        (0, "http://127.0.0.1:1/a"),
        (0, "http://127.0.0.1:2/b"),
        (1, "http://127.0.0.1:3/"),
    ]
    assert (first.rate, first.arrivals, first.connections, first.duration_s) == (10.0, "constant", 2, 90.0)
    assert first.headers == (("x-a", "b"), ("Content-Type", "text/plain"), ("Cookie", "c=d; e=f"))
    assert (first.method, first.body) == ("POST", b"hello")
    assert (second.rate, second.arrivals, second.connections, second.method) == (None, "closed", 1, "GET")
    assert (experiment.mesh_type, experiment.mesh_version, experiment.rounds) == ("ISTIO", "1.20", 1)
    assert experiment.labels == {"team": "blue"}
    assert experiment.is_smp_test
    assert "fortio" in experiment.notes[0]
    with pytest.raises(ValueError, match="no baseline arm"):
        _ = experiment.baseline


def test_the_dialect_of_protobuf_is_read_too(tmp_path: Path) -> None:
    text = """{"test": {"smpVersion": "v1", "clients": [{"loadGenerator": "meshperf", "rps": "10",
    "contentType": "a/b", "endpointUrls": ["http://localhost/"]}], "duration": "500ms"}, "mesh": {"type": "MAESH"}}"""
    experiment = read(text, tmp_path, "smp.json")
    assert (experiment.load[0].rate, experiment.load[0].duration_s) == (10.0, 0.5)
    assert experiment.load[0].headers == (("Content-Type", "a/b"),)
    assert experiment.mesh_type == "TRAEFIK_MESH"
    assert experiment.notes == ()


def test_an_unknown_mesh_number_is_kept(tmp_path: Path) -> None:
    assert read(SAMPLE.replace("type: 3", "type: 99"), tmp_path).mesh_type == "99"


@pytest.mark.parametrize(
    ("old", "new", "code", "pointer"),
    [
        ("protocol: 1", "protocol: 4", "MP2107", "/test/clients/0/protocol"),
        ("protocol: 1", "protocol: 0", "MP2104", "/test/clients/0/protocol"),
        ("protocol: 1", "protocol: HTPP", "MP2104", "/test/clients/0/protocol"),
        ("internal: false", "internal: true", "MP2107", "/test/clients/0/internal"),
        ("body: hello", "ssl_certificate: x", "MP2107", "/test/clients/0/ssl_certificate"),
        ("body: hello", "additional_options: '{\"a\": 1}'", "MP2107", "/test/clients/0/additional_options"),
        ("body: hello", "bdy: hello", "MP2101", "/test/clients/0/bdy"),
        ("body: hello", "loadGenerator: fortio", "MP2003", "/test/clients/0/loadGenerator"),
        ("rps: 10", "rps: -1", "MP2103", "/test/clients/0/rps"),
        ("rps: 10", "rps: .nan", "MP2103", "/test/clients/0/rps"),
        ("rps: 10", "rps: many", "MP2104", "/test/clients/0/rps"),
        ("connections: 2", "connections: 1.5", "MP2104", "/test/clients/0/connections"),
        ("x-a: b", "x-a: 'b\x07'", "MP2002", ""),
        ("x-a: b", 'x-a: "b\\nc"', "MP2104", "/test/clients/0/headers/x-a"),
        ("x-a: b", "Host Name: b", "MP2104", "/test/clients/0/headers/Host Name"),
        ("x-a: b", "Cookie: a=b", "MP2107", "/test/clients/0/cookies"),
        ("http://127.0.0.1:1/a", "ftp://127.0.0.1/", "MP2104", "/test/clients/0/endpoint_urls/0"),
        ("http://127.0.0.1:1/a", "http://u:p@127.0.0.1/", "MP2104", "/test/clients/0/endpoint_urls/0"),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:99999/", "MP2104", "/test/clients/0/endpoint_urls/0"),
        ("duration: 1m30s", "duration: 5", "MP2104", "/test/duration"),
        ("duration: 1m30s", "duration:", "MP2102", "/test/duration"),
        ("type: 3", "type: ISTOI", "MP2106", "/mesh/type"),
        ("mesh: {type: 3, version: 1.20}\n", "", "MP2102", ""),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    problems: Problems, old: str, new: str, code: str, pointer: str
) -> None:
    assert old in SAMPLE
    found = problems(SAMPLE.replace(old, new))
    assert (code, pointer) in [(one.code, one.location.pointer.replace("\x07", "")) for one in found]


def test_our_example_loads_this_machine_only() -> None:
    experiment = read_experiment(ROOT / "examples" / "smp-test.yaml")
    assert [one.url for one in experiment.targets] == ["http://127.0.0.1:8080/"]
    assert experiment.mesh_type == "NO_MESH"


@pytest.mark.needs_shared
def test_the_test_file_of_the_standards_own_action_is_read(shared_data: Path) -> None:
    experiment = read_experiment(shared_data / "smp" / "profile-load-test.yaml")
    assert (experiment.name, experiment.mesh_type, len(experiment.targets)) == ("Load Test", "ISTIO", 1)
    assert (experiment.load[0].rate, experiment.load[0].connections, experiment.load[0].duration_s) == (10.0, 2, 60.0)
