"""A workload graph of the user's own: what is deployed is the bundle's copy, and a changed one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import kept_sample
from meshperf.errors import DocumentError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_reading import BundleView
from meshperf.experiment.kept_templates import with_kept_templates

GRAPH = "graph: own\nentry: a\nservices:\n  a: {calls: [{to: b}]}\n  b: {}\n"
TEXT = kept_sample.TEXT.replace("{graph: echo, response_bytes: 1024}", "{graph: ./own.yaml}")


def test_every_round_uses_the_graph_that_the_bundle_was_begun_with(tmp_path: Path) -> None:
    assert kept_sample.TEXT != TEXT
    own = tmp_path / "own.yaml"
    own.write_text(GRAPH)
    experiment = kept_sample.experiment(tmp_path, TEXT)
    out = tmp_path / "out"
    with Bundle.create(out, experiment, command="x") as bundle:
        kept = with_kept_templates(experiment, bundle.path).workload
        assert kept.graph_file == out / "templates" / "graph.yaml"
        assert kept.as_graph().digest == experiment.workload.as_graph().digest
    own.write_text(GRAPH.replace("b: {}", "b: {busy: true, service_time: 1ms}"))
    edited = kept_sample.experiment(tmp_path, TEXT)
    with Bundle.resume(out, edited) as bundle, pytest.raises(DocumentError) as changed:
        with_kept_templates(edited, bundle.path)
    assert (changed.value.code, changed.value.location.path) == ("MP2304", own)


def test_a_bundle_is_read_without_the_file_beside_the_experiment(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(GRAPH)
    experiment = kept_sample.experiment(tmp_path, TEXT)
    Bundle.create(tmp_path / "out", experiment, command="x").close()
    own.unlink()
    read = BundleView(tmp_path / "out").experiment()
    assert read.workload.as_graph() == experiment.workload.as_graph()
    assert "templates/graph.yaml" in BundleView(tmp_path / "out").manifest().files
