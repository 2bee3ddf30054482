"""Secrets are masked wherever the document puts them, and what is no secret stays as it was written."""

from __future__ import annotations

import json

import pytest

from meshperf.spec.redaction import is_secret_header, shown_path, shown_text, shown_url

SECRET = "s3ntinel"


@pytest.mark.parametrize(
    "name", ["Authorization", "PROXY-AUTHORIZATION", "cookie", "X-Api-Key", "x-auth-token", "Client-Secret", "password"]
)
def test_headers_that_carry_credentials_are_known_by_name(name: str) -> None:
    assert is_secret_header(name)


def test_other_headers_are_no_secret() -> None:
    assert not any(map(is_secret_header, ("accept", "x-request-id", "content-type", "authority")))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:s3ntinel@127.0.0.1:80/a?k=s3ntinel#s3ntinel", "http://127.0.0.1:80/a"),
        ("https://[::1]:8443/a@b", "https://[::1]:8443/a@b"),
        ("http://u:s3n@tinel@host", "http://host"),
        ("u:s3ntinel@host/x", "host/x"),
    ],
)
def test_a_url_is_shown_without_user_info_and_query(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_path_tells_that_there_was_a_query() -> None:
    assert shown_path(f"/a?k={SECRET}") == "/a?withheld"
    assert shown_path("/a") == "/a"


@pytest.mark.parametrize(
    "text",
    [
        f"load:\n  - headers:\n      authorization: Bearer {SECRET}\n",
        f"load: [{{headers: {{X-Token: '{SECRET}'}}}}]\n",
        f"load: [{{headers: {{x-api-key: [a, {SECRET}]}}}}]\n",
        f"load:\n  - headers:\n      cookie: >-\n        a=1;\n        b={SECRET}\n    rate: 5\n",
        'load: [{headers: {authorization: "s3n\\u0074inel"}}]\n# it is s3ntinel, see above\n',
        f"x: &a {SECRET}\nload: [{{headers: {{authorization: *a}}}}]\n",
        f"load: [{{path: '/a?key={SECRET}'}}]\n",
        f"test: {{clients: [{{cookies: {{a: {SECRET}}}}}]}}\n",
        f"test: {{clients: [{{endpoint_urls: ['http://u:{SECRET}@h/a', 'http://h/?{SECRET}']}}]}}\n",
        json.dumps({"test": {"clients": [{"headers": {"Authorization": SECRET}}]}}),
        f"test: {{clients: [{{header_list: [{{name: Authorization, value: Bearer {SECRET}}}]}}]}}\n",
        f"test: {{clients: [{{headerList: [{{value: {SECRET}, name: X-Token}}]}}]}}\n",
        f"test: {{clients: [{{grpc: {{metadata: {{x-token: {SECRET}}}}}}}]}}\n",
        f"test: {{clients: [{{targets: [{{url: 'http://h/?{SECRET}'}}]}}]}}\n",
        f"# authorization: Bearer {SECRET}\nrate: 5\n",
        f"not yaml: [{SECRET}\n",
    ],
)
def test_a_secret_is_in_no_text_that_is_shown(text: str) -> None:
    shown = shown_text(text)
    assert SECRET not in shown
    assert "s3n\\u0074inel" not in shown
    assert "withheld" in shown


def test_a_text_without_secrets_is_shown_as_it_was() -> None:
    text = "# by hand\narms: {token-service: {mesh: none}}\nload: [{rate: 5, headers: {accept: 'a'}, path: /x}]\n"
    assert shown_text(text) == text


def test_what_stands_beside_a_secret_stays() -> None:
    text = f"load:\n  - headers:\n      cookie: |\n        {SECRET}\n      accept: json\n    rate: 5 # why\n"
    assert shown_text(text) == "load:\n  - headers:\n      cookie: withheld\n      accept: json\n    rate: 5 # why\n"
