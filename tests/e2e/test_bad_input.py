"""Each kind of bad input: one clear error with its code and what to do, the right exit code, nothing left running."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from warm_python import WarmPython

from .command import Command, small_experiment

pytestmark = [pytest.mark.needs_native, pytest.mark.timeout(120)]


@pytest.fixture
def command(tmp_path: Path, warm_python: WarmPython) -> Command:
    return Command(tmp_path, warm_python)


def edited(tmp_path: Path, before: str, after: str) -> Path:
    path = small_experiment(tmp_path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return path


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("rate: 100", "rate: 0", "MP2103"),
        ("rate: 100", "rate: -5", "MP2103"),
        ("rate: 100", "rate: .nan", "MP2103"),
        ("duration: 600ms", 'duration: "5"', "MP2104"),
        ("mesh: none}", "mesh: linkrd}", "MP2106"),
        ("rounds: 3", "rouns: 3", "MP2101"),
        ("seed: 7", "seed: 7\naa: [nobody]", "MP2105"),
    ],
)
def test_a_wrong_experiment_file_is_refused_with_place_and_code(
    command: Command, tmp_path: Path, before: str, after: str, code: str
) -> None:
    path = edited(tmp_path, before, after)
    result = command.run("run", path, "--out", tmp_path / "out")
    assert result.returncode == 2, result.stderr
    assert f"error[{code}]" in result.stderr
    assert f"{path}:" in result.stderr
    assert not (tmp_path / "out").exists()


def test_no_envoy_says_how_to_get_one(command: Command, tmp_path: Path) -> None:
    path = edited(tmp_path, "  client-library: {mesh: none, client_library: {mtls: true}}", "  envoy: {mesh: envoy}")
    path.write_text(path.read_text().replace("[client_library]", "[mesh]"))
    command.environment["ENVOY_BIN"] = str(tmp_path / "absent")
    result = command.run("run", path, "--out", tmp_path / "out")
    assert result.returncode == 3, result.stderr
    assert "MP3001" in result.stderr
    assert "ENVOY_BIN" in result.stderr
    assert not command.leftovers()


def test_an_output_folder_that_is_no_bundle_is_left_alone(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    for flags in ((), ("--overwrite",)):
        result = command.run("run", small_experiment(tmp_path), "--out", out, *flags)
        assert result.returncode == 5, result.stderr
        assert "MP5401" in result.stderr
    assert (out / "thesis.txt").read_text() == "precious"


def test_overwrite_does_not_follow_a_link(command: Command, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    result = command.run("run", small_experiment(tmp_path), "--out", tmp_path / "link", "--overwrite")
    assert result.returncode == 5, result.stderr
    assert "MP5401" in result.stderr
    assert not list((tmp_path / "real").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_output_folder_is_an_error(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "closed"
    out.mkdir(mode=0o500)
    result = command.run("run", small_experiment(tmp_path), "--out", out / "bundle")
    assert result.returncode == 5
    assert "MP5401" in result.stderr


def test_a_target_outside_loopback_is_refused_unless_named(command: Command) -> None:
    result = command.run("load", "http://192.0.2.1:80/", "--rate", "1", "--duration", "1s")
    assert result.returncode == 2
    assert "MP1003" in result.stderr
    assert "--allow-target 192.0.2.1" in result.stderr


def test_an_unreachable_target_is_an_error_with_the_next_step(command: Command) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    result = command.run("load", f"http://127.0.0.1:{port}/", "--rate", "10", "--duration", "1s")
    assert result.returncode == 5, result.stderr
    assert "MP5301" in result.stderr
    assert "hint:" in result.stderr


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_a_senseless_rate_is_refused(command: Command, rate: str) -> None:
    result = command.run("load", "http://127.0.0.1:1/", f"--rate={rate}")
    assert result.returncode == 2
    assert "MP1001" in result.stderr


def test_an_unknown_option_is_a_usage_error(command: Command) -> None:
    result = command.run("run", "--frobnicate")
    assert result.returncode == 2
    assert "error[MP1001]" in result.stderr
