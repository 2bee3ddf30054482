"""`meshperf load`: one run, its document, its exit code, and no secret in anything that is printed."""

from __future__ import annotations

import json

import pytest

from meshperf.cli import main
from meshperf.spec.smp import result_from_document
from tests.load.conftest import Workload, start_workload, workload  # noqa: F401  (fixtures)

pytestmark = pytest.mark.needs_native

SECRET = "s3ntinel"
SHORT = ["--rate", "100", "--connections", "2", "--warmup", "100ms", "--duration", "200ms"]


def test_json_is_one_document_that_says_what_was_done(
    workload: Workload,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["load", f"http://{workload.address}/", *SHORT, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert result_from_document(document).counts.ok == 20
    assert code == (0 if document["validity"]["state"] == "valid" else 4)
    (guard,) = (each for each in document["guards"] if each["guard"] == "background_cpu")
    assert guard["outcome"] == "unavailable"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_secrets_of_the_request_are_not_printed(
    workload: Workload,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
    form: list[str],
) -> None:
    url = f"http://{workload.address}/?key={SECRET}"
    main(["load", url, *SHORT, "--header", f"authorization: Bearer {SECRET}", *form])
    told = capfd.readouterr()
    assert told.out
    assert SECRET not in told.out + told.err


def test_a_header_that_is_none_is_named_by_its_number_and_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    headers = ["--header", "accept: text/plain", "--header", f"Bearer {SECRET}"]
    assert main(["load", "http://127.0.0.1:1/", *headers]) == 2
    told = capsys.readouterr().err
    assert "--header number 2 is not a header" in told
    assert SECRET not in told


def test_a_closed_loop_has_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "http://127.0.0.1:1/", "--rate", "5", "--arrivals", "closed"]) == 2
    assert "MP1002" in capsys.readouterr().err
