"""Invariants of the house that no linter sees."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "meshperf"
LONGEST = 600
"""Lines at which a file must be split; 400 is where one looks for the second idea in it."""


def python_files() -> list[Path]:
    return [path for path in SOURCE.rglob("*.py") if "_proto" not in path.parts]


def test_only_the_native_module_of_load_touches_the_compiled_engine() -> None:
    touching = {
        path.relative_to(SOURCE).as_posix()
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and any(alias.name == "_native" for alias in node.names))
        or (isinstance(node, ast.Import) and any("_native" in alias.name for alias in node.names))
    }
    assert touching == {"load/native.py"}


def test_judging_reporting_and_checking_work_without_the_compiled_engine(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["meshperf._native"] = None
sys.path.insert(0, {str(ROOT / "tests")!r})
from pathlib import Path
import kept_sample
from meshperf.cli import main
bundle = kept_sample.bundle(Path({str(tmp_path)!r}))
verbs = (["verify", str(bundle)], ["show", str(bundle)], ["validate", str(bundle / "experiment.yaml")])
sys.exit(max(main(verb) for verb in verbs))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_no_file_is_too_long() -> None:
    files = [*python_files(), *(ROOT / "crates").rglob("*.rs")]
    lengths = sorted(((len(path.read_text().splitlines()), path) for path in files), reverse=True)
    for count, path in lengths[:10]:
        print(f"{count:5} {path.relative_to(ROOT)}")
    assert [path.name for count, path in lengths if count > LONGEST] == []


def test_our_own_text_keeps_to_one_word_a_thing() -> None:
    banned = re.compile(r"\b(QPS|scenario|benchmark job|old mesh|new mesh|proxy layer)\b")
    texts = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *SOURCE.rglob("*.j2")]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in texts
        if path.name not in ("terms.md",)
        for match in banned.finditer(path.read_text())
    ]
    assert found == []


def test_every_package_and_crate_has_its_place_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()]
    rooms += [f"crates/{path.name}" for path in (ROOT / "crates").iterdir() if path.is_dir()]
    assert [room for room in rooms if f"`{room}`" not in text] == []


def test_every_runtime_dependency_has_its_reason() -> None:
    text = (ROOT / "docs" / "adr" / "0002-runtime-dependencies.md").read_text().lower()
    project = (ROOT / "pyproject.toml").read_text()
    declared = re.findall(r'^  "([a-z0-9.-]+)[>=<]', project.split("[dependency-groups]")[0], re.M)
    assert len(declared) > 8
    assert [name for name in declared if name not in text] == []


def test_verbs_take_from_judgement_what_it_offers_and_nothing_behind_that() -> None:
    """But the schema of predictions, which needs pydantic and is therefore not loaded with the rest."""
    behind = {
        f"{path.name}: {node.module}"
        for path in (SOURCE / "cli").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("meshperf.analysis.")
    }
    assert behind == {"schema.py: meshperf.analysis.prediction_schema"}
