"""Recorded hosts as folders."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from meshperf.environments.local import LocalSite


def _host_tree() -> ModuleType:
    found = importlib.util.spec_from_file_location("host_tree", Path(__file__).with_name("host_tree.py"))
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def host_tree() -> ModuleType:
    """The recorded hosts: `BARE_METAL`, `HYBRID`."""
    return _host_tree()


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Write a recorded host into a folder of its own."""
    return lambda files: _host_tree().plant(tmp_path / "host", files)


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[LocalSite]:
    """A site whose hosts are network namespaces; for tests marked `needs_netns`."""
    with LocalSite.open("pods", None, tmp_path / "state", environment="netns") as site:
        yield site
