"""The production server as a process of its own, for tests."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

from tests.cli.demos import command, environment, wait_until
from tests.support.sockets import free_port


@attrs.frozen(kw_only=True)
class Server:
    """A running `serve`, and where it logs."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.load(answer)

    def post(self, path: str, body: object) -> tuple[int, dict[str, str], Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.load(answer)

    def status(self, path: str = "/api/ready") -> int:
        try:
            return self.get(path)[0]
        except OSError:
            return 0

    def raw(self, sent: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


@contextmanager
def serving(settings: dict[str, str], log: Path) -> Iterator[Server]:
    """A server that is ready; killed afterwards."""
    port = free_port()
    told = environment(**settings, port=str(port), log_level="debug")
    with log.open("wb") as errors, subprocess.Popen(command("serve"), env=told, stderr=errors) as process:
        server = Server(process=process, port=port, log=log)
        try:
            wait_until(lambda: process.poll() is not None or server.status() == 200)
            assert process.poll() is None, log.read_text("utf-8")
            yield server
        finally:
            process.kill()
