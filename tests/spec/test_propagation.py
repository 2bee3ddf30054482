"""A control plane study is read with every mistake in its place, and written as SMP has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.spec.propagation import ENDPOINT, ROUTE
from meshperf.spec.propagation_reading import is_propagation, read_propagation
from meshperf.spec.propagation_writing import SmpPlane, mesh_document
from meshperf.spec.records import Fact
from meshperf.spec.smp_document import Dialect, Kind
from meshperf.spec.smp_reading import read_smp

_STUDY = """\
control_plane: convergence
proxies: [10, 1]
services: [100]
changes: 5
arms:
  istio: {mesh: envoy, mtls: strict}
"""


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    return file


def test_a_study_is_read_with_its_cells_in_order(tmp_path: Path) -> None:
    study = read_propagation(_file(tmp_path, _STUDY))
    assert study.cells() == ((1, 0), (10, 0), (1, 100))
    assert study.arms["istio"].mtls == "strict"
    assert study.environment == "netns"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("mesh: envoy", "mesh: none", "MP2107"),
        ("mesh: envoy", "mesh: nonsense", "MP2106"),
        ("changes: 5", "changes: 0", "MP2103"),
        ("changes: 5", "chnages: 5", "MP2101"),
        ("proxies: [10, 1]", "proxies: [0]", "MP2103"),
        ("proxies: [10, 1]", "proxies: []", "MP2103"),
    ],
)
def test_a_mistake_is_told_in_its_line(tmp_path: Path, old: str, new: str, code: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        read_propagation(_file(tmp_path, _STUDY.replace(old, new)))
    assert refusal.value.code == code
    assert refusal.value.location.line is not None


def test_an_experiment_with_settings_of_its_control_plane_is_no_study() -> None:
    assert not is_propagation({"experiment": "x", "control_plane": {}})
    assert not is_propagation([1])


def test_the_standard_gets_whole_milliseconds_and_the_extension_the_rest(tmp_path: Path) -> None:
    document = mesh_document(
        SmpPlane(
            study="convergence", arm="istio", proxies=10, services=100, planes=1, cores=0.25, private_bytes=31_400_000,
            reached_s={ROUTE: {50.0: (0.010, 0.0112), 99.0: (0.1, 0.1236)}, ENDPOINT: {99.0: (0.2, 0.21)}},
            facts={"mesh.type": Fact(value="istio", source="test"), "mesh.version": Fact(value="1.31", source="test")},
        )
    )  # fmt: skip
    plane = document["mesh_control_plane"]
    assert plane == {
        "count": 1, "services": 100, "endpoints": 100, "sidecars": 10, "cpu_mcores": 250, "mem_mb": 31,
        "lds_latency_ms": 124, "cds_latency_ms": 210,
    }  # fmt: skip
    import json

    file = tmp_path / "mesh.json"
    file.write_text(json.dumps(document))
    (read,) = read_smp(file)
    assert (read.kind, read.dialect) == (Kind.MESH_CONFIG, Dialect.EXTENDED)
    assert read.data["propagation"][0]["percentiles"][0] == {
        "p": 50.0,
        "value_s": 0.0112,
        "low_s": 0.01,
        "high_s": 0.0112,
    }
