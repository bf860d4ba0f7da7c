from __future__ import annotations

import copy
import importlib.resources
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.packaging.deployment_rules import compose_findings, dockerfile_findings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The compose specification's JSON schema, as the package check-jsonschema carries it."""
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    found: dict[str, Any] = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    assert {"services", "secrets", "configs"} <= found["properties"].keys()
    return found


def changed(compose: dict[str, Any], service: str, **fields: object) -> dict[str, Any]:
    other = copy.deepcopy(compose)
    other["services"][service].update(fields)
    return other


def test_compose_yaml_is_valid_under_the_compose_specification(compose: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.validate(compose, schema)


def test_an_unknown_field_is_refused_by_that_schema(compose: dict[str, Any], schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(compose, "application", helthcheck={}), schema)


def test_compose_yaml_breaks_no_rule(compose: dict[str, Any]) -> None:
    assert compose_findings(compose) == []


def test_a_compose_file_without_services_is_no_success() -> None:
    assert compose_findings({}) == ["no services"]


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        ({"ports": ["8000:8000"]}, "port 8000:8000 is published on every interface"),
        ({"ports": ["0.0.0.0:80:8000"]}, "port 0.0.0.0:80:8000 is published on every interface"),
        ({"ports": [8000]}, "port 8000 is published on every interface"),
        ({"ports": [{"target": 80}]}, "port {'target': 80} is published on every interface"),
        ({"network_mode": "host"}, "network_mode host publishes every port"),
        ({"environment": {"A_PASSWORD": "x"}}, "A_PASSWORD is neither a secret's file nor a required variable"),
        ({"environment": ["A_TOKEN=x"]}, "A_TOKEN is neither a secret's file nor a required variable"),
        ({"environment": {"A_KEY": "${A:-x}"}}, "A_KEY is neither a secret's file nor a required variable"),
        ({"environment": {"A_URL": "pg://me:x@db/d"}}, "A_URL has a literal or optional password in its URL"),
        ({"environment": {"A_URL": "pg://me:${A:-x}@db/d"}}, "A_URL has a literal or optional password in its URL"),
        ({"user": "root"}, "runs as root"),
        ({"user": "0:0"}, "runs as root"),
        ({"privileged": True}, "is privileged"),
        ({"image": "postgres"}, "image postgres names no version"),
        ({"image": "host:5000/postgres:latest"}, "image host:5000/postgres:latest names no version"),
        ({"healthcheck": {"disable": True}}, "has no health check"),
    ],
)
def test_each_fault_planted_in_the_compose_file_is_found(
    compose: dict[str, Any], fields: dict[str, object], finding: str
) -> None:
    assert compose_findings(changed(compose, "application", **fields)) == [f"application: {finding}"]


@pytest.mark.parametrize(
    "fields",
    [
        {"ports": ["127.0.0.1:8000:8000", "[::1]:8000:8000", {"target": 80, "host_ip": "127.0.0.1"}]},
        {"environment": {"A_PASSWORD": "${A:?not set}", "A_KEY_FILE": "/run/secrets/a", "PORT": "1"}},
        {"environment": {"A_URL": "pg://me:${A:?not set}@db/d", "B_URL": "pg://me@db/d"}},
        {"user": "10001"},
        {"image": "registry.example/postgres:17.2"},
    ],
)
def test_what_the_rules_allow_is_not_found(compose: dict[str, Any], fields: dict[str, object]) -> None:
    assert compose_findings(changed(compose, "application", **fields)) == []


def test_the_application_waits_for_the_database_and_its_migrations(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["database"]["image"].startswith("postgres:17")
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["application"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_the_application_is_not_given_the_owner_s_password(compose: dict[str, Any]) -> None:
    application = str(compose["services"]["application"])
    assert "OWNER" not in application
    assert "owner_password" not in application
    assert "MINDBRIDGE_APPLICATION_PASSWORD" in application


def test_the_dockerfile_breaks_no_rule(dockerfile: str) -> None:
    assert dockerfile_findings(dockerfile) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("USER 10001:10001\n", "", "runs as root"),
        ("USER 10001:10001\n", "USER root\n", "runs as root"),
        ("USER 10001:10001\n", "USER 10001\nUSER 0\n", "runs as root"),
        ("FROM python:3.13-slim\n", "FROM python:latest\n", "image python:latest names no version"),
        ("FROM python:3.13-slim AS", "FROM python AS", "image python names no version"),
        ("/api/health", "/", "has no health check"),
        ('CMD ["serve"', 'CMD ["serve", "--reload"', "runs a development server"),
        ("EXPOSE", "ENV DB_PASSWORD=x\nEXPOSE", "ENV sets a secret"),
    ],
)
def test_each_fault_planted_in_the_dockerfile_is_found(dockerfile: str, old: str, new: str, finding: str) -> None:
    planted = dockerfile.replace(old, new)
    assert planted != dockerfile
    assert dockerfile_findings(planted) == [finding]


def test_an_empty_dockerfile_is_no_success() -> None:
    assert dockerfile_findings("") == ["no FROM"]


def test_the_build_context_holds_what_the_wheel_is_built_from_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    admitted = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    assert admitted == {"LICENSE", "README.md", "pyproject.toml", "adapters", "migrations", "src"}
