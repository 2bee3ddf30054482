"""A development build is named so in every table, chart and file for people, and nowhere in the data."""

import io
import json
from dataclasses import replace

import pytest
import sample
from rich.console import Console

from meshperf.report import naming, terminal
from meshperf.report.assembly import assemble
from meshperf.report.propagation import assemble_propagation
from meshperf.report.summary import summary
from meshperf.spec.propagation import ChangeRecord, PropagationRun
from meshperf.spec.records import Fact

LABEL = "istio-dev, no telemetry"


def marked(release="development"):
    """The clean sample, whose envoy arm is a build of that release."""
    comparison, runs = sample.clean()
    brings = {"mesh.release": release, "mesh.label": LABEL}
    facts = {name: Fact(value=value, source="adapter") for name, value in brings.items()}
    arms = tuple(
        replace(arm, brings={**arm.brings, **brings}) if arm.arm == "envoy" else arm for arm in comparison.arms
    )
    runs = tuple(replace(run, facts={**run.facts, **facts}) if run.arm == "envoy" else run for run in runs)
    return replace(comparison, arms=arms), runs


def on_terminal(comparison):
    out = io.StringIO()
    terminal(comparison, Console(file=out, width=200))
    return out.getvalue()


def assembled(charts):
    comparison, runs = marked()
    return assemble([comparison], runs, experiment_text="", command="", facts={}, charts=charts)


def test_every_record_of_a_comparison_carries_the_label():
    shown = naming.labelled(marked()[0])
    name = f"envoy ({LABEL})"
    assert {metric.arm for metric in shown.metrics} >= {name}
    assert "envoy" not in {arm.arm for arm in shown.arms} | {metric.arm for metric in shown.metrics}
    assert "envoy" not in {floor.arm for floor in shown.noise_floors}
    assert all(name in arm.resident for arm in shown.arms if arm.arm == name)
    assert shown.baseline == "baseline"


def test_a_twin_keeps_its_number():
    run = next(run for run in marked()[1] if run.arm == "envoy")
    twin = replace(run, twin=1, design=replace(run.design, residents=("baseline", "envoy", "envoy#2")))
    shown = naming.labelled_run(twin)
    assert shown.resident == f"envoy ({LABEL})#2"
    assert shown.design.residents == ("baseline", f"envoy ({LABEL})", f"envoy ({LABEL})#2")


def test_a_release_build_keeps_its_bare_name():
    comparison, runs = marked("release")
    assert naming.labelled(comparison) is comparison
    assert [naming.labelled_run(run) for run in runs] == list(runs)
    assert naming.footnote(runs) == ""


def test_terminal_and_summary_say_it():
    comparison, runs = marked()
    assert f"envoy ({LABEL})" in on_terminal(comparison)
    told = summary([comparison], runs)
    assert LABEL in told
    assert "class D" in told


def test_the_report_says_it_and_its_data_keep_the_name():
    files = assembled(charts=False)
    for name in ("report.html", "report.md"):
        text = files[name].decode()
        assert LABEL in text
        assert "development build" in text
    document = json.loads(files["data.json"])
    assert {arm["arm"] for arm in document["comparisons"][0]["arms"]} == {"baseline", "client-library", "envoy"}
    assert LABEL not in files["data.csv"].decode()


def test_charts_say_it():
    pytest.importorskip("altair")
    drawn = [content.decode() for name, content in assembled(charts=True).items() if name.endswith(".svg")]
    assert sum("istio-dev" in text for text in drawn) >= 3


def test_a_study_of_a_control_plane_says_it_too():
    facts = {
        name: Fact(value=value, source="adapter")
        for name, value in (("mesh.release", "development"), ("mesh.label", LABEL))
    }
    change = ChangeRecord(kind="route", low_s=(0.3,), high_s=(0.4,), handed_in_s=0.0, period_s=0.001)
    runs = [
        PropagationRun(
            arm=arm,
            round=number,
            proxies=1,
            services=0,
            probe_period_s=0.001,
            first_answer_s=1.0,
            changes=(change, change),
            facts=facts if arm == "istio" else {},
        )
        for arm in ("istio", "envoy")
        for number in (1, 2)
    ]
    files = assemble_propagation("study", runs, command="", text="")
    for name in ("report.html", "report.md"):
        assert f"istio ({LABEL})" in files[name].decode()
        assert f"envoy ({LABEL})" not in files[name].decode()
    assert {run["arm"] for run in json.loads(files["data.json"])["runs"]} == {"istio", "envoy"}
    assert all("istio-dev" in files[name].decode() for name in files if name.endswith(".svg"))
