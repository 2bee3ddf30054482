"""The published schemas are current, accept what we read and write, and the reference names every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from generated_runs import sample_run
from generated_smp import documents
from hypothesis import HealthCheck, given, settings

from meshperf.cli.schema import NAMES, PREDICTION
from meshperf.spec.experiment_model import (
    AbsoluteFloorsModel,
    ArmModel,
    ClientLibraryModel,
    CpusModel,
    ExperimentModel,
    FunctionsModel,
    LimitsModel,
    LoadPointModel,
    MatrixModel,
    StallModel,
    WorkloadModel,
)
from meshperf.spec.reader import parse_document
from meshperf.spec.schemas import SCHEMAS, schema, schema_text
from meshperf.spec.smp import result_to_document
from meshperf.spec.smp_document import SmpDocument
from meshperf.spec.smp_read import KNOWN_KEYS
from meshperf.spec.smp_schemas import SMP_SCHEMAS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
VALIDATORS = {name: jsonschema.Draft202012Validator(schema(name)) for name in SMP_SCHEMAS}


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
        FunctionsModel, LimitsModel, MatrixModel, AbsoluteFloorsModel,
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


def test_the_names_that_the_verb_offers_are_the_schemas() -> None:
    assert tuple(NAMES) == (*SCHEMAS, PREDICTION)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_every_smp_document_fits_the_schema_of_its_kind(document: SmpDocument) -> None:
    (name,) = [name for name, kind in SMP_SCHEMAS.items() if kind is document.kind]
    assert list(VALIDATORS[name].iter_errors(document.data)) == []


def test_a_value_of_the_wrong_type_does_not_fit_its_schema() -> None:
    assert list(VALIDATORS["smp-result"].iter_errors({"actual_qps": "fast"}))
    assert list(VALIDATORS["smp-mesh-config"].iter_errors({"sidecar": {"bps": 3_000_000_000}}))
    assert list(VALIDATORS["smp-mesh"].iter_errors({"type": "ISTO"}))


def test_gates_and_rules_fit_their_schemas_and_slips_do_not() -> None:
    gate = jsonschema.Draft202012Validator(schema("gate"))
    good = {"gate": "g", "objectives": ["p90 <= 50ms"], "margins": {"p50": "5%"}, "absolute_floors": {"p50": "20us"}}
    assert list(gate.iter_errors(good)) == []
    for wrong in ({"margin": {}}, {"margins": {"p51": "5%"}}, {"absolute_floors": {"p50": 20}}, {"undecided": "x"}):
        assert list(gate.iter_errors({**good, **wrong}))
    rules = jsonschema.Draft202012Validator(schema("rules"))
    rule = {"path": "host.*", "severity": "CLOSE", "tolerance": 0.05, "unknown": "note", "required": False}
    assert list(rules.iter_errors({"rules": "r", "version": 1, "fields": [rule], "subjects": {"mesh": ["a.*"]}})) == []
    for slip in ({"severity": "SAME"}, {"tolerance": 2}, {"unknwon": "note"}, {"required": "yes"}, {"why": " "}):
        assert list(rules.iter_errors({"rules": "r", "version": 1, "fields": [{**rule, **slip}]}))


def test_the_examples_of_gates_and_rules_in_the_guides_fit_their_schemas() -> None:
    for guide, name in (("gate.md", "gate"), ("comparing.md", "rules")):
        text = (ROOT / "docs" / "guides" / guide).read_text()
        blocks = re.findall(rf"```yaml\n({name}: .*?)```", text, re.S)
        assert blocks
        for block in blocks:
            data = parse_document(block.encode()).data
            assert list(jsonschema.Draft202012Validator(schema(name)).iter_errors(data)) == []
