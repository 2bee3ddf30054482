"""The documentation runs, its links lead somewhere, and the reference leaves nothing out."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warm_python import WarmPython

sys.path.insert(0, str(Path(__file__).parent))
from console_blocks import PAGES, ROOT, Told, blocks, commands, matches

import kept_sample
from meshperf.cli import VERBS
from meshperf.environments.local import LocalSite
from meshperf.errors import CODES, ExitCode
from meshperf.experiment.plan import make_plan
from meshperf.experiment.residents import deploy_round
from meshperf.spec import read_experiment
from meshperf.workloads import executable

LONG = "takes minutes or a quiet machine; tests/e2e runs it"
EXCEPTIONS = {
    "meshperf doctor": (LONG, "meshperf doctor --help"),
    "meshperf run examples/quickstart.yaml --quick --out results/pilot": (LONG, "meshperf run --help"),
    "meshperf run examples/quickstart.yaml --out results/first": (LONG, "meshperf run --help"),
    "meshperf run examples/quickstart.yaml --resume results/first": (LONG, "meshperf run --help"),
    "meshperf run mine.yaml --quick": (LONG, "meshperf validate mine.yaml"),
    "meshperf run mine.yaml --out results/mine": (LONG, "meshperf validate mine.yaml"),
}
"""Commands that are not run as they stand: why, and what is run instead."""
PAGES_THAT_RUN = [page for page in PAGES if commands(page)]
DOCUMENTED_PORT = "127.0.0.1:8080"
NOISY = 3
"""How often a load test may be tried: on a busy machine the generator says, rightly, that it was late."""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.fixture
def served() -> Iterator[str]:
    """Address of a workload that stands where the documentation has its service."""
    command = [str(executable()), "--listen", "127.0.0.1:0", "--seconds", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 5)[0], "the workload does not become ready"
            found = re.search(r'"address":"([^"]+)"', process.stdout.readline())
            assert found is not None
            yield found[1]
        finally:
            process.terminate()


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A reader's folder: the examples, and a finished bundle where the guides have theirs."""
    folder = tmp_path / "reader"
    shutil.copytree(ROOT / "examples", folder / "examples")
    made = tmp_path / "made"
    made.mkdir()
    (folder / "results").mkdir()
    kept_sample.bundle(made).rename(folder / "results" / "first")
    return folder


def save_files(page: Path, folder: Path) -> None:
    for block in blocks(page):
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")


def run(command: str, folder: Path, python: WarmPython) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MESHPERF_")},
        "MESHPERF_STORE": str(folder / "store.sqlite"),
        "MESHPERF_STATE": str(folder / "state"),
        "PYTHONPATH": str(ROOT / "src"),
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
    return python.run("-m", "meshperf", *shlex.split(command)[1:], cwd=folder, env=environment, timeout=25)


def does_what_is_told(told: Told, folder: Path, served: str, python: WarmPython) -> None:
    command, expected, code = told.command.replace(DOCUMENTED_PORT, served), told.output, told.exit_code
    if told.command in EXCEPTIONS:
        command, expected, code = EXCEPTIONS[told.command][1], (), 0
    for attempt in range(NOISY):
        done = run(command, folder, python)
        noisy = " load " in told.command and done.returncode == ExitCode.NOT_COMPARABLE != code
        if not noisy or attempt == NOISY - 1:
            break
    said = f"{told.command}\nexit {done.returncode}\n{done.stdout}\n--- stderr\n{done.stderr}"
    assert done.returncode == code, said
    if expected:
        assert matches(expected, done.stdout or done.stderr), said


@pytest.mark.needs_native
@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=named)
def test_every_command_of_a_page_does_what_the_page_says(
    page: Path, reader: Path, served: str, warm_python: WarmPython
) -> None:
    save_files(page, reader)
    for told in commands(page):
        does_what_is_told(told, reader, served, warm_python)


def test_the_guides_and_the_reference_have_commands_that_run() -> None:
    pages = {named(page) for page in PAGES_THAT_RUN}
    assert pages >= {
        "docs/guides/getting-started.md", "docs/guides/own-experiment.md", "docs/guides/load-testing.md",
        "docs/reference/command-line.md",
    }  # fmt: skip


def test_every_exception_is_still_in_the_documentation() -> None:
    assert EXCEPTIONS.keys() <= {told.command for page in PAGES for told in commands(page)}


def test_an_output_that_differs_from_the_page_is_seen() -> None:
    expected = ("ok  a.yaml  3 arm(s)", "…", "verdict: valid")
    assert matches(expected, "ok  a.yaml   12 arm(s)\nwarning\nmore\n  verdict: valid\n")
    assert not matches(expected, "ok  b.yaml  3 arm(s)\nverdict: valid\n")
    assert not matches(expected, "ok  a.yaml  3 arm(s)\nverdict: invalid\n")
    assert not matches(("a",), "a\nb\n")


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=named)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{named(page)} links to {target}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{named(page)} links to {target}, which is no heading there"


def test_every_exit_code_verb_and_environment_variable_is_in_the_reference() -> None:
    reference = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    codes = [value for name, value in vars(ExitCode).items() if name.isupper()]
    assert codes
    assert [code for code in codes if f"\n| {code} |" not in reference] == []
    assert [verb for verb in VERBS if f"`meshperf {verb}" not in reference] == []
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    variables = set(re.findall(r"\b(MESHPERF_[A-Z]+)\b", sources)) | {"ENVOY_BIN", "NO_COLOR"}
    assert variables >= {"MESHPERF_STORE", "MESHPERF_STATE", "MESHPERF_WORKLOAD", "MESHPERF_DEBUG"}
    assert [name for name in sorted(variables) if f"| `{name}` |" not in reference] == []


def test_every_option_of_every_verb_is_in_the_reference() -> None:
    import importlib

    reference = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    missing = []
    for verb, (module, _) in VERBS.items():
        for parameter in importlib.import_module(f"meshperf.cli.{module}").command.params:
            missing += [f"{verb} {name}" for name in parameter.opts if name[0] == "-" and f"`{name}" not in reference]
    assert missing == []


def test_every_error_code_is_in_the_reference_with_its_meaning() -> None:
    reference = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    assert [
        code for code, meaning in CODES.items() if not re.search(rf"\| {code} \| \d \| {meaning} \|", reference)
    ] == []


def test_every_experiment_in_the_documentation_is_valid(tmp_path: Path) -> None:
    found = 0
    for page in PAGES:
        save_files(page, tmp_path)
        for block in blocks(page):
            if block.language == "yaml" and block.text.startswith("experiment:"):
                path = tmp_path / "block.yaml"
                path.write_text(block.text, encoding="utf-8")
                assert read_experiment(path).arms
                found += 1
    assert found >= 3


def test_no_page_names_a_path_of_somebody_s_machine() -> None:
    assert re.findall(r"(?<![\w.~])/(?:work|home|root|tmp|Users)/\S*", everything()) == []


@pytest.mark.needs_envoy
@pytest.mark.needs_native
def test_the_envoy_template_of_the_guide_holds_every_claim(tmp_path: Path) -> None:
    save_files(ROOT / "docs/guides/own-experiment.md", tmp_path)
    experiment = read_experiment(tmp_path / "own-envoy.yaml")
    with LocalSite.open("docs", None, tmp_path / "state") as site:
        up = deploy_round(site, make_plan(experiment).rounds[0], experiment.workload, note=lambda text: None)
        mine = next(item for item in up if item.resident.name == "mine")
        claims = [*mine.deployment.observe("begin"), *mine.deployment.observe("end")]
        assert [claim for claim in claims if not claim.held] == []
        assert sum("refused" in claim.claim for claim in claims) >= 6


def test_the_variables_of_templates_are_those_of_the_guide(tmp_path: Path) -> None:
    from meshperf.meshes import AppAddress, open_mesh
    from meshperf.meshes.envoy.templates import template_values
    from meshperf.spec.experiment import Arm, Workload

    guide = (ROOT / "docs/guides/own-experiment.md").read_text(encoding="utf-8")
    table = guide.partition("A template may use these variables")[2].partition("A server sidecar")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    with LocalSite.open("docs", None, tmp_path / "state") as site:
        prepared = open_mesh("envoy").prepare(site, Arm(name="a", mesh="envoy"), "a", Workload().as_graph())
        values = template_values(prepared.layout, AppAddress(host="127.0.0.1", port=1, admin="127.0.0.1:2"))
    assert documented == set(values)
