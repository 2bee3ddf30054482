"""Tables and texts of any size that hold anything: a result, or one clear error; never another exception."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imported_samples import SAMPLES, records, sample
from meshperf.errors import MeshperfError
from meshperf.interchange.registry import forms

OURS = ("k6", "hey", "ab", "vegeta", "ghz", "oha", "locust", "jmeter", "prometheus")
NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.name.startswith(OURS))
FORMS = sorted(form.name for form in forms() if form.tool in OURS)
NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
FIGURES = [b"-1", b"1e308", b"9" * 25, b"9" * 5000, b"NaN", b"inf", b"", b'""', b"null", b"1_0", b"\xff", "٣".encode()]


def survives(data: bytes, form: str | None = None) -> str:
    try:
        records(data, form=form)
    except MeshperfError as error:
        assert str(error)
        return error.code
    return "read"


def test_there_is_a_sample_of_every_form() -> None:
    read = {(record.source.tool, record.source.form) for name in NAMES for record in records(sample(name))}
    assert len(read) == len(FORMS) - 1  # vegeta's binary form is refused


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_off_anywhere_is_read_or_refused(name: str) -> None:
    whole = sample(name)
    outcomes = {survives(whole[:end]) for end in range(0, len(whole), max(len(whole) // 300, 1))}
    assert outcomes <= {"read", "MP2401", "MP2402", "MP2403"}


@given(name=st.sampled_from(NAMES), form=st.sampled_from((None, *FORMS)), data=st.data())
@settings(max_examples=300, deadline=None)
def test_flipped_bytes_are_read_or_refused(name: str, form: str | None, data: st.DataObject) -> None:
    content = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(content), form)


@given(name=st.sampled_from(NAMES), figure=st.sampled_from(FIGURES), place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=400, deadline=None)
def test_figures_that_cannot_be_are_read_or_refused(name: str, figure: bytes, place: float) -> None:
    content = sample(name)
    found = list(NUMBER.finditer(content))
    chosen = found[int(place * len(found))]
    survives(content[: chosen.start()] + figure + content[chosen.end() :])


@given(data=st.binary(max_size=400), form=st.sampled_from(FORMS))
@settings(max_examples=200, deadline=None)
def test_any_bytes_under_any_form_are_read_or_refused(data: bytes, form: str) -> None:
    survives(data, form)


@pytest.mark.parametrize("form", FORMS)
def test_deep_nesting_under_any_form_is_refused(form: str) -> None:
    assert survives(b'{"a":' * 5000 + b"1" + b"}" * 5000, form) != "read"
