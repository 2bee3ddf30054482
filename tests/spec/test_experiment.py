"""Experiment files: what they mean, and that each wrong one is told by code, place and hint."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from problem_reading import Problems

from meshperf.errors import DocumentError
from meshperf.spec.experiment import DEFAULT_MARGINS, is_loopback, read_experiment
from meshperf.spec.experiment_load import GrpcRequest
from meshperf.spec.experiment_load_model import LoadPointModel
from meshperf.spec.experiment_reading import experiment_from_document
from meshperf.spec.reader import parse_document
from meshperf.spec.resolution import MOST_PLANNED_ROUNDS
from meshperf.units import Unit

ROOT = Path(__file__).parents[2]


def test_the_quickstart_says_what_the_design_says() -> None:
    experiment = read_experiment(ROOT / "examples" / "quickstart.yaml")
    (point,) = experiment.load
    assert list(experiment.arms) == ["baseline", "client-library", "envoy"]
    assert experiment.baseline == "baseline"
    assert (point.rate, point.connections, point.arrivals, point.warmup_s, point.duration_s) == (
        500.0, 16, "poisson", 1.0, 5.0,
    )  # fmt: skip
    library = experiment.arms["client-library"].client_library
    assert library is not None
    assert library.mtls
    assert experiment.arms["envoy"].mtls == "strict"
    assert experiment.aa == ("baseline", "envoy")
    assert [(one.metric, one.op, one.threshold, one.unit) for one in experiment.objectives] == [
        ("p90", "<=", 0.05, Unit.SECONDS),
        ("errors", "<=", 0.001, Unit.RATIO),
    ]
    assert experiment.margins == {**DEFAULT_MARGINS, "p50": 0.05, "p90": 0.1, "cpu_per_request": 0.05}
    assert (experiment.rounds, experiment.seed, experiment.design, experiment.slice_s) == (6, 1, "interleaved", None)
    assert not experiment.is_smp_test


def test_every_key_reaches_the_record(tmp_path: Path) -> None:
    for name in ("c.yaml", "s.yaml"):
        (tmp_path / name).write_text("static_resources: {}\n")
    path = tmp_path / "all.yaml"
    path.write_text(
        """\
experiment: all
subject: [mesh_config:mtls, load]
cpus: {generator: [0], measured: [1, 2]}
workload: {response_bytes: 16KiB, service_time: "lognormal:300us:0.5", busy: true, status: {503: 1%, 404: 0.02},
           stall: {stop: 200ms, every: 1s}}
load:
  - {rate: 1.5, duration: 1m, arrivals: constant, timeout: 250ms, warmup: 0s, method: POST, path: "/a?b=c",
     headers: {x-a: [1, b], Host: h}, body: "é"}
  - {arrivals: closed, connections: 4, duration: 500ms}
slice: 100ms
rounds: 2
seed: 7
arms:
  a: {mesh: none}
  b: {mesh: envoy, mode: tcp, access_log: true, proxy_concurrency: 2, envoy: bin/envoy, client_bootstrap: c.yaml,
      server_bootstrap: s.yaml}
  c: {mesh: envoy, proxies: server}
allow_targets: [example.test]
""",
        encoding="utf-8",
    )
    experiment = read_experiment(path)
    first, second = experiment.load
    assert experiment.cpus == {"generator": (0,), "measured": (1, 2)}
    assert experiment.workload.response_bytes == 16_384
    assert experiment.workload.status == {503: 0.01, 404: 0.02}
    assert experiment.workload.stall == (0.2, 1.0)
    assert first.headers == (("x-a", "1"), ("x-a", "b"), ("Host", "h"))
    assert (first.body, first.method, first.path, first.timeout_s) == ("é".encode(), "POST", "/a?b=c", 0.25)
    assert (second.rate, second.arrivals, second.duration_s) == (None, "closed", 0.5)
    arm = experiment.arms["b"]
    assert arm.envoy_path == tmp_path / "bin/envoy"
    assert [one.proxies for one in experiment.arms.values()] == ["both", "both", "server"]
    assert (arm.client_bootstrap, arm.server_bootstrap) == (tmp_path / "c.yaml", tmp_path / "s.yaml")
    assert (experiment.slice_s, experiment.allow_targets) == (0.1, ("example.test",))
    assert len(experiment.digest) == 64


LOAD = "  - {rate: 500, duration: 5s}"
CASES = [
    # replaced, by, code, pointer, words in message or hint
    (LOAD, "  - {rate: 0, duration: 5s}", "MP2103", "/load/0/rate", "arrivals: closed"),
    (LOAD, "  - {rate: -1, duration: 5s}", "MP2103", "/load/0/rate", "greater than 0"),
    (LOAD, "  - {rate: .nan, duration: 5s}", "MP2103", "/load/0/rate", "nan"),
    (LOAD, "  - {rate: .inf, duration: 5s}", "MP2103", "/load/0/rate", "inf"),
    (LOAD, "  - {rate: '500', duration: 5s}", "MP2104", "/load/0/rate", "number"),
    (LOAD, "  - {duration: 5s}", "MP2102", "/load/0", "arrivals: closed"),
    (LOAD, "  - {rate: 5, duration: 5s, arrivals: closed}", "MP2107", "/load/0/rate", "leave `rate` out"),
    (LOAD, "  - {rate: 5, duration: 5s, arrivals: trace}", "MP2107", "/load/0/rate", "the times of all requests"),
    (LOAD, "  - {duration: 5s, arrivals: trace}", "MP2102", "/load/0", "`trace` is missing"),
    (LOAD, "  - {duration: 5s, arrivals: trace, trace: [1, 0.5]}", "MP2103", "/load/0/trace", "earlier"),
    (LOAD, "  - {duration: 5s, arrivals: trace, trace: gone}", "MP2001", "/load/0/trace", "no file gone"),
    (LOAD, "  - {duration: 5s, arrivals: trace, trace: [1]}", "MP2107", "/load/0/trace", "design: continuous"),
    (LOAD, "  - {rate: 5, rate_end: 9, duration: 5s}", "MP2107", "/load/0/rate_end", "design: continuous"),
    (LOAD, "  - {rate: 5, duration: 5s, streams: 2}", "MP2107", "/load/0/streams", "one request at a time"),
    (LOAD, "  - {rate: 5, duration: 5s, in_flight: 2}", "MP2107", "/load/0/in_flight", "`arrivals: closed`"),
    (LOAD, "  - {arrivals: closed, duration: 5s, in_flight: 2}", "MP2107", "/load/0/in_flight", "carry 1"),
    (LOAD, "  - {arrivals: closed, duration: 5s, quantum: 1ms}", "MP2107", "/load/0/quantum", "closed loop"),
    (LOAD, "  - {rate: 5, duration: 5s, connections: 4, max_connections: 2}",
     "MP2107", "/load/0/max_connections", "fewer than the 4"),
    (LOAD, "  - {rate: 5, duration: 5s, pooling: pinned, selection: lifo}", "MP2107", "/load/0/selection", "pinned"),
    (LOAD, "  - {rate: 5, duration: 5s, pooling: pind}", "MP2104", "/load/0/pooling", "did you mean `pinned`"),
    (LOAD, "  - {rate: 5, duration: 5s, message_bytes: 16}", "MP2107", "/load/0/message_bytes", "tcp and udp"),
    (LOAD, "  - {rate: 5, duration: 5s, method: POST, body: a, body_base64: YQ==}",
     "MP2107", "/load/0/body_base64", "keep one"),
    (LOAD, "  - {rate: 5, duration: 5s, method: POST, body_base64: '*'}", "MP2104", "/load/0/body_base64", "base64"),
    (LOAD, "  - {rate: 5, duration: 5s, grpc: {call: a.B/C}}", "MP2107", "/load/0/grpc", "protocol: grpc"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: grpc, grpc: {call: nothing}}",
     "MP2104", "/load/0/grpc/call", "package.Service/Method"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: grpc, grpc: {cal: a.B/C}}", "MP2101", "/load/0/grpc/cal", "`call`"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: grpc, path: /x}", "MP2107", "/load/0/path", "grpc"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: udp, message_bytes: 8}",
     "MP2107", "/load/0/message_bytes", "16 to 65507"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: tcp, method: PUT}", "MP2107", "/load/0/method", "tcp"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: tcp}", "MP2107", "/load/0/protocol", "meshperf load tcp://"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: http1.0}", "MP2107", "/load/0/protocol", "arm `envoy` parse HTTP"),
    (LOAD, "  - {rate: 5, duration: 5s, protocol: http3}", "MP2107", "/load/0/protocol", "not available yet"),
    (LOAD, "  - {rate: 5, duration: 5s, arrivals: poison}", "MP2104", "/load/0/arrivals", "poisson"),
    (LOAD, "  - {rate: 5, duration: '5'}", "MP2104", "/load/0/duration", "`5s`"),
    (LOAD, "  - {rate: 5, duration: 5}", "MP2104", "/load/0/duration", "`5s`"),
    (LOAD, "  - {rate: 5, duration: -5s}", "MP2104", "/load/0/duration", "not a duration"),
    (LOAD, "  - {rate: 5, duration: 0s}", "MP2103", "/load/0/duration", "from 10ms"),
    (LOAD, "  - {rate: 5}", "MP2102", "/load/0/duration", "missing"),
    (LOAD, "  - {rate: 5, duration: 5s, conections: 2}", "MP2101", "/load/0/conections", "`connections`"),
    (LOAD, "  - {rate: 5, duration: 5s, connections: 0}", "MP2103", "/load/0/connections", "from 1"),
    (LOAD, "  - {rate: 5, duration: 5s, connections: true}", "MP2104", "/load/0/connections", "whole number"),
    (LOAD, "  - {rate: 5, duration: 5s, generator: wrk2}", "MP2107", "/load/0/generator", "design: continuous"),
    (LOAD, "  - {rate: 5, duration: 5s, body: x}", "MP2107", "/load/0/body", "method: POST"),
    (LOAD, "  - {rate: 5, duration: 5s, path: x}", "MP2104", "/load/0/path", "begin with /"),
    (LOAD, '  - {rate: 5, duration: 5s, headers: {a: "b\\r\\nc: d"}}', "MP2104", "/load/0/headers", "one line"),
    (LOAD, "  - {rate: 5, duration: 5s, headers: {Content-Length: 5}}", "MP2107", "/load/0/headers", "leave it out"),
    ("load:\n" + LOAD, "load: []", "MP2103", "/load", "at least 1"),
    ("load:\n" + LOAD, "load: {rate: 5}", "MP2104", "/load", "a list"),
    ("mesh: envoy", "mesh: envoi", "MP2106", "/arms/envoy/mesh", "none, envoy"),
    ("mesh: envoy", "mesh: envoi", "MP2106", "/arms/envoy/mesh", "did you mean `envoy`"),
    ("mtls: strict", "mtls: true", "MP2104", "/arms/envoy/mtls", "strict"),
    ("mtls: strict", "client_library: {mtls: true}", "MP2107", "/arms/envoy/client_library", "two arms"),
    ("mtls: strict", "client_bootstrap: gone.yaml", "MP2001", "/arms/envoy/client_bootstrap", "no file"),
    ("mtls: strict", "proxy_concurrency: 0", "MP2103", "/arms/envoy/proxy_concurrency", "from 1"),
    ("baseline: {mesh: none}", "baseline: {mesh: none, mtls: strict}", "MP2107", "/arms/baseline/mtls", "mutual"),
    ("baseline: {mesh: none}", "baseline: {mesh: none, mode: tcp}", "MP2107", "/arms/baseline/mode", "proxy"),
    ("baseline: {mesh: none}", "baseline: {mesh: none, proxies: client}", "MP2107", "/arms/baseline/proxies", "proxy"),
    ("mtls: strict", "proxies: none", "MP2104", "/arms/envoy/proxies", "both"),
    ("baseline: {mesh: none}", "b: {mesh: none, client_library: {mtls: true}}", "MP2102", "/arms", "baseline"),
    ("baseline: {mesh: none}", "a: {mesh: none}\n  b: {mesh: none}", "MP2107", "/arms/b", "aa: [a]"),
    ("baseline: {mesh: none}", "'a#2': {mesh: none}", "MP2104", "/arms/a#2", "name"),
    ("baseline: {mesh: none}", "baseline:", "MP2104", "/arms/baseline", "mapping"),
    ("subject: mesh", "subject: mesg", "MP2104", "/subject", "did you mean `mesh`"),
    ("subject: mesh", "subject: mesh_config", "MP2104", "/subject", "mesh_config:<path>"),
    ("subject: mesh", "subject: mesh\naa: [envoi]", "MP2105", "/aa/0", "did you mean `envoy`"),
    ("subject: mesh", "subject: mesh\naa: [envoy, envoy]", "MP2107", "/aa/1", "twice"),
    ("subject: mesh", "subject: mesh\nrounds: 0", "MP2103", "/rounds", "from 1"),
    ("subject: mesh", "subject: mesh\nrounds: 2.5", "MP2104", "/rounds", "whole number"),
    ("subject: mesh", "subject: mesh\nslice: 2s", "MP2103", "/slice", "50ms to 1s"),
    ("subject: mesh", "subject: mesh\nslice: 100ms\ndesign: continuous", "MP2107", "/slice", "interleaved"),
    ("subject: mesh", "subject: mesh\ndesign: random", "MP2104", "/design", "interleaved, continuous"),
    ("subject: mesh", "subject: mesh\nenvironment: kubernetes", "MP2107", "/environment", "not available yet"),
    ("subject: mesh", "subject: mesh\nobjectives: [p90 50ms]", "MP2108", "/objectives/0", "p90 <= 50ms"),
    ("subject: mesh", "subject: mesh\nobjectives: [p42 < 50ms]", "MP2108", "/objectives/0", "unknown metric"),
    ("subject: mesh", "subject: mesh\nobjectives: [p90 < 5]", "MP2108", "/objectives/0", "unit"),
    ("subject: mesh", "subject: mesh\nobjectives: [errors < 5]", "MP2108", "/objectives/0", "100%"),
    ("subject: mesh", "subject: mesh\nmargins: {p50: 5}", "MP2108", "/margins/p50", "`5%`"),
    ("subject: mesh", "subject: mesh\nmargins: {p50: .nan}", "MP2108", "/margins/p50", "nan"),
    ("subject: mesh", "subject: mesh\nmargins: {p51: 5%}", "MP2108", "/margins/p51", "did you mean `p50`"),
    ("subject: mesh", "subject: mesh\nresolution: {p51: 5%}", "MP2108", "/resolution/p51", "did you mean `p50`"),
    ("subject: mesh", "subject: mesh\nresolution: {p50: 5%}\nrounds: 2", "MP2107", "/rounds", "fewer than 3"),
    ("subject: mesh", "subject: mesh\nresolution: {p99: 5%}", "MP2107", "/load/0/duration", "duration: 6s"),
    ("subject: mesh", "subject: mesh\nresolution: {p50: 0}", "MP2108", "/resolution/p50", "above 0"),
    ("subject: mesh", "subject: mesh\nresolution: {p50: 100%}", "MP2108", "/resolution/p50", "below 1"),
    ("subject: mesh", "subject: mesh\nabsolute_floors: {p50: 20}", "MP2108", "/absolute_floors/p50", "with its unit"),
    ("subject: mesh", "subject: mesh\nabsolute_floors: {p50: 0us}", "MP2108", "/absolute_floors/p50", "above 0"),
    ("subject: mesh", "subject: mesh\nabsolute_floors: {p50: 5%}", "MP2108", "/absolute_floors/p50", "20us"),
    ("subject: mesh", "subject: mesh\nabsolute_floors: {memory: '5'}", "MP2108", "/absolute_floors/memory", "5B"),
    ("subject: mesh", "subject: mesh\nabsolute_floors: {p51: 1us}", "MP2101", "/absolute_floors/p51", "`p50`"),
    ("subject: mesh", "subject: mesh\ncpus: {generator: [0]}", "MP2102", "/cpus/measured", "missing"),
    ("subject: mesh", "subject: mesh\ncpus: {generator: [0, 0], measured: [1]}", "MP2107", "/cpus/generator", "twice"),
    ("subject: mesh", "subject: mesh\nallow_targets: ['http://a']", "MP2104", "/allow_targets/0", "scheme"),
    ("subject: mesh", "subject: mesh\nworkload: {busy: true}", "MP2107", "/workload/busy", "service_time"),
    ("subject: mesh", "subject: mesh\nworkload: {status: {503: 60%, 404: 60%}}", "MP2107", "/workload/status", "1.2"),
    ("subject: mesh", "subject: mesh\nworkload: {stall: {stop: 1s, every: 1s}}",
     "MP2107", "/workload/stall/stop", "never answers"),
    ("subject: mesh", "subject: mesh\nworkload: {service_time: 300}", "MP2104", "/workload/service_time", "300us"),
    ("subject: mesh", "subject: mesh\nworkload: {response_bytes: -1}", "MP2103", "/workload/response_bytes", "64MiB"),
    ("subject: mesh\n", "", "MP2102", "/subject", "missing"),
    ("experiment: sample", "experiment: ''", "MP2103", "/experiment", "empty"),
]  # fmt: skip


def test_absolute_floors_are_read_in_the_units_of_their_metrics(tmp_path: Path, good: str) -> None:
    path = tmp_path / "floors.yaml"
    path.write_text(f"{good}\nabsolute_floors: {{p50: 20us, cpu_per_request: 1us, memory: 1MiB}}\n")
    floors = read_experiment(path).absolute_floors
    assert floors == pytest.approx({"p50": 20e-6, "cpu_per_request": 1e-6, "memory": 2.0**20})
    path.write_text(good)
    assert read_experiment(path).absolute_floors == {}


def test_a_resolution_makes_rounds_the_most_that_are_made(tmp_path: Path, good: str) -> None:
    path = tmp_path / "resolution.yaml"
    path.write_text(f"{good}\nresolution: {{p50: 5%, cpu_per_request: 0.02}}\n")
    asked = read_experiment(path)
    assert asked.resolution == {"p50": 0.05, "cpu_per_request": 0.02}
    assert asked.rounds == MOST_PLANNED_ROUNDS
    path.write_text(f"{good}\nresolution: {{p50: 5%}}\nrounds: 9\n")
    assert read_experiment(path).rounds == 9
    path.write_text(good)
    assert (read_experiment(path).resolution, read_experiment(path).rounds) == ({}, 6)


def test_a_resolution_needs_a_candidate(problems: Problems) -> None:
    alone = "experiment: x\nsubject: time\nload: [{rate: 5, duration: 5s}]\narms: {a: {mesh: none}}\naa: [a]\n"
    (found,) = problems(f"{alone}resolution: {{p50: 5%}}\n")
    assert (found.code, found.location.pointer) == ("MP2107", "/resolution")
    assert "doctor --aa" in str(found.hint)


@pytest.mark.parametrize(("old", "new", "code", "pointer", "words"), CASES)
def test_a_wrong_file_is_told_by_code_place_and_hint(
    problems: Problems, good: str, old: str, new: str, code: str, pointer: str, words: str
) -> None:
    assert old in good
    found = [one for one in problems(good.replace(old, new)) if one.code == code and one.location.pointer == pointer]
    assert found, "no such problem"
    assert any(words in f"{one.message} {one.hint}" for one in found)
    assert all(one.location.line is not None and one.location.column is not None for one in found)


def test_every_key_of_a_load_point_reaches_the_record(tmp_path: Path) -> None:
    (tmp_path / "trace.txt").write_text("# seconds\n0\n0.25\n0.25\n")
    (tmp_path / "body.bin").write_bytes(b"\x00\xff")
    (tmp_path / "shop.proto").write_text('syntax = "proto3";')
    path = tmp_path / "all.yaml"
    path.write_text("""\
experiment: all
subject: client_library
design: continuous
load:
  - {rate: 5, rate_end: 50, duration: 1s, quantum: 1ms, connections: 2, max_connections: 4, selection: lifo,
     requests_per_connection: 10, connection_age: 30s, follow_redirects: true, receive_clock: user, method: PUT,
     body_file: body.bin}
  - {arrivals: trace, trace: trace.txt, duration: 1s, pooling: pinned, method: POST, body_base64: AP8=}
  - {arrivals: trace, trace: [0, 0.5], duration: 1s, protocol: http1.0}
  - {arrivals: closed, protocol: grpc, streams: 8, in_flight: 6, think: 5ms, duration: 1s,
     grpc: {call: shop.Cart/Add, messages: ['{"n": 1}'], proto: shop.proto, import_paths: [more]}}
  - {arrivals: closed, protocol: grpc, duration: 1s}
arms: {base: {mesh: none}}
""")
    ramp, traced, listed, called, health = read_experiment(path).load
    assert (ramp.rate, ramp.rate_end, ramp.quantum_s, ramp.max_connections, ramp.selection) == (5, 50, 1e-3, 4, "lifo")
    assert (ramp.requests_per_connection, ramp.connection_age_s, ramp.follow_redirects) == (10, 30, True)
    assert (ramp.receive_clock, ramp.body) == ("user", b"\x00\xff")
    assert (traced.trace_s, traced.pooling, traced.body) == ((0, 0.25, 0.25), "pinned", b"\x00\xff")
    assert (listed.trace_s, listed.protocol) == ((0, 0.5), "http1.0")
    assert (called.streams, called.in_flight, called.think_s) == (8, 6, 5e-3)
    assert called.grpc == GrpcRequest(
        call="shop.Cart/Add",
        messages=('{"n": 1}',),
        proto=tmp_path / "shop.proto",
        import_paths=(tmp_path / "more",),
    )
    assert health.grpc == GrpcRequest()


def test_a_copy_of_an_experiment_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    path.write_text("""\
experiment: copy
subject: mesh
design: continuous
load: [{arrivals: trace, trace: gone.txt, duration: 1s, method: POST, body_file: gone.bin}]
arms: {base: {mesh: none}}
""")
    (point,) = read_experiment(path, files_beside=False).load
    assert (point.trace_s, point.body) == ((), b"")
    with pytest.raises(DocumentError) as refused:
        read_experiment(path)
    assert [one.location.pointer for one in (refused.value, *refused.value.others)] == [
        "/load/0/trace",
        "/load/0/body_file",
    ]


def test_all_problems_of_a_file_come_at_once_in_its_order(problems: Problems, good: str) -> None:
    text = good.replace("rate: 500, duration: 5s", "rate: 0, duration: 5").replace("mesh: envoy", "mesh: envoi")
    found = problems(text + "subjct: mesh\naa: [ghost]\nrounds: 0\n")
    assert [one.code for one in found] == ["MP2103", "MP2104", "MP2106", "MP2101", "MP2105", "MP2103"]
    assert [one.location.line for one in found] == sorted(one.location.line or 0 for one in found)


@pytest.mark.parametrize("text", ["[]", "5", "# nothing", "a: b", "experiment:\n", "test: 5\nmesh: 5", "null"])
def test_a_document_of_another_kind_is_refused(problems: Problems, text: str) -> None:
    assert all(one.code.startswith("MP21") for one in problems(text))


@given(st.data())
def test_any_data_in_place_of_any_value_is_an_experiment_or_a_document_error(data: st.DataObject) -> None:
    words = st.sampled_from(
        ["mesh", "none", "rate", "5s", "5", "envoy", "load", "arms", "experiment", "test", "clients", "grpc", "udp"]
    )
    plain = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=5), inner, max_size=4),
        max_leaves=6,
    )
    keys = [
        "experiment",
        "subject",
        "cpus",
        "workload",
        "load",
        "arms",
        "aa",
        "objectives",
        "margins",
        "absolute_floors",
        "resolution",
        "rounds",
        "design",
        "slice",
    ]
    document = parse_document(b"experiment: x\n")
    document.data.update({key: data.draw(plain, label=key) for key in data.draw(st.sets(st.sampled_from(keys)))})
    if data.draw(st.booleans()):
        settings = [*LoadPointModel.model_fields, "nothing"]
        point = {key: data.draw(plain, label=key) for key in data.draw(st.sets(st.sampled_from(settings), max_size=5))}
        document.data["load"] = [{"rate": 5, "duration": "5s", **point}]
    try:
        experiment_from_document(document)
    except DocumentError as error:
        assert error.code.startswith("MP2")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.8.7", "localhost", "LOCALHOST.", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_loopback_hosts_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "example.test", "127.0.0.1.example.test", "", "0.0.0.0", "128.0.0.1", "127.1"]
)
def test_any_other_host_is_outside(host: str) -> None:
    assert not is_loopback(host)
