"""The published schema of predictions, and documents that fit it and do not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from test_prediction import foretold

from meshperf.analysis.prediction_document import prediction_to_document
from meshperf.analysis.prediction_schema import prediction_schema, prediction_schema_text
from meshperf.cli import main

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "schemas" / "prediction.schema.json"


def test_the_published_schema_is_current_and_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft202012Validator.check_schema(prediction_schema())
    assert PUBLISHED.read_text() == prediction_schema_text()
    assert main(["schema", "prediction"]) == 0
    assert capsys.readouterr().out == prediction_schema_text()


def test_a_prediction_fits_its_schema_and_a_slip_does_not() -> None:
    validator = jsonschema.Draft202012Validator(prediction_schema())
    document = json.loads(json.dumps(prediction_to_document(foretold())))
    assert list(validator.iter_errors(document)) == []
    without_interval = json.loads(json.dumps(document))
    without_interval["metrics"][0]["added"]["low"] = None
    assert list(validator.iter_errors(without_interval)) == []
    for wrong in ({"kind": "other"}, {"sha256": "ab"}, {"steps": "tcp"}, {"metrics": [{}]}):
        assert list(validator.iter_errors({**document, **wrong}))
    assert list(validator.iter_errors({key: value for key, value in document.items() if key != "made_at"}))
