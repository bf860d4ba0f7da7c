"""What compose.yaml and the Dockerfile must not say, as rules that name each place where they do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

LOOPBACK: Final = ("127.0.0.1:", "[::1]:")
SECRET_NAMES: Final = re.compile(r"password|secret|token|key|credential", re.IGNORECASE)
REQUIRED: Final = re.compile(r"^\$\{\w+:\?[^}]*\}$")
SECRET_FILE: Final = re.compile(r"^/run/secrets/\w+$")
URL_PASSWORD: Final = re.compile(r"://[^:/@\s]+:(?P<password>\$\{[^}]*\}|[^@\s]+)@")


def compose_findings(document: Mapping[str, Any]) -> list[str]:
    """List what is wrong with a compose file, as `service: finding`; a file without services is wrong too."""
    services: Mapping[str, Mapping[str, Any]] = document.get("services") or {}
    if not services:
        return ["no services"]
    return [
        f"{name}: {finding}"
        for name, service in services.items()
        for rule in (_ports, _passwords, _user, _image, _health)
        for finding in rule(service)
    ]


def _ports(service: Mapping[str, Any]) -> Iterator[str]:
    for port in service.get("ports", []):
        published = f"{port.get('host_ip', '')}:" if isinstance(port, Mapping) else str(port)
        if not published.startswith(LOOPBACK):
            yield f"port {port} is published on every interface"
    if service.get("network_mode") == "host":
        yield "network_mode host publishes every port"


def _passwords(service: Mapping[str, Any]) -> Iterator[str]:
    given = service.get("environment") or {}
    variables = given if isinstance(given, Mapping) else dict(entry.partition("=")[::2] for entry in given)
    for variable, value in variables.items():
        in_url = URL_PASSWORD.search(str(value))
        if in_url:
            if not REQUIRED.match(in_url["password"]):
                yield f"{variable} has a literal or optional password in its URL"
        elif SECRET_NAMES.search(variable) and not (REQUIRED.match(str(value)) or SECRET_FILE.match(str(value))):
            yield f"{variable} is neither a secret's file nor a required variable"


def _user(service: Mapping[str, Any]) -> Iterator[str]:
    if str(service.get("user", "")).partition(":")[0] in {"0", "root"}:
        yield "runs as root"
    if service.get("privileged"):
        yield "is privileged"


def _image(service: Mapping[str, Any]) -> Iterator[str]:
    image = str(service.get("image", ""))
    if not image:
        yield "names no image"
    elif _floats(image):
        yield f"image {image} names no version"


def _health(service: Mapping[str, Any]) -> Iterator[str]:
    check = service.get("healthcheck") or {}
    if not check.get("test") and not (check.get("disable") and service.get("restart") == "no"):
        yield "has no health check"


def dockerfile_findings(text: str) -> list[str]:
    """List what is wrong with a Dockerfile's last stage and with the images it starts from."""
    steps = [line.split(maxsplit=1) for line in re.sub(r"\\\n", " ", text).splitlines() if re.match(r"[A-Z]+ ", line)]
    starts = [index for index, (word, _) in enumerate(steps) if word == "FROM"]
    if not starts:
        return ["no FROM"]
    final = steps[starts[-1] :]
    users = [rest for word, rest in final if word == "USER"]
    commands = " ".join(rest for word, rest in final if word in {"CMD", "ENTRYPOINT"})
    images = [rest.split()[0] for word, rest in steps if word == "FROM"]
    findings = [f"image {image} names no version" for image in images if _floats(image)]
    if not users or users[-1].partition(":")[0] in {"0", "root"}:
        findings.append("runs as root")
    if not any(word == "HEALTHCHECK" and "/api/health" in rest for word, rest in final):
        findings.append("has no health check")
    if re.search(r"reload|debug|flask run", commands):
        findings.append("runs a development server")
    findings += [
        f"{word} sets a secret"
        for word, rest in steps
        if word in {"ENV", "ARG"} and re.search(r"(password|secret|token|key)\w*[= ]", rest, re.IGNORECASE)
    ]
    return findings


def _floats(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in {"", "latest"} and "@sha256:" not in image
