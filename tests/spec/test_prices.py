"""Price files: what is read, and that every problem is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.spec.prices_reading import read_prices

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_read() -> None:
    prices = read_prices(ROOT / "examples" / "prices.yaml")
    assert (prices.currency, prices.default, prices.hours_per_month) == ("EUR", "general", 730.0)
    assert prices.nodes["general"].vcpu_hour == prices.nodes["general"].reserved_vcpu_hour == 0.035
    assert prices.nodes["memory"].reserved_gib_hour == 0.0026
    envoy, other = prices.reserved("envoy"), prices.reserved("istio")
    assert envoy is not None and (envoy.cpu, envoy.memory) == (0.05, 64 * 2**20)
    assert other is not None and (other.cpu, other.memory) == (0.1, 128 * 2**20)


def test_the_first_node_type_is_the_default_and_a_file_may_reserve_nothing(tmp_path: Path) -> None:
    prices = read_prices(
        written(
            tmp_path,
            "prices: p\ncurrency: USD\n"
            "node_types:\n  b: {vcpu_hour: 1, gib_hour: 0}\n  a: {vcpu_hour: 2, gib_hour: 1}\n",
        )
    )
    assert prices.default == "b" and prices.reserved("envoy") is None


def test_all_problems_are_told_at_once_with_line_and_column(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "prices: p\ncurrency: euro\nnode_types:\n"
        "  a: {vcpu_hour: -1, gib_hour: cheap, disk: 1}\nreservation: {cpu: 10x}\n",
    )
    with pytest.raises(DocumentError) as caught:
        read_prices(path)
    found = {(one.code, one.location.line, one.location.pointer) for one in (caught.value, *caught.value.others)}
    assert found == {
        ("MP2104", 2, "/currency"),
        ("MP2103", 4, "/node_types/a/vcpu_hour"),
        ("MP2104", 4, "/node_types/a/gib_hour"),
        ("MP2101", 4, "/node_types/a/disk"),
        ("MP2104", 5, "/reservation/cpu"),
        ("MP2102", 5, "/reservation/memory"),
    }
    assert "prices.yaml:2:11" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("default: large", "MP2107"),
        ("hours_per_month: 800", "MP2103"),
        ("hours_per_month: .nan", "MP2103"),
        ("reservation: {cpu: 2000, memory: 1MiB}", "MP2103"),
        ("reservation: {cpu: true, memory: 1MiB}", "MP2104"),
        ("reservation: {cpu: 1, memory: 2097152GiB}", "MP2103"),
        ("reservation: {cpu: 1, memory: much}", "MP2104"),
        ("reservation: {cpu: 1, memory: 1.5}", "MP2104"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, line: str, code: str) -> None:
    text = f"prices: p\ncurrency: EUR\nnode_types: {{small: {{vcpu_hour: 1, gib_hour: 1}}}}\n{line}\n"
    with pytest.raises(DocumentError) as caught:
        read_prices(written(tmp_path, text))
    assert (caught.value.code, caught.value.location.line) == (code, 4)


def test_the_schema_accepts_the_example_and_refuses_another_key() -> None:
    import jsonschema

    from meshperf.spec.reader import read_document
    from meshperf.spec.schemas import schema

    validator = jsonschema.Draft202012Validator(schema("prices"))
    data = read_document(ROOT / "examples" / "prices.yaml").data
    validator.validate(data)
    assert not validator.is_valid({**data, "disk": 1})
