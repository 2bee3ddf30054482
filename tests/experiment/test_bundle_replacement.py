"""`--overwrite`: the old bundle is gone only when the new one is there, and nobody else's files ever."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from meshperf.errors import StorageError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_lock import BundleLock
from meshperf.experiment.bundle_reading import BundleView
from meshperf.experiment.bundle_replacement import replace_bundle, settle_replacement
from meshperf.spec.experiment import read_experiment
from tests import kept_sample
from warm_python import WarmPython


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return kept_sample.bundle(tmp_path / "kept")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def anew(folder: Path) -> Bundle:
    source = next(folder.parent.glob(f".{folder.name}.replaced-*"), None)
    assert source is not None, "the old bundle is still there, aside, when the new one is created"
    experiment = read_experiment(source / "experiment.yaml")
    return Bundle.create(folder, experiment, command="meshperf run x")


def never(folder: Path) -> Bundle:
    raise AssertionError("created in a folder that must not be touched")


def test_the_new_bundle_takes_the_place_and_the_old_one_goes(old: Path) -> None:
    before = {path.name for path in old.parent.iterdir()}
    with replace_bundle(old, anew) as bundle:
        assert bundle.path == old
        assert bundle.manifest().command == "meshperf run x"
        assert not list((old / "results").iterdir())
        with pytest.raises(StorageError, match="is writing the bundle"):
            BundleLock(old)
    assert {path.name for path in old.parent.iterdir()} == before


def test_the_old_bundle_comes_back_when_the_new_one_cannot_be_created(old: Path) -> None:
    before, beside = contents(old), {path.name for path in old.parent.iterdir()}

    def fails(folder: Path) -> Bundle:
        anew(folder).close()
        raise StorageError("MP5402", "no space left")

    with pytest.raises(StorageError, match="no space"):
        replace_bundle(old, fails)
    assert contents(old) == before
    assert {path.name for path in old.parent.iterdir()} == beside


@pytest.mark.parametrize("name", ["thesis.txt", "results/notes.txt", "results/deep/run.json", "mine/report.html"])
def test_foreign_files_stop_it_before_anything_is_touched(old: Path, name: str) -> None:
    (old / name).parent.mkdir(exist_ok=True)
    (old / name).write_text("precious")
    before = contents(old)
    with pytest.raises(StorageError, match="belong to no bundle") as refused:
        replace_bundle(old, never)
    assert refused.value.code == "MP5401"
    assert name in refused.value.message
    assert contents(old) == before


def test_a_link_inside_is_foreign(old: Path, tmp_path: Path) -> None:
    (old / "charts-of-mine").symlink_to(tmp_path)
    with pytest.raises(StorageError, match="charts-of-mine"):
        replace_bundle(old, never)


def test_a_folder_that_is_a_link_is_refused(old: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(old)
    before = contents(old)
    with pytest.raises(StorageError, match="is a link") as refused:
        replace_bundle(link, never)
    assert refused.value.code == "MP5401"
    assert contents(old) == before


def test_a_bundle_that_is_being_written_is_refused(old: Path) -> None:
    lock = BundleLock(old)
    try:
        with pytest.raises(StorageError, match="is writing the bundle"):
            replace_bundle(old, never)
    finally:
        lock.release()


def test_files_that_a_killed_run_left_do_not_stop_it(old: Path) -> None:
    for name in (
        "results/unlisted.json",
        "round-under-way.json",
        ".MANIFEST.json.part",
        "results/.x.json.part",
        ".lock",
    ):
        (old / name).write_text("{}")
    replace_bundle(old, anew).close()
    assert not (old / "results" / "unlisted.json").exists()


KILLED = """\
import os, signal, sys
from pathlib import Path
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_replacement import replace_bundle
from meshperf.spec.experiment import read_experiment
place, when = Path(sys.argv[1]), sys.argv[2]
experiment = read_experiment(place / "experiment.yaml")
text = (place / "experiment.yaml").read_bytes()
def create(folder):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    if when == "beginning":
        folder.mkdir()
        (folder / ".lock").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    Bundle.create(folder, experiment, command="meshperf run new", text=text)
    os.kill(os.getpid(), signal.SIGKILL)
replace_bundle(place, create)
"""


def killed_while_replacing(python: WarmPython, place: Path, when: str) -> Path:
    """The old bundle, put aside by a process that was killed then."""
    assert python.run("-c", KILLED, str(place), when).returncode == -9
    (aside,) = place.parent.glob(f".{place.name}.replaced-*")
    return aside


@pytest.mark.parametrize("when", ["before", "beginning"])
def test_an_old_bundle_comes_back_when_its_replacer_was_killed_before_the_new_one_was_there(
    old: Path, when: str, warm_python: WarmPython
) -> None:
    before = contents(old)
    aside = killed_while_replacing(warm_python, old, when)
    assert not (old / "MANIFEST.json").exists()
    settle_replacement(old)
    assert contents(old) == before
    assert not aside.exists()


def test_an_old_bundle_goes_when_its_replacer_was_killed_after_the_new_one_was_there(
    old: Path, warm_python: WarmPython
) -> None:
    aside = killed_while_replacing(warm_python, old, "after")
    settle_replacement(old)
    assert not aside.exists()
    assert BundleView(old).manifest().command == "meshperf run new"


def test_an_old_bundle_that_was_half_removed_is_removed(old: Path, warm_python: WarmPython) -> None:
    aside = killed_while_replacing(warm_python, old, "after")
    (aside / "MANIFEST.json").unlink()
    shutil.rmtree(aside / "results")
    settle_replacement(old)
    assert not aside.exists()


def test_what_a_living_process_put_aside_is_left_alone(old: Path, warm_python: WarmPython) -> None:
    aside = killed_while_replacing(warm_python, old, "after")
    lock = BundleLock(aside)
    try:
        settle_replacement(old)
        assert (aside / "MANIFEST.json").is_file()
    finally:
        lock.release()


def test_a_file_of_the_user_in_what_was_put_aside_keeps_it_there(old: Path, warm_python: WarmPython) -> None:
    aside = killed_while_replacing(warm_python, old, "after")
    (aside / "thesis.txt").write_text("precious")
    settle_replacement(old)
    assert (aside / "thesis.txt").read_text() == "precious"
    assert (aside / "MANIFEST.json").is_file()


def test_folders_that_only_look_put_aside_are_left_alone(old: Path) -> None:
    for name in (f".{old.name}.replaced-mine", ".other.replaced-1", f"{old.name}.replaced-1"):
        (old.parent / name).mkdir()
    before = {path.name for path in old.parent.iterdir()}
    settle_replacement(old)
    assert {path.name for path in old.parent.iterdir()} == before
