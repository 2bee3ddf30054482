"""The result bundle: whole rounds or none, one writer, nothing finished lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import kept_sample as sample
from meshperf.errors import DocumentError, StorageError, UsageError
from meshperf.experiment import durable
from meshperf.experiment.bundle import Bundle, BundleView, open_bundle
from warm_python import WarmPython

COMMAND = "meshperf run sample.yaml"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


def begin(tmp_path: Path, out: Path) -> Bundle:
    return Bundle.create(out, sample.experiment(tmp_path), command=COMMAND)


def round_for(bundle: Bundle, number: int, attempt: int = 0) -> list:
    return sample.round_of(number, experiment_id=bundle.experiment_id, attempt=attempt)


def test_a_bundle_gives_back_what_was_put_into_it(tmp_path: Path, out: Path) -> None:
    with begin(tmp_path, out) as bundle:
        assert bundle.facts() is None and bundle.comparisons() is None
        bundle.write_facts(sample.facts())
        runs = round_for(bundle, 0)
        bundle.append(runs)
        bundle.write_comparison([{"load_point": 0}])
    view = BundleView(out)
    assert view.runs() == runs
    assert view.facts() == sample.facts()
    assert view.comparisons() == [{"load_point": 0}]
    assert view.finished_rounds() == {0}
    assert view.experiment_text() == sample.TEXT
    assert view.manifest().command == COMMAND


def test_the_state_tells_running_interrupted_and_complete_apart(tmp_path: Path, out: Path) -> None:
    bundle = begin(tmp_path, out)
    assert BundleView(out).manifest().state == "running"
    bundle.close()
    assert BundleView(out).manifest().state == "interrupted"
    with Bundle.resume(out, sample.experiment(tmp_path)) as again:
        again.seal()
    assert BundleView(out).manifest().state == "complete"


def test_sealing_lists_every_file_that_is_there(tmp_path: Path) -> None:
    out = sample.bundle(tmp_path)
    present = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} - {"MANIFEST.json"}
    assert BundleView(out).manifest().files.keys() == present
    assert "report.html" in present and ".lock" not in present


def test_a_round_is_appended_whole(tmp_path: Path, out: Path) -> None:
    with begin(tmp_path, out) as bundle:
        mixed = [*round_for(bundle, 0), *round_for(bundle, 1)]
        for wrong in ([], mixed, [mixed[0], mixed[0]]):
            with pytest.raises(ValueError, match="exactly one round"):
                bundle.append(wrong)
        bundle.append(round_for(bundle, 0))
        with pytest.raises(ValueError, match="finished already"):
            bundle.append(round_for(bundle, 0))
        assert bundle.finished_rounds() == {0}


@pytest.mark.parametrize("bad", ["", ".hidden", "a/b", "../up", "x" * 300])
def test_a_run_id_that_is_no_file_name_is_refused(tmp_path: Path, out: Path, bad: str) -> None:
    from dataclasses import replace

    with begin(tmp_path, out) as bundle:
        with pytest.raises(ValueError, match="file name"):
            bundle.append([replace(round_for(bundle, 0)[0], run_id=bad)])
        assert bundle.runs() == []


# Disk ------------------------------------------------------------------------------------------------------------


def full_after(calls: int, real: Callable) -> Callable:
    """The real system call for so many calls, then a full disk."""
    left = [calls]

    def call(*arguments: object, **keywords: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **keywords)

    return call


@pytest.mark.parametrize("call", ["write", "rename", "fsync"])
@pytest.mark.parametrize("after", range(5))
def test_a_full_disk_loses_no_finished_round(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    bundle = begin(tmp_path, out)
    bundle.append(round_for(bundle, 0))
    with monkeypatch.context() as patched:
        patched.setattr(durable.os, call, full_after(after, getattr(os, call)))
        with pytest.raises(StorageError) as caught, bundle:
            bundle.append(round_for(bundle, 1))
    assert caught.value.code == "MP5402" and "--resume" in str(caught.value)
    with Bundle.resume(out, sample.experiment(tmp_path)) as again:
        finished = again.finished_rounds()
        assert finished in ({0}, {0, 1})
        assert len(again.runs()) == 3 * len(finished)
        if 1 not in finished:
            again.append(round_for(again, 1))
    assert BundleView(out).finished_rounds() == {0, 1}


def test_a_full_disk_leaves_no_half_round_behind(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with begin(tmp_path, out) as bundle:
        with monkeypatch.context() as patched:
            patched.setattr(durable.os, "rename", full_after(2, os.rename))
            with pytest.raises(StorageError):
                bundle.append(round_for(bundle, 0))
        assert list((out / "results").iterdir()) == []
        bundle.append(round_for(bundle, 0))
        assert bundle.finished_rounds() == {0}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_really_full_file_system_is_told_as_such(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    try:
        with (
            pytest.raises(StorageError) as caught,
            Bundle.create(small / "b", sample.experiment(tmp_path), command=COMMAND) as bundle,
        ):
            for number in range(100):
                bundle.append(round_for(bundle, number))
        assert caught.value.code == "MP5402"
        view = BundleView(small / "b")
        assert len(view.finished_rounds()) >= 1
        assert len(view.runs()) == 3 * len(view.finished_rounds())
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        begin(tmp_path, tmp_path / "file" / "bundle")
    assert caught.value.code == "MP5401" and "--out" in str(caught.value)


def test_a_read_only_folder_is_one_clear_error(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: object, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(out)):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError) as caught:
        begin(tmp_path, out)
    assert caught.value.code == "MP5401" and "Read-only" in caught.value.message


# Folders that are taken ------------------------------------------------------------------------------------------


def test_a_foreign_folder_is_left_alone(tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(StorageError) as caught:
        begin(tmp_path, out)
    assert caught.value.code == "MP5401"
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("complete", [True, False])
def test_an_existing_bundle_is_not_written_over(tmp_path: Path, out: Path, complete: bool) -> None:
    with begin(tmp_path, out) as bundle:
        bundle.append(round_for(bundle, 0))
        if complete:
            bundle.seal()
    before = (out / "MANIFEST.json").read_bytes()
    with pytest.raises(UsageError) as caught:
        begin(tmp_path, out)
    assert caught.value.code == "MP1002" and "--resume" in str(caught.value) and "--out" in str(caught.value)
    assert (out / "MANIFEST.json").read_bytes() == before


WRITER = """
import os, signal, sys
from pathlib import Path
import kept_sample as sample
from meshperf.experiment import durable
from meshperf.experiment.bundle import Bundle
from meshperf.spec.experiment import read_experiment

folder, renames = Path(sys.argv[1]), int(sys.argv[2])
experiment, out = read_experiment(folder / "sample.yaml"), folder / "bundle"
real, left = os.rename, [renames]

def rename(*arguments):
    left[0] -= 1
    if left[0] == -1:
        os.kill(os.getpid(), signal.SIGKILL)
    real(*arguments)

durable.os.rename = rename
bundle = Bundle.create(out, experiment, command="sample")
print("begun", flush=True)
for number in range(sample.ROUNDS):
    bundle.begin_round(number, 0)
    bundle.append(sample.round_of(number, experiment_id=bundle.experiment_id))
    print("finished", number, flush=True)
sys.stdin.read()
"""


def writer(folder: Path) -> subprocess.Popen[str]:
    """Another process that writes a bundle."""
    arguments = [sys.executable, "-c", WRITER, str(folder), "1000"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path, out: Path) -> None:
    of = sample.experiment(tmp_path)
    with writer(tmp_path) as first:
        assert first.stdout is not None and first.stdout.readline() == "begun\n"
        for attempt in (lambda: Bundle.resume(out, of), lambda: Bundle.create(out, of, command=COMMAND)):
            with pytest.raises(StorageError) as caught:
                attempt()
            assert caught.value.code == "MP5403" and f"process {first.pid} " in caught.value.message
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        for stream in (first.stdin, first.stdout, first.stderr):
            if stream is not None:
                stream.close()
    deadline = time.monotonic() + 5  # the lock goes with the process, which the kernel takes a moment to clear away
    while True:
        try:
            Bundle.resume(out, of).close()
            break
        except StorageError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


# Killed at every step: manifest, experiment, journal, manifest | mark, three runs, journal, manifest | …
@pytest.mark.parametrize("renames", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15])
def test_after_kill_9_at_any_rename_no_finished_round_is_lost(
    tmp_path: Path, out: Path, renames: int, warm_python: WarmPython
) -> None:
    of = sample.experiment(tmp_path)
    killed = warm_python.run("-c", WRITER, str(tmp_path), str(renames))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told = {int(line.split()[1]) for line in killed.stdout.splitlines() if line.startswith("finished")}
    with Bundle.resume(out, of, command=COMMAND) as bundle:
        finished = bundle.finished_rounds()
        assert told <= finished
        assert len(bundle.runs()) == 3 * len(finished)
        assert all(record.reason == "broken round" for record in bundle.excluded())
        kept = {record.run.run_id for record in bundle.excluded() if record.run is not None}
        assert not kept & {run.run_id for run in bundle.runs()}
        for number in set(range(sample.ROUNDS)) - finished:
            attempt = bundle.attempts(number)
            bundle.begin_round(number, attempt)
            bundle.append(round_for(bundle, number, attempt))
        bundle.write_comparison([])
        bundle.seal()
    view = BundleView(out)
    assert view.finished_rounds() == set(range(sample.ROUNDS))
    present = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} - {"MANIFEST.json"}
    assert view.manifest().files.keys() == present


def test_runs_of_a_round_that_broke_off_are_kept_as_records(tmp_path: Path, out: Path, warm_python: WarmPython) -> None:
    of = sample.experiment(tmp_path)
    # Inside the second round: mark and two runs are there.
    assert warm_python.run("-c", WRITER, str(tmp_path), str(4 + 6 + 3)).returncode == -signal.SIGKILL
    with Bundle.resume(out, of) as bundle:
        records = bundle.excluded()
        assert [record.round for record in records] == [1, 1]
        assert [record.run.arm for record in records if record.run] == ["baseline", "envoy"]
        assert bundle.attempts(1) == 1 and bundle.attempts(0) == 0


def test_a_round_that_broke_off_before_its_first_result_leaves_a_record(tmp_path: Path, out: Path) -> None:
    bundle = begin(tmp_path, out)
    bundle.begin_round(0, 0)
    bundle.close()
    assert [(r.round, r.attempt, r.reason, r.run) for r in BundleView(out).excluded()] == [(0, 0, "broken round", None)]
    with Bundle.resume(out, sample.experiment(tmp_path)) as again:
        assert again.attempts(0) == 1
        again.begin_round(0, 1)
        again.append(round_for(again, 0, 1))
    assert len(BundleView(out).excluded()) == 1


def test_excluding_the_same_run_twice_keeps_both_records(tmp_path: Path, out: Path) -> None:
    with begin(tmp_path, out) as bundle:
        run = round_for(bundle, 0)[0]
        bundle.exclude(run, "guard steal")
        bundle.exclude(run, "broken round")
        bundle.exclude_round(0, "a process ended")
        assert sorted(record.reason for record in bundle.excluded()) == [
            "a process ended",
            "broken round",
            "guard steal",
        ]
        assert bundle.excluded()[0].run == run
        assert bundle.attempts(0) == 2


def test_half_written_files_are_gone_after_going_on_wherever_they_lie(tmp_path: Path, out: Path) -> None:
    begin(tmp_path, out).close()
    left = [out / ".report.html.part", out / "charts" / ".ecdf.svg.part", out / "templates" / ".envoy.yaml.part"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    with Bundle.resume(out, sample.experiment(tmp_path)) as bundle:
        assert [path for path in left if path.exists()] == []
        bundle.seal()
    assert not [name for name in BundleView(out).manifest().files if name.endswith(".part")]


def test_a_bundle_that_was_cut_off_before_it_had_its_templates_gets_them_when_it_goes_on(
    tmp_path: Path, out: Path
) -> None:
    (tmp_path / "server.yaml").write_text("a template")
    text = sample.TEXT.replace("mesh: envoy", "mesh: envoy, server_bootstrap: server.yaml", 1)
    of = sample.experiment(tmp_path, text)
    Bundle.create(out, of, command=COMMAND).close()
    (copy,) = (out / "templates").iterdir()
    copy.unlink()
    (out / "rounds.jsonl").unlink()  # written after them
    Bundle.resume(out, of).close()
    assert copy.read_text() == "a template"
    assert (out / "rounds.jsonl").is_file()


# Resuming --------------------------------------------------------------------------------------------------------


def test_another_experiment_is_not_resumed(tmp_path: Path, out: Path) -> None:
    begin(tmp_path, out).close()
    changed = sample.experiment(tmp_path, sample.TEXT.replace("rounds: 3", "rounds: 4"))
    with pytest.raises(DocumentError) as caught:
        Bundle.resume(out, changed)
    assert caught.value.code == "MP2304" and str(out / "experiment.yaml") in str(caught.value)
    Bundle.resume(out, sample.experiment(tmp_path)).close()


def test_a_folder_without_a_bundle_is_not_resumed(tmp_path: Path) -> None:
    of = sample.experiment(tmp_path)
    with pytest.raises(DocumentError) as caught:
        Bundle.resume(tmp_path, of)
    assert caught.value.code == "MP2303"
    with pytest.raises(DocumentError):
        Bundle.resume(tmp_path / "nowhere", of)


def test_a_finished_run_that_was_changed_stops_the_resume(tmp_path: Path, out: Path) -> None:
    with begin(tmp_path, out) as bundle:
        bundle.append(round_for(bundle, 0))
    run = next((out / "results").glob("*envoy*"))
    run.write_bytes(run.read_bytes() + b" ")
    with pytest.raises(DocumentError) as caught:
        Bundle.resume(out, sample.experiment(tmp_path))
    assert caught.value.code == "MP2301"
    run.unlink()
    with pytest.raises(DocumentError) as caught:
        Bundle.resume(out, sample.experiment(tmp_path))
    assert caught.value.code == "MP2303"


def test_an_experiment_file_that_changed_since_it_was_read_is_refused(tmp_path: Path, out: Path) -> None:
    of = sample.experiment(tmp_path)
    (tmp_path / "sample.yaml").write_text(sample.TEXT + "\n")
    with pytest.raises(DocumentError) as caught:
        Bundle.create(out, of, command=COMMAND)
    assert caught.value.code == "MP2304"


# Archives --------------------------------------------------------------------------------------------------------


def archive(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, prefix + path.relative_to(folder).as_posix())
    return target


@pytest.mark.parametrize("prefix", ["", "bundle/"])
def test_an_archive_reads_like_its_folder(tmp_path: Path, prefix: str) -> None:
    out = sample.bundle(tmp_path)
    with open_bundle(archive(out, tmp_path / "b.zip", prefix)) as view:
        assert view.runs() == BundleView(out).runs()
        scratch = view.path
    assert not scratch.exists()


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("results/link")
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "..\\outside", link()])
def test_an_archive_that_leads_outside_is_refused(tmp_path: Path, name: str | zipfile.ZipInfo) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr(name, "evil")
    with pytest.raises(DocumentError) as caught, open_bundle(tmp_path / "b.zip"):
        pass
    assert caught.value.code == "MP2303"


def test_what_is_no_archive_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"not a zip")
    for path, code in ((tmp_path / "b.zip", "MP2201"), (tmp_path / "gone.zip", "MP2001")):
        with pytest.raises(DocumentError) as caught, open_bundle(path):
            pass
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("manifest", "code"),
    [("{", "MP2002"), ("[]", "MP2201"), ('{"meshperf_bundle": 2}', "MP2201"), ('{"meshperf_bundle": 1}', "MP2201")],
)
def test_a_manifest_that_is_not_understood_says_why(tmp_path: Path, manifest: str, code: str) -> None:
    (tmp_path / "MANIFEST.json").write_text(manifest)
    with pytest.raises(DocumentError) as caught:
        BundleView(tmp_path).manifest()
    assert caught.value.code == code and "MANIFEST.json" in str(caught.value)


@pytest.mark.parametrize("line", ["{", "[]", '{"round": 0, "runs": {"../x.json": "00"}}', '{"round": "a", "runs": {}}'])
def test_a_journal_that_is_not_understood_names_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "rounds.jsonl").write_text(json.dumps({"round": 0, "runs": {}}) + "\n" + line + "\n")
    with pytest.raises(DocumentError) as caught:
        BundleView(tmp_path).journal()
    assert caught.value.code == "MP2201" and "rounds.jsonl:2" in str(caught.value)
