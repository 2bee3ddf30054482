"""The graph that an experiment names: of the package or of a file, and what contradicts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.cli.validate import command as validate
from meshperf.errors import DocumentError
from meshperf.spec.experiment import Workload, read_experiment
from meshperf.spec.graph_reading import packaged_graph

Problems = Callable[[str], list[DocumentError]]
ROOT = Path(__file__).parents[2]
OWN = "graph: own\nentry: a\nservices:\n  a: {response_bytes: 77, calls: [{to: b}]}\n  b: {}\n"


def with_workload(good: str, workload: str, protocol: str = "http1") -> str:
    return f"workload: {{{workload}}}\n" + good.replace("{rate: 500,", f"{{protocol: {protocol}, rate: 500,")


def test_a_graph_of_the_package_is_named(tmp_path: Path, good: str) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(with_workload(good, "graph: bookinfo"))
    workload = read_experiment(path).workload
    assert (workload.graph, workload.graph_file) == ("bookinfo", None)
    assert workload.as_graph() is packaged_graph("bookinfo")
    assert (workload.response_bytes, workload.service_time) == (5120, "400us")


def test_a_file_beside_the_experiment_is_read_and_its_path_kept(tmp_path: Path, good: str) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    path = tmp_path / "experiment.yaml"
    path.write_text(with_workload(good, "graph: ./own.yaml"))
    workload = read_experiment(path).workload
    assert (workload.graph, workload.graph_file, workload.response_bytes) == ("own", tmp_path / "own.yaml", 77)
    assert [service.name for service in workload.as_graph().services] == ["b", "a"]
    alone = read_experiment(path, files_beside=False).workload
    assert alone.graph_file == tmp_path / "own.yaml"
    with pytest.raises(ValueError, match="was not read"):
        alone.as_graph()


def test_the_examples_on_graphs_name_graphs_of_the_package() -> None:
    examples = {path.stem: read_experiment(path).workload for path in sorted((ROOT / "examples").glob("graphs-*.yaml"))}
    assert {name: workload.graph for name, workload in examples.items()} == {
        "graphs-bookinfo": "bookinfo",
        "graphs-chain": "chain",
    }


def test_echo_stays_one_service_with_the_settings_of_the_workload() -> None:
    graph = Workload(response_bytes=9, service_time="1ms").as_graph()
    assert [(one.name, one.response_bytes, one.service_time) for one in graph.services] == [("app", 9, "1ms")]


def test_an_unknown_graph_has_the_known_ones_and_files_in_its_hint(problems: Problems, good: str) -> None:
    (found,) = problems(with_workload(good, "graph: bookinof"))
    assert (found.code, found.location.line, found.location.column) == ("MP2104", 1, 19)
    assert "did you mean `bookinfo`?" in str(found.hint)
    assert "./my-graph.yaml" in str(found.hint)


def test_a_graph_file_that_is_not_there_is_told_at_its_name(problems: Problems, good: str) -> None:
    (found,) = problems(with_workload(good, "graph: missing.yaml"))
    assert (found.code, found.location.pointer) == ("MP2001", "/workload/graph")


def test_a_graph_file_that_is_wrong_is_told_once_with_its_first_place(
    tmp_path: Path, problems: Problems, good: str
) -> None:
    (tmp_path / "own.yaml").write_text(OWN.replace("{to: b}", "{to: c}"))
    (found,) = problems(with_workload(good, "graph: own.yaml"))
    assert (found.code, found.location.pointer) == ("MP2109", "/workload/graph")
    assert "`a` calls `c`, which is none of the services (line 4, column 40)" in found.message
    assert found.hint == "see `meshperf validate own.yaml`"


def test_the_load_must_speak_what_the_entry_speaks(problems: Problems, good: str) -> None:
    found = problems(with_workload(good, "graph: chain", "http2"))
    told = [one for one in found if "the entry" in one.message]
    assert [(one.code, one.location.pointer, one.hint) for one in told] == [
        ("MP2107", "/load/0/protocol", "write `protocol: http1`")
    ]
    assert told[0].message == "the entry `front` of the graph `chain` speaks http1, and this load http2"


def test_a_load_of_health_checks_is_no_load_of_a_graph(tmp_path: Path, problems: Problems, good: str) -> None:
    (tmp_path / "own.yaml").write_text(OWN.replace("{response_bytes", "{protocol: grpc, response_bytes"))
    text = with_workload(good, "graph: own.yaml", "grpc")
    told = [one for one in problems(text) if "health" in one.message]
    assert [(one.code, one.location.pointer) for one in told] == [("MP2107", "/load/0/protocol")]
    (tmp_path / "echo.proto").write_text("syntax = 'proto3';")
    work = text.replace("rate: 500", "grpc: {call: meshperf.echo.v1.Echo/Unary, proto: echo.proto}, rate: 500")
    path = tmp_path / "work.yaml"
    path.write_text(work.replace("  envoy: {mesh: envoy, mtls: strict}\n", ""))
    assert read_experiment(path).workload.as_graph().service("a").protocol == "grpc"


def test_settings_of_echo_have_no_place_beside_a_graph(problems: Problems, good: str) -> None:
    found = problems(with_workload(good, "graph: chain, response_bytes: 1024, service_time: 1ms"))
    assert [(one.code, one.location.pointer) for one in found] == [
        ("MP2107", "/workload/response_bytes"),
        ("MP2107", "/workload/service_time"),
    ]


def test_validate_says_what_a_graph_holds_and_where_it_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    assert validate.main([str(path)], standalone_mode=False) == 0
    assert "workload graph `own`, 2 service(s), 1 call(s) a request" in capsys.readouterr().out
    path.write_text(OWN.replace("entry: a", "entry: z"))
    assert validate.main([str(path), "--json"], standalone_mode=False) == 2
    (finding,) = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["line"], one["column"]) for one in finding["problems"]] == [("MP2109", 2, 8)]
