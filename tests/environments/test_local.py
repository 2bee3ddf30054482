"""A local site with real processes: readiness, errors with log lines, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshperf.environments import processes
from meshperf.environments.local import LocalSite
from meshperf.environments.probes import file_ready, tcp_ready
from meshperf.environments.site import Process, ProcessSpec
from meshperf.errors import CaptureError, DeploymentError, PrerequisiteError, StorageError
from meshperf.telemetry.process import process_cpu_s

SLEEP = "import time; time.sleep(600)"


def spec(
    code: str, *, ready: Callable[[], str | None] = lambda: None, name: str = "app", **more: object
) -> ProcessSpec:
    return ProcessSpec(name=name, role="app", argv=[sys.executable, "-I", "-S", "-c", code], ready=ready, **more)  # type: ignore[arg-type]


def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def alive(process: Process) -> bool:
    return processes.runs(process.pid, process.start_ticks)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state") as opened:
        yield opened


def test_a_started_process_is_ready_pinned_and_apart_from_our_terminal(site: LocalSite) -> None:
    address = f"{site.address('app')}:8080"
    code = (
        "import socket,time,sys\n"
        f"s = socket.create_server(({site.address('app')!r}, 8080))\n"
        "print('listening', flush=True)\n"
        "time.sleep(600)"
    )
    process = site.start(spec(code, ready=tcp_ready(address), listens=(address,)))
    assert alive(process)
    assert os.sched_getaffinity(process.pid) == set(site.cpus.cpus_for("app")) == set(process.cpus)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert process.log.read_text() == "listening\n"
    assert Path(f"/proc/{process.pid}/fd/0").readlink() == Path("/dev/null")
    site.check()


def test_a_process_gets_only_the_environment_it_is_given(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_USER", "s3cret")
    process = site.start(
        spec(
            f"import os; open('env','w').write(chr(10).join(sorted(os.environ))); {SLEEP}",
            ready=file_ready(site.work_dir / "env"),
            env={"GIVEN": "1"},
        )
    )
    assert set((site.work_dir / "env").read_text().split()) - {"LC_CTYPE"} == {"GIVEN", "LANG", "PATH"}
    assert alive(process)


def test_signals_are_not_ignored_in_a_process_of_the_site(site: LocalSite) -> None:
    process = site.start(spec(f"import signal; print(signal.getsignal(signal.SIGINT), flush=True); {SLEEP}"))
    assert eventually(lambda: process.log.read_text() != "")
    assert "default_int_handler" in process.log.read_text()


def test_a_process_that_never_becomes_ready_ends_with_its_last_lines(site: LocalSite) -> None:
    code = f"for n in range(30): print('line', n, flush=True)\n{SLEEP}"
    ready = file_ready(site.work_dir / "never")
    with pytest.raises(DeploymentError) as caught:
        site.start(spec(code, ready=ready, deadline_s=0.7))
    assert caught.value.code == "MP5101"
    assert "never is not written yet" in str(caught.value)
    assert caught.value.log == tuple(f"line {number}" for number in range(10, 30))
    site.check()  # what did not become ready is not expected to run


def test_a_process_that_ends_early_says_how_and_what_it_wrote(site: LocalSite) -> None:
    code = "import sys; print('bad certificate', file=sys.stderr); sys.exit(3)"
    began = time.monotonic()
    with pytest.raises(DeploymentError) as caught:
        site.start(spec(code, ready=file_ready(site.work_dir / "never"), deadline_s=20))
    assert time.monotonic() - began < 10
    assert caught.value.code == "MP5102"
    assert "exit code 3" in str(caught.value)
    assert caught.value.log == ("bad certificate",)


def test_a_process_that_is_killed_early_names_the_signal(site: LocalSite) -> None:
    with pytest.raises(DeploymentError, match="SIGABRT") as caught:
        site.start(spec("import os; os.abort()", ready=file_ready(site.work_dir / "never")))
    assert caught.value.code == "MP5102"


def test_a_program_that_does_not_exist_is_an_error_with_its_name(site: LocalSite) -> None:
    missing = ProcessSpec(name="envoy", role="sidecar", argv=["/nowhere/envoy"], ready=lambda: None)
    with pytest.raises(DeploymentError, match="/nowhere/envoy") as caught:
        site.start(missing)
    assert caught.value.code == "MP5102"


def test_a_declared_address_that_is_taken_is_found_before_anything_starts(site: LocalSite) -> None:
    with socket.create_server((site.address("app"), 0)) as server:
        address = f"{site.address('app')}:{server.getsockname()[1]}"
        with pytest.raises(DeploymentError, match=address) as caught:
            site.start(spec(SLEEP, listens=(address,)))
    assert caught.value.code == "MP5103"
    assert not list((site.work_dir / "logs").glob("app-*"))


def test_an_address_in_use_is_recognised_from_the_log(site: LocalSite) -> None:
    with socket.create_server((site.address("app"), 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_server(({site.address('app')!r}, {port}))"
        with pytest.raises(DeploymentError) as caught:
            site.start(spec(code, ready=file_ready(site.work_dir / "never")))
    assert caught.value.code == "MP5103"
    assert "Address already in use" in "\n".join(caught.value.log)


def test_a_process_that_ends_later_is_found_by_check(site: LocalSite) -> None:
    process = site.start(
        spec(f"print('serving', flush=True); {SLEEP}", ready=file_ready(site.work_dir / "logs" / "app-0.log"))
    )
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: not alive(process))
    with pytest.raises(DeploymentError, match="SIGKILL") as caught:
        site.check()
    assert caught.value.code == "MP5104"
    assert caught.value.log == ("serving",)


def test_stop_ends_a_process_and_its_children_and_check_accepts_it(site: LocalSite) -> None:
    code = (
        "import subprocess,sys,time\n"
        f"child = subprocess.Popen([sys.executable,'-I','-S','-c',{SLEEP!r}])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    process = site.start(spec(code))
    assert eventually(lambda: process.log.read_text().endswith("\n"))
    child = int(process.log.read_text())
    other = site.start(spec(SLEEP, name="other"))
    site.stop(process)
    assert not alive(process)
    assert not Path(f"/proc/{child}").exists()
    assert alive(other)
    site.stop(process)
    site.check()


def test_stop_kills_what_ignores_the_polite_signal(site: LocalSite) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
    process = site.start(spec(code))
    assert eventually(lambda: "deaf" in process.log.read_text())
    began = time.monotonic()
    site.stop(process)
    assert not alive(process)
    assert 0.9 < time.monotonic() - began < 4


def test_close_ends_everything_and_removes_folder_and_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    site = LocalSite.open("test", None, state)
    assert stat.S_IMODE(site.work_dir.stat().st_mode) == 0o700
    detached = (
        "import os,sys,time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "time.sleep(600)"
    )
    process = site.start(spec(detached))
    assert eventually(lambda: process.log.read_text().endswith("\n"))
    grandchild = int(process.log.read_text())
    assert list(state.glob("site-*.json"))
    site.close()
    assert not alive(process)
    assert not Path(f"/proc/{grandchild}").exists()
    assert not site.work_dir.exists()
    assert not list(state.iterdir())
    site.close()


def test_close_ends_everything_even_when_the_supervisor_was_killed(tmp_path: Path) -> None:
    site = LocalSite.open("test", None, tmp_path)
    code = f"import os; pid = os.fork(); print(os.getpid(), flush=True); {SLEEP}"
    process = site.start(spec(code))
    assert eventually(lambda: len(process.log.read_text().split()) == 2)
    both = {int(pid) for pid in process.log.read_text().split()}
    assert site._supervision is not None
    os.kill(site._supervision.pid, signal.SIGKILL)
    site.close()
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in both), 2.0)


def test_ctrl_c_at_the_terminal_does_not_reach_supervisor_or_processes(site: LocalSite) -> None:
    process = site.start(spec(SLEEP))
    assert site._supervision is not None
    os.kill(site._supervision.pid, signal.SIGINT)
    site.check()
    assert os.getpgid(site._supervision.pid) != os.getpgid(0)
    assert alive(process)


def test_two_sites_beside_one_another_do_not_meet(tmp_path: Path) -> None:
    with LocalSite.open("a", None, tmp_path) as one, LocalSite.open("b", None, tmp_path) as two:
        assert one.address("app") != two.address("app")
        assert one.work_dir != two.work_dir
        process = one.start(spec(SLEEP))
        two.close()
        assert alive(process)


def test_a_state_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        LocalSite.open("test", None, tmp_path / "file" / "state")
    assert caught.value.code == "MP5401"


def test_facts_hold_the_host_and_the_cpu_plan(site: LocalSite) -> None:
    facts = site.facts()
    assert facts["host.kernel"].value == os.uname().release
    assert facts["host.cpus.generator"].value == ",".join(map(str, site.cpus.cpus_for("generator")))
    assert facts["host.cpus.generator_shared"].value == site.cpus.generator_shared


def test_processes_end_with_a_supervisor_that_was_killed_and_check_says_so(site: LocalSite) -> None:
    process = site.start(spec(SLEEP))
    assert site._supervision is not None
    os.kill(site._supervision.pid, signal.SIGKILL)
    assert eventually(lambda: not alive(process), 2.0)
    with pytest.raises(CaptureError, match="supervisor") as caught:
        site.check()
    assert caught.value.code == "MP5202"


def test_a_supervisor_with_nothing_to_do_uses_no_cpu(site: LocalSite) -> None:
    site.start(spec(SLEEP))
    assert site._supervision is not None
    before = process_cpu_s(site._supervision.pid)
    time.sleep(0.3)  # the interval itself, not a wait for something
    assert process_cpu_s(site._supervision.pid) - before < 0.005


def test_an_exception_in_the_middle_of_an_answer_does_not_mix_up_later_ones(site: LocalSite) -> None:
    supervision = site._supervision
    assert supervision is not None
    process = site.start(spec(SLEEP))
    with pytest.raises(CaptureError, match="no answer in time"):
        supervision._ask("list", within_s=-1.0)
    assert [child.pid for child in supervision.children()] == [process.pid]
    site.check()


def test_a_command_that_makes_no_sense_is_answered_with_an_error(site: LocalSite) -> None:
    supervision = site._supervision
    assert supervision is not None
    assert "unknown command" in supervision._ask("dance")["error"]
    assert supervision._ask("ping")["pid"] == supervision.pid


def test_a_command_gives_its_output_and_leaves_no_file(site: LocalSite) -> None:
    code = "import sys; print('out'); print('aside', file=sys.stderr)"
    assert site.run([sys.executable, "-I", "-S", "-c", code]) == "out\n"
    assert not list((site.work_dir / "logs").glob("command-*"))


def test_many_commands_are_forgotten_when_they_have_ended(site: LocalSite) -> None:
    process = site.start(spec(SLEEP))
    assert [site.run(["echo", str(number)]) for number in range(20)] == [f"{number}\n" for number in range(20)]
    site.check()
    assert site._supervision is not None
    assert [child.pid for child in site._supervision.children()] == [process.pid]


def test_hosts_of_a_local_site_are_addresses_and_have_no_namespace(site: LocalSite) -> None:
    assert site.kind == "local"
    assert site.namespace("app") is None
    assert site.reach("app", 80) == f"{site.address('app')}:80"
    assert site.reach("app", 80, at="127.0.0.1") == "127.0.0.1:80"
    process = site.start(spec(SLEEP, host="app"))
    assert Path(f"/proc/{process.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()


def test_loopback_addresses_have_no_link_between_them(site: LocalSite) -> None:
    with pytest.raises(PrerequisiteError, match="no link between them") as caught:
        site.divide(lambda host: True, 0.01)
    assert caught.value.code == "MP3010"


def test_a_site_s_folder_is_ours_alone(site: LocalSite) -> None:
    folder = site.folder("mesh/certificates")
    assert folder == site.work_dir / "mesh" / "certificates" == site.folder("mesh/certificates")
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
