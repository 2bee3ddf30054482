"""What is told when a site is left with an error: the disk that is full, the process that died first."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshperf.environments import root_cause as module
from meshperf.environments.local import LocalSite
from meshperf.environments.root_cause import root_cause
from meshperf.environments.site import ProcessSpec
from meshperf.errors import CaptureError, DeploymentError, StorageError

Usage = namedtuple("Usage", "total used free")
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")
LATE = DeploymentError("MP5101", "the sidecar was not ready within 15 s")


def nobody_died() -> None:
    """A check that finds every process alive."""


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: Usage(total=1 << 20, used=1 << 20, free=0))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    opened = LocalSite.open("rooted", None, tmp_path / "state")
    yield opened
    opened.close()


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("error", [NO_ROOM, LATE])
def test_a_full_disk_is_told_with_the_folder_and_the_next_step(tmp_path: Path, error: Exception) -> None:
    told = root_cause(error, tmp_path / "scratch", nobody_died)
    assert isinstance(told, StorageError)
    assert told.code == "MP5402"
    assert str(tmp_path / "scratch") in told.message
    assert "TMPDIR" in str(told.hint)


def test_no_space_elsewhere_is_not_the_scratch_folders(tmp_path: Path) -> None:
    assert shutil.disk_usage(tmp_path).free > 1 << 20
    assert root_cause(NO_ROOM, tmp_path, nobody_died) is None


def test_what_is_no_failure_of_a_deployment_stays_what_it_is(tmp_path: Path) -> None:
    def one_died() -> None:
        raise DeploymentError("MP5104", "agent ended")

    for error in (None, KeyboardInterrupt(), ValueError("x"), DeploymentError("MP5104", "app ended")):
        assert root_cause(error, tmp_path, one_died) is None


def test_without_a_supervisor_the_error_stays_what_it_is(tmp_path: Path) -> None:
    def nobody_to_ask() -> None:
        raise CaptureError("MP5202", "the supervisor is gone")

    assert root_cause(LATE, tmp_path, nobody_to_ask) is None


def test_a_site_names_the_process_that_died_and_not_the_one_that_waited_for_it(site: LocalSite) -> None:
    plane, sidecar = (
        ProcessSpec(
            name=name,
            role=name,
            argv=[sys.executable, "-I", "-S", "-c", f"print('{name} begins', flush=True); import time; time.sleep(60)"],
            ready=ready,
            deadline_s=2.0,
        )
        for name, ready in (("control-plane", lambda: None), ("sidecar", lambda: "no configuration yet"))
    )
    with pytest.raises(DeploymentError) as caught, site:
        os.kill(site.start(plane).pid, signal.SIGKILL)
        site.start(sidecar)
    assert caught.value.code == "MP5104"
    assert caught.value.message.startswith("control-plane ended"), caught.value.message
    assert isinstance(caught.value.__cause__, DeploymentError)
    assert "sidecar was not ready" in caught.value.__cause__.message
