"""A matrix is written out to arms, and its mistakes are told where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.experiment.plan import make_plan
from meshperf.spec.experiment import Experiment, read_experiment

_HEAD = """\
experiment: matrix
subject: [mesh]
load: [{rate: 100, connections: 2, warmup: 0s, duration: 1s}]
rounds: 2
arms:
  baseline: {mesh: none}
  envoy: {mesh: envoy, mtls: strict}
"""


def _read(tmp_path: Path, rest: str) -> Experiment:
    file = tmp_path / "experiment.yaml"
    file.write_text(f"{_HEAD}environment: netns\n{rest}")
    return read_experiment(file)


def _refused(tmp_path: Path, rest: str) -> DocumentError:
    file = tmp_path / "experiment.yaml"
    file.write_text(_HEAD + rest)
    with pytest.raises(DocumentError) as refusal:
        read_experiment(file)
    return refusal.value


def test_one_arm_is_varied_and_the_others_stay(tmp_path: Path) -> None:
    found = _read(
        tmp_path, "matrix:\n  - {arm: envoy, vary: {functions.routes: [1, 100], proxy_concurrency: [1, 2]}}\n"
    )
    assert list(found.arms) == [
        "baseline",
        "envoy.routes-1.proxy_concurrency-1",
        "envoy.routes-1.proxy_concurrency-2",
        "envoy.routes-100.proxy_concurrency-1",
        "envoy.routes-100.proxy_concurrency-2",
    ]
    last = found.arms["envoy.routes-100.proxy_concurrency-2"]
    assert (last.functions.routes, last.proxy_concurrency, last.mtls) == (100, 2, "strict")
    assert list(found.cells()) == [""]


def test_settings_of_all_arms_make_cells_with_a_baseline_each(tmp_path: Path) -> None:
    found = _read(tmp_path, "aa: [baseline]\nmatrix:\n  - {vary: {link_delay: [0ms, 1ms]}}\n")
    cells = {cell: [arm.name for arm in arms] for cell, arms in found.cells().items()}
    assert cells == {
        "link_delay-0ms": ["baseline.link_delay-0ms", "envoy.link_delay-0ms"],
        "link_delay-1ms": ["baseline.link_delay-1ms", "envoy.link_delay-1ms"],
    }
    assert found.arms["envoy.link_delay-1ms"].link_delay_s == 0.001
    assert found.aa == ("baseline.link_delay-0ms", "baseline.link_delay-1ms")
    groups = [[resident.name for resident in group.residents] for group in make_plan(found).groups]
    assert groups == [
        ["baseline.link_delay-0ms", "envoy.link_delay-0ms", "baseline.link_delay-0ms#2"],
        ["baseline.link_delay-1ms", "envoy.link_delay-1ms", "baseline.link_delay-1ms#2"],
    ]


def test_both_kinds_multiply(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "matrix:\n  - {arm: envoy, vary: {mtls: ['off', strict]}}\n  - {vary: {limits.server.cpu: [0.5, 1]}}\n",
    )
    assert list(found.arms) == [
        "baseline.cpu-0_5",
        "baseline.cpu-1",
        "envoy.mtls-off.cpu-0_5",
        "envoy.mtls-off.cpu-1",
        "envoy.mtls-strict.cpu-0_5",
        "envoy.mtls-strict.cpu-1",
    ]
    assert found.arms["envoy.mtls-off.cpu-0_5"].limits["server"].cpu == 0.5


def test_a_wrong_value_points_into_the_matrix(tmp_path: Path) -> None:
    refusal = _refused(tmp_path, "matrix:\n  - {arm: envoy, vary: {proxy_concurrency: [1, many]}}\n")
    assert (refusal.code, refusal.location.line, refusal.location.column) == ("MP2104", 9, 48)


def test_an_unknown_setting_points_to_its_template(tmp_path: Path) -> None:
    refusal = _refused(tmp_path, "matrix:\n  - {arm: envoy, vary: {proxy_concurency: [1]}}\n")
    assert refusal.code == "MP2101"
    assert refusal.location.line == 9


@pytest.mark.parametrize(
    ("matrix", "code", "words"),
    [
        ("matrix: 3\n", "MP2104", "must be a list"),
        ("matrix: []\n", "MP2104", "must be a list"),
        ("matrix: [{arm: envoy}]\n", "MP2104", "must have `vary`"),
        ("matrix: [{arm: kuma, vary: {mtls: [strict]}}]\n", "MP2105", "unknown arm"),
        ("matrix: [{arm: envoy, vary: {mtls: strict}}]\n", "MP2104", "list of values"),
        ("matrix: [{vary: {mtls: [strict]}}]\n", "MP2107", "baseline included"),
        ("matrix: [{arm: envoy, vary: {mtls: [strict, strict]}}]\n", "MP2107", "same name"),
        ("matrix: [{arm: envoy, vary: {mtls: [strict]}, extra: 1}]\n", "MP2101", "unknown key"),
        (f"matrix: [{{arm: envoy, vary: {{functions.routes: {list(range(1, 80))}}}}}]\n", "MP2103", "more than 64"),
    ],
)
def test_a_matrix_that_cannot_be_understood_is_refused(tmp_path: Path, matrix: str, code: str, words: str) -> None:
    refusal = _refused(tmp_path, matrix)
    assert refusal.code == code
    assert words in refusal.message
    assert refusal.location.line is not None


@pytest.mark.parametrize(
    "key", ["clusters: 2", "link_delay: 1ms", "limits: {server: {cpu: 1}}", "interception: transparent"]
)
def test_what_needs_networks_of_its_own_is_refused_on_loopback(tmp_path: Path, key: str) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(_HEAD.replace("mtls: strict", f"mtls: strict, {key}"))
    with pytest.raises(DocumentError, match="networks of their own") as refusal:
        read_experiment(file)
    assert refusal.value.code == "MP2107"
    file.write_text("environment: netns\n" + file.read_text())
    assert read_experiment(file).environment == "netns"
