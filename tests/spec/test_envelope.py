"""SMP test files: every client, URL and field is honoured or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problem_reading import Problems

from meshperf.errors import DocumentError
from meshperf.spec.envelope import TEST_KEYS
from meshperf.spec.envelope_client import CLIENT_KEYS
from meshperf.spec.experiment import read_experiment
from meshperf.spec.experiment_load import ClientTls, GrpcRequest, Stage
from meshperf.spec.experiment_reading import experiment_from_document
from meshperf.spec.reader import parse_document

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
        ("protocol: 1", "protocol: 4", "MP2107", "/test/clients/0/body"),
        ("protocol: 1", "protocol: 0", "MP2104", "/test/clients/0/protocol"),
        ("protocol: 1", "protocol: HTPP", "MP2104", "/test/clients/0/protocol"),
        ("internal: false", "internal: true", "MP2107", "/test/clients/0/internal"),
        ("body: hello", "ssl_certificate: gone.pem", "MP2001", "/test/clients/0/ssl_certificate"),
        ("body: hello", "additional_options: '{\"a\": 1}'", "MP2107", "/test/clients/0/additional_options"),
        ("load_generator: fortio", "additional_options: '{\"thinkk\": \"5ms\"}'",
         "MP2101", "/test/clients/0/additional_options"),
        ("load_generator: fortio", "additional_options: '{\"think\": 5}'",
         "MP2104", "/test/clients/0/additional_options"),
        ("load_generator: fortio", "additional_options: '{'", "MP2002", "/test/clients/0/additional_options"),
        ("load_generator: fortio", "additional_options: '{\"think\": \"5ms\"}'",
         "MP2107", "/test/clients/0/additional_options"),
        ("body: hello", "body: hello\n      body_base64: YQ==", "MP2107", "/test/clients/0/body_base64"),
        ("body: hello", "body_base64: '*'", "MP2104", "/test/clients/0/body_base64"),
        ("body: hello", "method: FETCH", "MP2104", "/test/clients/0/method"),
        ("body: hello", "http_version: 3", "MP2107", "/test/clients/0/http_version"),
        ("body: hello", "http_version: 9", "MP2104", "/test/clients/0/http_version"),
        ("body: hello", "max_streams: 2", "MP2107", "/test/clients/0/max_streams"),
        ("body: hello", "max_in_flight: 2", "MP2107", "/test/clients/0/max_in_flight"),
        ("body: hello", "keepalive: 'no'", "MP2104", "/test/clients/0/keepalive"),
        ("body: hello", "connection_reuse: OLDEST", "MP2104", "/test/clients/0/connection_reuse"),
        ("body: hello", "{keepalive: false, requests_per_connection: 5}"[1:-1].replace(", ", "\n      "),
         "MP2107", "/test/clients/0/requests_per_connection"),
        ("body: hello", "header_list: [{name: Transfer-Encoding, value: chunked}]",
         "MP2107", "/test/clients/0/header_list/0"),
        ("body: hello", "tls: {verify: true}", "MP2107", "/test/clients/0/tls"),
        ("body: hello", "tls: {ca_pem: x, minimum: 1}", "MP2101", "/test/clients/0/tls/minimum"),
        ("body: hello", "grpc: {service: a.B, method: C}", "MP2107", "/test/clients/0/grpc"),
        ("body: hello", "l4: {payload_bytes: 64}", "MP2107", "/test/clients/0/l4"),
        ("body: hello", "l4: {echo: true, response_bytes: 5}", "MP2107", "/test/clients/0/l4/response_bytes"),
        ("body: hello", "targets: [{url: 'http://127.0.0.1:1/a', weight: 0}]",
         "MP2103", "/test/clients/0/targets/0/weight"),
        ("body: hello", "targets: [{url: 'http://127.0.0.1:9/'}]", "MP2107", "/test/clients/0/endpoint_urls"),
        ("body: hello", "placement: {node: a}", "MP2107", "/test/clients/0/placement/node"),
        ("body: hello", "rate_scope: MINE", "MP2104", "/test/clients/0/rate_scope"),
        ("body: hello", "workers: 0", "MP2103", "/test/clients/0/workers"),
        ("http://127.0.0.1:1/a", "tcp://127.0.0.1:1", "MP2107", "/test/clients/0/endpoint_urls"),
        ("duration: 1m30s", "duration: 9s\n  arrival: CLOSED", "MP2107", "/test/clients/0/rps"),
        ("duration: 1m30s", "duration: 9s\n  arrival: OPEN_TRACE", "MP2102", "/test/clients/0"),
        ("duration: 1m30s", "duration: 9s\n  kind: LOAD\n  arrival: CLOSED", "MP2107", "/test/arrival"),
        ("duration: 1m30s", "duration: 9s\n  kind: LODA", "MP2104", "/test/kind"),
        ("duration: 1m30s", "duration: 9s\n  stages: [{duration_s: 5}]", "MP2102", "/test/stages/0"),
        ("duration: 1m30s", "duration: 9s\n  stages: [{duration_s: 5, rate_start: 9}]", "MP2107", "/test/duration"),
        ("duration: 1m30s", "stages: [{duration_s: 5, rate_start: 9, shape: SINE}]", "MP2107", "/test/stages/0/shape"),
        ("duration: 1m30s", "stages: [{duration_s: 5, rate_start: 9, rate_end: 5, shape: STEP}]",
         "MP2107", "/test/stages/0/rate_end"),
        ("duration: 1m30s", "stages: [{duration_s: 5, rate_start: 9}]", "MP2107", "/test/clients/0/rps"),
        ("duration: 1m30s", "duration: 9s\n  objectives: [p42 < 5ms]", "MP2108", "/test/objectives/0"),
        ("duration: 1m30s", "duration: 9s\n  objectives: [memory < 5MB]", "MP2107", "/test/objectives/0"),
        ("duration: 1m30s", "duration: 9s\n  stop_when: [p99 > 5s]", "MP2107", "/test/stop_when"),
        ("duration: 1m30s", "duration: 9s\n  repetitions: 0", "MP2103", "/test/repetitions"),
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
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(
    problems: Problems, old: str, new: str, code: str, pointer: str
) -> None:
    assert old in SAMPLE
    found = problems(SAMPLE.replace(old, new))
    assert (code, pointer) in [(one.code, one.location.pointer.replace("\x07", "")) for one in found]


FULL = """\
test:
  name: everything
  arrival: OPEN_POISSON
  warmup_s: 2
  cooldown_s: 3
  repetitions: 2
  order: RANDOM
  seed: 7
  objectives: [p99 <= 50ms, {metric: latency, statistic: p50, op: LT, threshold: 5, unit: ms}]
  duration: 10s
  clients:
    - protocol: HTTP
      http_version: 1.0
      connections: 4
      rps: 100
      rate_scope: PER_WORKER
      workers: 2
      method: PUT
      body_base64: AP8=
      header_list: [{name: x-a, value: "1"}, {name: x-a, value: "2"}]
      timeout_s: 0.5
      requests_per_connection: 50
      connection_reuse: MRU
      follow_redirects: true
      placement: {cpus: [0]}
      tls: {verify: false, sni: shop.example, min_version: 1.3, alpn: http/1.1, session_resumption: true,
            client_cert_ref: cert.pem, client_key_ref: key.pem}
      additional_options: '{"quantum": "1ms", "max_connections": 8, "connection_age": "30s", "receive_clock": "user",
        "wait": "sleep"}'
      targets: [{url: "https://127.0.0.1:1/a", weight: 3}, {url: "https://127.0.0.1:2/b"}]
    - protocol: 4
      rps: 10
      max_streams: 8
      grpc: {service: shop.Cart, method: Add, mode: UNARY, messages: [{n: 1}], metadata: {x-user: me},
             proto: shop.proto}
      endpoint_urls: ["grpcs://127.0.0.1:3"]
      ssl_certificate: cert.pem
    - protocol: UDP
      rps: 10
      l4: {payload_bytes: 32, echo: false}
      endpoint_urls: ["udp://127.0.0.1:4"]
mesh: {type: NO_MESH}
"""


def test_every_field_of_ours_is_honoured(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem", "shop.proto"):
        (tmp_path / name).write_text("")
    experiment = read(FULL, tmp_path)
    web, called, datagrams = experiment.load
    assert (experiment.rounds, experiment.order, experiment.seed) == (2, "random", 7)
    assert [one.text for one in experiment.objectives] == ["p99 <= 50ms", "p50 < 5ms"]
    assert (web.arrivals, web.warmup_s, web.cooldown_s, web.duration_s) == ("poisson", 2, 3, 10)
    assert (web.protocol, web.connections, web.rate, web.workers, web.cpus) == ("http1.0", 4, 200, 2, (0,))
    assert (web.method, web.body, web.headers) == ("PUT", b"\x00\xff", (("x-a", "1"), ("x-a", "2")))
    assert (web.timeout_s, web.requests_per_connection, web.selection, web.follow_redirects) == (0.5, 50, "lifo", True)
    assert (web.quantum_s, web.max_connections, web.connection_age_s) == (1e-3, 8, 30)
    assert (web.receive_clock, web.wait) == ("user", "sleep")
    assert web.tls == ClientTls(
        verify=False,
        server_name="shop.example",
        minimum_version="1.3",
        alpn=("http/1.1",),
        resumption=True,
        certificate=tmp_path / "cert.pem",
        key=tmp_path / "key.pem",
    )
    mixed = experiment.targets[0]
    assert (mixed.url, mixed.weight, mixed.mix) == ("https://127.0.0.1:1/a", 3, (("https://127.0.0.1:2/b", 1),))
    assert (called.protocol, called.streams, called.headers) == ("grpc", 8, (("x-user", "me"),))
    assert called.grpc == GrpcRequest(
        call="shop.Cart/Add", messages=('{"n": 1}',), proto=tmp_path / "shop.proto", mode="unary"
    )
    assert called.tls == ClientTls(ca=tmp_path / "cert.pem")
    assert (datagrams.protocol, len(datagrams.body), datagrams.reply_bytes) == ("udp", 32, 0)


def test_stages_make_the_counted_time(tmp_path: Path) -> None:
    stages = "stages: [{duration_s: 5, rate_start: 10, rate_end: 50, shape: LINEAR}, {duration_s: 2, rate_start: 50}]"
    experiment = read(SAMPLE.replace("duration: 1m30s", stages).replace("rps: 10\n", "rps: 0\n"), tmp_path)
    point = experiment.load[0]
    assert (point.rate, point.arrivals, point.duration_s) == (None, "constant", 7)
    assert point.stages == (Stage(duration_s=5, rate=10, rate_end=50), Stage(duration_s=2, rate=50))


def test_a_kind_of_test_is_named_by_word_or_number(tmp_path: Path) -> None:
    options = """load_generator: meshperf
      additional_options: '{"kind": {"peak_rate": 500}}'"""
    text = SAMPLE.replace("duration: 1m30s", "duration: 9s\n  kind: 6").replace("load_generator: fortio", options)
    point = read(text.replace("rps: 0", "rps: 5"), tmp_path).load[0]
    assert (point.kind, point.kind_options) == ("spike", {"peak_rate": 500})
    assert read(SAMPLE.replace("duration: 1m30s", "duration: 9s\n  kind: SMOKE"), tmp_path).load[0].kind is None


_WORDS = st.sampled_from(
    [
        "HTTP",
        "GRPC",
        "UDP",
        "5s",
        "5",
        "http://127.0.0.1:1/",
        "udp://127.0.0.1:1",
        "LOAD",
        "CLOSED",
        "{}",
        "a/b",
        "p99 < 5s",
    ]
)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
_NESTED = {
    "tls": ["verify", "ca_pem", "min_version", "alpn", "sni"],
    "grpc": ["service", "method", "mode", "messages", "metadata"],
    "l4": ["payload_bytes", "echo", "response_bytes"],
    "placement": ["cpus", "node"],
}


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(st.data())
def test_any_data_in_place_of_any_value_is_a_test_or_a_document_error(data: st.DataObject) -> None:
    client = {"endpoint_urls": ["http://127.0.0.1:1/"], "rps": 5}
    test = {"duration": "5s", "clients": [client]}
    for key in data.draw(st.sets(st.sampled_from(CLIENT_KEYS), max_size=4)):
        inner = _NESTED.get(key)
        client[key] = (
            {name: data.draw(_PLAIN) for name in data.draw(st.sets(st.sampled_from(inner)))}
            if inner and data.draw(st.booleans())
            else data.draw(_PLAIN)
        )
    for key in data.draw(st.sets(st.sampled_from([one for one in TEST_KEYS if one != "clients"]), max_size=3)):
        test[key] = data.draw(_PLAIN)
    if data.draw(st.booleans()):
        test["stages"] = [
            {"duration_s": data.draw(_PLAIN), "rate_start": data.draw(_PLAIN), "shape": data.draw(_PLAIN)}
        ]
    document = parse_document(b"test: x\n")
    document.data.update({"test": test, "mesh": {"type": "NO_MESH"}})
    try:
        experiment_from_document(document)
    except DocumentError as error:
        assert error.code.startswith("MP2")


def test_our_example_loads_this_machine_only() -> None:
    experiment = read_experiment(ROOT / "examples" / "smp-test.yaml")
    assert [one.url for one in experiment.targets] == ["http://127.0.0.1:8080/"]
    assert experiment.mesh_type == "NO_MESH"


@pytest.mark.needs_shared
def test_the_test_file_of_the_standards_own_action_is_read(shared_data: Path) -> None:
    experiment = read_experiment(shared_data / "smp" / "profile-load-test.yaml")
    assert (experiment.name, experiment.mesh_type, len(experiment.targets)) == ("Load Test", "ISTIO", 1)
    assert (experiment.load[0].rate, experiment.load[0].connections, experiment.load[0].duration_s) == (10.0, 2, 60.0)
