"""Meshery's records, older and newer keys."""

from __future__ import annotations

import json

from imported_samples import kinds, one, records, sample
from meshperf.spec.imported import LatencyOrigin, NoteKind


def test_older_records_give_name_mesh_and_failures() -> None:
    failed, fine = records(sample("meshery-old.json"))
    assert (failed.name, failed.mesh, failed.errors, failed.ok) == ("linkerd_1", "LINKERD", 1000, 0)
    assert NoteKind.ALL_FAILED in kinds(failed)
    assert (fine.mesh, fine.errors) == (None, 0)  # the name says `No mesh`, the record does not


def test_newer_records_come_in_pages_and_camel_case() -> None:
    record = one("meshery-new.json")
    assert (record.name, record.mesh) == ("x", "OPEN_SERVICE_MESH")
    assert record.latency_origin is LatencyOrigin.INTENDED  # driven by wrk2
    assert record.extra["performanceProfile"] == "p"


def test_a_single_record_is_read_like_a_list() -> None:
    record = json.loads(sample("meshery-old.json"))[0]
    (found,) = records(json.dumps(record))
    assert found.errors == 1000


def test_a_record_without_a_run_says_so_and_the_others_are_read() -> None:
    data = json.loads(sample("meshery-old.json"))
    data[0]["runner_results"] = None
    empty, fine = records(json.dumps(data))
    assert (empty.requests, empty.quantiles) == (None, ())
    assert NoteKind.DROPPED in kinds(empty)
    assert fine.ok == 1000


def test_a_mesh_that_smp_does_not_list_is_kept_as_it_was_written() -> None:
    data = json.loads(sample("meshery-old.json"))
    data[0]["mesh"] = "octopus"
    record = records(json.dumps(data))[0]
    assert (record.mesh, record.extra["mesh"]) == ("OTHER", "octopus")
