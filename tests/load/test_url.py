"""From URLs to targets: only where the user said, and with no secret in what is shown."""

from __future__ import annotations

import pytest

from meshperf.errors import UsageError
from meshperf.load.url import target_from_url

SECRET = "s3ntinel"


def test_the_query_is_sent_and_not_shown() -> None:
    target = target_from_url(f"http://127.0.0.1:8080/a?key={SECRET}#part", connections=1)
    assert target.path == f"/a?key={SECRET}"
    assert target.name == "http://127.0.0.1:8080/a"
    assert target.address == target.host == "127.0.0.1:8080"


@pytest.mark.parametrize(
    "url",
    [f"http://u:{SECRET}@127.0.0.1/", f"ftp://u:{SECRET}@h/?{SECRET}", f"http://[::1?{SECRET}", f"http://h:{SECRET}@"],
)
def test_a_url_that_is_refused_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        target_from_url(url, connections=1)
    assert refused.value.code == "MP1001"
    assert SECRET not in str(refused.value)


def test_a_host_outside_loopback_needs_its_name() -> None:
    with pytest.raises(UsageError, match="outside loopback") as refused:
        target_from_url("http://192.0.2.1/", connections=1)
    assert refused.value.code == "MP1003"
    assert target_from_url("http://192.0.2.1/", connections=1, allowed=["192.0.2.1"]).address == "192.0.2.1:80"


def test_only_the_text_of_the_host_decides_what_was_allowed() -> None:
    with pytest.raises(UsageError, match="outside loopback"):
        target_from_url("http://192.0.2.2/", connections=1, allowed=["192.0.2.1"])
