"""Energy counters, on trees of files whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.environments.host_files import HostFiles, Unavailable
from meshperf.telemetry.energy import EnergyMeter

RANGE_UJ = 262_143_328_850


class Tree:
    """A made-up machine with zones that can be written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 100.0

    def zone(self, entry: str, name: str, microjoules: int, range_uj: int = RANGE_UJ) -> Path:
        folder = self.root / "sys/class/powercap" / entry
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        return folder

    def taken(self, change, *, seconds: float = 2.0):
        meter = EnergyMeter(root=self.root, clock=lambda: self.now)
        meter.begin()
        change()
        self.now += seconds
        return meter.end()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    (tmp_path / "sys/class/powercap/intel-rapl").mkdir(parents=True)  # the control type itself has no counter
    made.zone("intel-rapl:0", "package-0", 5_000_000)
    return made


def test_packages_and_memory_are_summed_and_nothing_is_counted_twice(tree: Tree) -> None:
    tree.zone("intel-rapl:1", "package-1", 0)
    parts = {"intel-rapl:0:0": "core", "intel-rapl:0:1": "uncore", "intel-rapl:0:2": "dram", "intel-rapl:2": "psys"}
    for entry, name in parts.items():
        tree.zone(entry, name, 0)
    tree.zone("intel-rapl-mmio:0", "package-0", 0)

    def run() -> None:
        tree.zone("intel-rapl:0", "package-0", 45_000_000)
        tree.zone("intel-rapl:1", "package-1", 10_000_000)
        for entry, name in parts.items():
            tree.zone(entry, name, 7_000_000)
        tree.zone("intel-rapl-mmio:0", "package-0", 40_000_000)

    found = tree.taken(run)
    assert found.joules == pytest.approx(40 + 10 + 7)
    assert (found.duration_s, found.zones, found.unavailable) == (2.0, ("dram", "package-0", "package-1"), "")


def test_a_counter_that_wrapped_around_goes_on_from_its_range(tree: Tree) -> None:
    tree.zone("intel-rapl:0", "package-0", RANGE_UJ - 1_000_000)
    found = tree.taken(lambda: tree.zone("intel-rapl:0", "package-0", 3_000_000))
    assert found.joules == pytest.approx(4.0)


def test_an_interval_in_which_it_could_have_wrapped_unnoticed_has_no_figure(tree: Tree) -> None:
    found = tree.taken(lambda: tree.zone("intel-rapl:0", "package-0", 6_000_000), seconds=300.0)
    assert found.joules is None and "unnoticed" in found.unavailable


def test_counters_for_root_only_have_no_figure_and_say_so(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, whom no mode of a file keeps out: the refusal is put where the file is read."""
    read = HostFiles.integer

    def refused(self: HostFiles, path: str) -> int:
        if path.endswith("intel-rapl:0:2/energy_uj"):
            raise Unavailable(f"{path} may not be read by this user")
        return read(self, path)

    tree.zone("intel-rapl:0:2", "dram", 0)
    monkeypatch.setattr(HostFiles, "integer", refused)
    found = tree.taken(lambda: None)
    assert found.joules is None and "may not be read" in found.unavailable


def test_a_file_without_permission_has_no_figure(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, *args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", denied)
    found = EnergyMeter(root=tree.root)
    found.begin()
    assert "may not be read" in found.end().unavailable


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    meter = EnergyMeter(root=tmp_path)
    meter.begin()
    assert "/sys/class/powercap" in meter.end().unavailable
    (tmp_path / "sys/class/powercap").mkdir(parents=True)
    meter.begin()
    assert "no energy counter" in meter.end().unavailable


def test_a_zone_that_came_or_went_leaves_no_figure(tree: Tree) -> None:
    assert "changed" in tree.taken(lambda: tree.zone("intel-rapl:1", "package-1", 0)).unavailable


def test_a_counter_of_an_odd_form_has_no_figure(tree: Tree) -> None:
    (tree.root / "sys/class/powercap/intel-rapl:0/energy_uj").write_text("many\n")
    assert "unexpected form" in tree.taken(lambda: None).unavailable


def test_an_end_without_a_begin_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="without begin"):
        EnergyMeter().end()
