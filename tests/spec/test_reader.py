"""Files of every bad kind become one clear error, with its place, and in bounded time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.errors import DocumentError
from meshperf.spec.reader import parse_document, read_document

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def refused(data: bytes, name: str = "a.yaml") -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_document(data, Path(name))
    return caught.value


@given(PLAIN)
def test_json_comes_back_as_it_was_written_with_a_mark_for_every_value(data: object) -> None:
    document = parse_document(json.dumps(data).encode(), Path("a.json"))
    assert document.data == data
    pointers: list[str] = []

    def walk(value: object, pointer: str) -> None:
        pointers.append(pointer)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, one in items:
            walk(one, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")

    walk(data, "")
    assert set(pointers) == set(document.marks)


@given(st.binary(max_size=300), st.sampled_from(["a.yaml", "a.json"]))
def test_any_bytes_are_either_a_document_or_a_document_error(data: bytes, name: str) -> None:
    try:
        parse_document(data, Path(name))
    except DocumentError as error:
        assert error.code in ("MP2002", "MP2003")


@given(st.text(alphabet=" \n:-[]{}&*!#|>'\"?,%@`ab1\t", max_size=60))
def test_any_text_of_yaml_signs_is_either_a_document_or_a_document_error(text: str) -> None:
    try:
        parse_document(text.encode(), Path("a.yaml"))
    except DocumentError as error:
        assert error.code in ("MP2002", "MP2003")


def test_values_have_their_line_and_column_and_so_have_their_keys() -> None:
    document = parse_document(b"a: 1\nload:\n  - {rate: 5, x/y: z}\n", Path("a.yaml"))
    value, key = document.locate("/load/0/rate"), document.locate("/load/0/rate", key=True)
    assert (value.line, value.column, key.line, key.column) == (3, 12, 3, 6)
    assert document.locate("/load/0/x~1y").column == 20
    assert document.locate("/load/0/missing").line == 3


def test_timestamps_and_words_of_yaml_1_1_stay_text() -> None:
    document = parse_document(
        b"t: 2020-01-01T00:00:00Z\nb: on\nn: no\no: 0o17\nd: 010\ns: '5'\nv: 1.20\n", Path("a.yaml")
    )
    assert document.data == {
        "t": "2020-01-01T00:00:00Z", "b": "on", "n": "no", "o": 15, "d": 10, "s": "5", "v": 1.2,
    }  # fmt: skip
    assert document.marks["/v"].text == "1.20"


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_a_key_given_twice_is_told_with_both_lines(name: str) -> None:
    error = refused(b'{"a": {"b": 1,\n"c": 2,\n"b": 3}}', name)
    assert error.code == "MP2003"
    assert (error.location.line, error.location.pointer) == (3, "/a/b")
    assert "line 1" in str(error.hint)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\x7fELF\x00\x00", "not text"),
        (b"a: \xff\xfe", "UTF-8"),
        (b"a: [1, 2", "not valid YAML"),
        (b"a: 'x", "not valid YAML"),
        (b"a:\n\t- b", "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "more than one"),
        (b"a: *nobody", "no anchor"),
        (b"a: &a [*a]", "contains itself"),
        (b"? [1, 2]\n: 3", "key must be plain text"),
        (b"a: !!python/object:os.system x", "tag"),
        (b"a: \x01", "U+0001"),
    ],
)
def test_broken_yaml_is_refused_in_words(data: bytes, words: str) -> None:
    error = refused(data)
    assert error.code == "MP2002"
    assert words in error.message


@pytest.mark.parametrize("text", ["[" * 100_000, "[{a: " * 50_000, "{a: " * 5000, "- " * 2000 + "a"])
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    assert "deeper" in refused(text.encode()).message


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, "[" * 70 + "]" * 70])
def test_deep_json_is_refused_at_once(text: str) -> None:
    assert "deeper" in refused(text.encode(), "a.json").message


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "aliases expanded" in refused("\n".join(lines).encode()).message


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}", "{a: 1}", '{"a": 1']
)
def test_what_is_not_json_is_refused_in_a_json_file(text: str) -> None:
    assert refused(text.encode(), "a.json").code == "MP2002"


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"a" * 2000)
    for path, words in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "directory"), (Path("a\0b"), "null")):
        with pytest.raises(DocumentError) as caught:
            read_document(path)
        assert caught.value.code == "MP2001"
        assert words in caught.value.message
    with pytest.raises(DocumentError, match="larger than") as caught:
        read_document(big, max_bytes=1999)
    assert caught.value.code == "MP2001"
