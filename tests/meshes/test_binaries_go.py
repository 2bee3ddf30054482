"""Build settings read from Go programs: real ones where Go is here, and files of the form where not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from meshperf.meshes.executables import go_build

MODULE_TEXT = (
    "path\twrapper/istiod\n"
    "mod\twrapper\t(devel)\t\n"
    "dep\tistio.io/istio\tv0.0.0-2026\th1:abc=\n"
    "dep\texample.org/old\tv1.0.0\n"
    "=>\texample.org/fork\tv1.2.0\th1:def=\n"
    "build\t-trimpath=true\n"
    'build\t-ldflags="-s -w"\n'
)


def number(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def text(value: str, frame: bytes = b"") -> bytes:
    data = frame + value.encode() + frame
    return number(len(data)) + data


def image(before: int, mark: bytes = b"\xff Go buildinf:") -> bytes:
    header = mark + bytes([8, 2]) + bytes(16)
    return bytes(before) + header + text("go1.26.8") + text(MODULE_TEXT, frame=bytes(range(16)))


def test_the_settings_are_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "program"
    # First the mark as a constant, not aligned; then one whose text breaks off the form; then the real one.
    path.write_bytes(bytes(5) + b"\xff Go buildinf:" + image(before=16 * 40 - 19))
    built = go_build(path)
    assert built is not None
    assert (built.go, built.package, built.module) == ("go1.26.8", "wrapper/istiod", ("wrapper", "(devel)"))
    assert built.version_of("istio.io/istio") == "v0.0.0-2026"
    assert built.version_of("example.org/old") == "example.org/fork@v1.2.0"
    assert built.version_of("absent") is None
    assert built.settings == {"-trimpath": "true", "-ldflags": "-s -w"}


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\xff Go buildinf:", image(16)[:70], image(16, mark=b"x" * 14)])
def test_other_files_and_broken_ones_have_none(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(data)
    built = go_build(path)
    assert built is None


def test_a_real_go_program_tells_its_compiler() -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    built = go_build(Path(go).resolve())
    assert built is not None
    assert built.go.startswith("go1.")
    assert built.package == "cmd/go"
    assert built.settings["GOOS"] == "linux"
