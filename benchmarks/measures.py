"""What is driven over HTTP: which server, which requests, which answer; measured in rounds, one after the other."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs

from benchmarks.load import Sample, drive, median_of, request
from benchmarks.people import new_patient
from benchmarks.scene import PASSWORD, Clinic, Scene
from benchmarks.servers import Server
from mindbridge_core.pagination import encode_cursor

__all__ = ["MEASURES", "Measure", "run_rounds"]

CONNECTIONS: Final = 8
MANY: Final = 16
PATIENTS: Final = "/api/v1/patients"
WARM_UP_SECONDS: Final = 0.5

Streams = Sequence[Iterator[bytes]]


@attrs.frozen(kw_only=True)
class Measure:
    """Requests to one of the servers of `benchmarks.wsgi`."""

    server: str
    streams: Callable[[Scene], Streams]
    status: int = 200


def _same(sent: bytes, connections: int = CONNECTIONS) -> Streams:
    return [itertools.repeat(sent) for _ in range(connections)]


def _plain(path: str) -> Callable[[Scene], Streams]:
    return lambda _: _same(request("GET", path))


def _list(clinic: Clinic, after: UUID | None = None) -> bytes:
    cursor = "" if after is None else f"&cursor={encode_cursor(after)}"
    return request("GET", f"{PATIENTS}?limit=50{cursor}", token=clinic.token)


def _deep(scene: Scene) -> Streams:
    ids = scene.large.patients
    return _same(_list(scene.large, ids[len(ids) * 9 // 10]))


def _own(scene: Scene) -> Streams:
    return _same(request("GET", f"{PATIENTS}?limit=50", token=scene.large.manager_token))


def _apart(ids: Sequence[UUID]) -> list[Iterator[UUID]]:
    """Return one endless, shuffled stream of ids per connection; no id is in two streams, so writers never meet."""
    mixed = random.Random(7).sample(ids, len(ids))  # noqa: S311 - the same order in every run, no secret
    return [itertools.cycle(mixed[start::CONNECTIONS]) for start in range(CONNECTIONS)]


def _views(clinic: Clinic) -> Streams:
    return [(request("GET", f"{PATIENTS}/{one}", token=clinic.token) for one in ids) for ids in _apart(clinic.patients)]


def _updates(scene: Scene) -> Streams:
    bodies = [json.dumps({"medication_adherence": percent}).encode() for percent in (61.5, 72.25, 83)]
    return [
        (
            request("PATCH", f"{PATIENTS}/{one}", token=scene.large.token, body=bodies[turn % 3])
            for turn, one in enumerate(ids)
        )
        for ids in _apart(scene.large.patients)
    ]


def _creates(scene: Scene) -> Streams:
    numbers = itertools.count()

    def one() -> Iterator[bytes]:
        for number in numbers:
            yield request("POST", PATIENTS, token=scene.large.token, body=json.dumps(new_patient(number)).encode())

    return [one() for _ in range(CONNECTIONS)]


def _login(email: str) -> Iterator[bytes]:
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    return itertools.repeat(request("POST", "/api/v1/auth/login", body=body))


MEASURES: Final[Mapping[str, Measure]] = {
    "hello": Measure(server="bare", streams=_plain("/hello")),
    "rows": Measure(server="bare", streams=_plain("/rows")),
    "list": Measure(server="product", streams=lambda scene: _same(_list(scene.large))),
    "list unaudited": Measure(server="unaudited", streams=lambda scene: _same(_list(scene.large))),
    "list padded": Measure(server="unencrypted", streams=lambda scene: _same(_list(scene.clear))),
    "list deep": Measure(server="product", streams=_deep),
    "list own": Measure(server="product", streams=_own),
    "get": Measure(server="product", streams=lambda scene: _views(scene.large)),
    "get unaudited": Measure(server="unaudited", streams=lambda scene: _views(scene.large)),
    "get padded": Measure(server="unencrypted", streams=lambda scene: _views(scene.clear)),
    "update": Measure(server="product", streams=_updates),
    "create": Measure(server="product", streams=_creates, status=201),
    "one clinic": Measure(server="product", streams=lambda scene: _same(_list(scene.small[0]), MANY)),
    "many clinics": Measure(
        server="product", streams=lambda scene: [itertools.repeat(_list(clinic)) for clinic in scene.small]
    ),
    "login": Measure(server="product", streams=lambda scene: [_login(email) for email in scene.emails]),
}


def run_rounds(
    names: Sequence[str], scene: Scene, servers: Mapping[str, Server], *, seconds: float, rounds: int
) -> dict[str, Sample]:
    """Warm up, then take `rounds` of all measures, one after the other; return each one's median."""
    streams = {name: MEASURES[name].streams(scene) for name in names}

    def take(name: str, lasting: float) -> Sample:
        measure = MEASURES[name]
        return drive(servers[measure.server].port, streams[name], lasting, status=measure.status)

    for name in names:
        take(name, min(seconds, WARM_UP_SECONDS))
    taken = [{name: take(name, seconds) for name in names} for _ in range(rounds)]
    return {name: median_of([round_[name] for round_ in taken]) for name in names}
