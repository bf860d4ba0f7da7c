"""The example of mounting: neither the host nor the other mount notices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from examples.mount_in_your_app import EMAIL, PASSWORD, host_application, log_in, mounted

EXAMPLE = Path(__file__).parents[2] / "examples" / "mount_in_your_app.py"


@pytest.fixture
def client() -> FlaskClient:
    return mounted().test_client()


@pytest.mark.parametrize("path", ["/", "/break", "/nothing", "/v1/patients", "/northern", "/care", "/care/"])
def test_the_host_answers_as_it_did_before(client: FlaskClient, path: str) -> None:
    before, after = host_application().test_client().get(path), client.get(path)
    assert (after.status_code, after.data) == (before.status_code, before.data)
    assert dict(after.headers) == dict(before.headers)


def test_the_host_has_gained_rules_and_views_and_nothing_else() -> None:
    before, after = host_application(), mounted()
    for kept in ("error_handler_spec", "before_request_funcs", "after_request_funcs", "teardown_request_funcs"):
        theirs = {scope: sorted(map(str, held)) for scope, held in getattr(after, kept).items() if held}
        assert theirs.keys() == {scope for scope, held in getattr(before, kept).items() if held}, kept
    assert after.config == before.config
    assert after.url_map.converters == before.url_map.converters
    assert after.json.__class__ is before.json.__class__


@pytest.mark.parametrize("prefix", ["/north", "/care/south"])
@pytest.mark.parametrize("path", ["", "/", "/nothing", "//v1", "/v1/patients/"])
def test_below_a_prefix_no_handler_of_the_host_is_asked(client: FlaskClient, prefix: str, path: str) -> None:
    answer = client.get(prefix + path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert client.open(f"{prefix}/v1/patients", method="BREW").status_code == 405


def test_each_mount_has_its_own_core_and_settings(client: FlaskClient) -> None:
    north, south = log_in(client, "/north"), log_in(client, "/care/south")
    long = '{"name": "Alex Example"}' + " " * 2000
    made = client.post("/north/v1/patients", data=long, content_type="application/json", headers=north)
    assert made.headers["Location"].startswith("/north/v1/patients/")
    assert client.get(made.headers["Location"], headers=north).status_code == 200
    refused = client.post("/care/south/v1/patients", data=long, content_type="application/json", headers=south)
    assert refused.status_code == 413
    assert client.get("/care/south/v1/patients", headers=south).get_json()["data"] == []
    assert len(client.get("/north/v1/patients", headers=north).get_json()["data"]) == 1


def test_a_token_is_good_at_its_own_mount_alone(client: FlaskClient) -> None:
    north = log_in(client, "/north")
    assert client.get("/north/v1/auth/me", headers=north).status_code == 200
    assert client.get("/care/south/v1/auth/me", headers=north).status_code == 401


def test_each_mount_describes_itself_at_its_own_address(client: FlaskClient) -> None:
    for prefix in ("/north", "/care/south"):
        assert client.get(f"{prefix}/openapi.json").get_json()["servers"] == [{"url": prefix}]
        assert client.get(f"{prefix}/docs").status_code == 200


def test_the_example_runs_and_shows_no_password() -> None:
    ran = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True, timeout=500)
    lines = [line for line in ran.stdout.splitlines() if not line.startswith(" ")]
    assert lines == [
        "the host's own page: 200 text/html; charset=utf-8",
        "the host's own 404: 404 text/html; charset=utf-8",
        "a 404 below a prefix: 404 application/problem+json",
        "North's patients: 200 application/json",
        "South's patients: 200 application/json",
        "North's token at South: 401 application/problem+json",
    ]
    assert [word for word in (PASSWORD, EMAIL) if word in ran.stdout + ran.stderr] == []
