"""The published schemas are current, accept what we read and write, and the reference names every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from generated_runs import sample_run

from meshperf.spec.experiment_model import (
    ArmModel,
    ClientLibraryModel,
    CpusModel,
    ExperimentModel,
    LoadPointModel,
    StallModel,
    WorkloadModel,
)
from meshperf.spec.reader import parse_document
from meshperf.spec.schemas import SCHEMAS, schema, schema_text
from meshperf.spec.smp import result_to_document
from meshperf.spec.smp_read import KNOWN_KEYS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_current(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert (REFERENCE / "schemas" / f"{name}.schema.json").read_text() == schema_text(name)


def test_the_quickstart_fits_its_schema_and_a_slip_does_not() -> None:
    data = parse_document((ROOT / "examples" / "quickstart.yaml").read_bytes()).data
    validator = jsonschema.Draft202012Validator(schema("experiment"))
    assert list(validator.iter_errors(data)) == []
    for wrong in ({"rouns": 3}, {"rounds": 0}, {"load": []}, {"design": "x"}, {"margins": {"p51": 1}}):
        assert list(validator.iter_errors({**data, **wrong}))


def test_a_result_fits_its_schema_and_names_all_its_keys() -> None:
    validator = jsonschema.Draft202012Validator(schema("result"))
    document = result_to_document(sample_run())
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors({**document, "format": "result/9"}))
    assert set(schema("result")["properties"]) == KNOWN_KEYS


def test_the_reference_names_every_key_of_an_experiment() -> None:
    text = (REFERENCE / "experiment.md").read_text()
    models = (
        ExperimentModel, WorkloadModel, StallModel, LoadPointModel, ArmModel, ClientLibraryModel, CpusModel,
    )  # fmt: skip
    named = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    assert {key for model in models for key in model.model_fields} <= named


def test_the_reference_names_every_key_of_a_result() -> None:
    text = (REFERENCE / "result.md").read_text()
    assert set(re.findall(r"`([a-z0-9_]+)`", text)) >= KNOWN_KEYS


def test_the_experiment_in_the_reference_is_valid(tmp_path: Path) -> None:
    from meshperf.spec.experiment import read_experiment

    block = re.search(r"```yaml\n(.*?)```", (REFERENCE / "experiment.md").read_text(), re.S)
    assert block is not None
    path = tmp_path / "shown.yaml"
    path.write_text(block[1])
    assert list(read_experiment(path).arms) == ["baseline", "envoy"]
    assert json.loads(schema_text("experiment"))["additionalProperties"] is False
