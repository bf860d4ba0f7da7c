"""The batch endpoints of the model provider on loopback: they keep what they are sent and answer as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from tests.support.provider import GOOD, Sent, error, json_body

PATH: Final = "/v1/messages/batches"
Line = dict[str, Any] | bytes


def spoken(text: object, *, stop: str = "end_turn", **changed: object) -> dict[str, Any]:
    """The result of a question that was answered: `text`, as JSON if it is none yet."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": text if isinstance(text, str) else json.dumps(text)}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 700, "output_tokens": 90},
    }
    return {"type": "succeeded", "message": message | changed}


def errored(kind: str) -> dict[str, Any]:
    return {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": None}}


def by_line(custom_id: str, result: object) -> dict[str, Any]:
    return {"custom_id": custom_id, "result": result}


@attrs.define
class Kept:
    """A batch at the provider: the questions by id, how often it was looked at, whether it was cancelled."""

    id: str
    asked: dict[str, Any]
    looks: int = 0
    cancelled: bool = False


@attrs.define
class FakeBatches:
    """What the provider does. `answer` makes the result of a question, `lines` may put others in the results' place.

    `override` answers in place of an operation: `submit`, `look`, `results` or `cancel`.
    """

    url: str = ""
    looks: int = 0
    answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: spoken(GOOD)
    lines: Callable[[list[Line]], Sequence[Line]] = lambda lines: list(reversed(lines))
    override: dict[str, Callable[[], Sent]] = attrs.field(factory=dict)
    results_url: str | None = None
    name: str = "msgbatch_{}"
    kept: dict[str, Kept] = attrs.field(factory=dict)
    calls: list[tuple[str, str, dict[str, str]]] = attrs.field(factory=list)
    """Method, path and headers of each request, in turn."""

    def __call__(self, method: str, path: str, headers: dict[str, str], body: Any) -> Sent:
        """Answer one request."""
        self.calls.append((method, path, headers))
        if method == "POST" and path == PATH:
            return self._overridden("submit") or self._submit(body)
        found = self.kept.get(path.removeprefix(PATH + "/").split("/")[0])
        if found is None:
            return error(404, "not_found_error")
        operation = path.removeprefix(f"{PATH}/{found.id}").strip("/") or "look"
        if method == "POST":
            found.cancelled = True
        return self._overridden(operation) or {"look": self._look, "results": self._results, "cancel": self._told}[
            operation
        ](found)

    @property
    def operations(self) -> list[str]:
        """What was asked for, in turn."""
        return [f"{method} {path.removeprefix(PATH)}" for method, path, _ in self.calls]

    @property
    def questions(self) -> dict[str, Any]:
        """All that was asked, by id."""
        return {custom_id: params for batch in self.kept.values() for custom_id, params in batch.asked.items()}

    def _overridden(self, operation: str) -> Sent | None:
        return self.override[operation]() if operation in self.override else None

    def _submit(self, body: Any) -> Sent:
        made = Kept(
            id=self.name.format(len(self.kept)),
            asked={one["custom_id"]: one["params"] for one in body["requests"]},
        )
        self.kept[made.id] = made
        return self._told(made)

    def _look(self, batch: Kept) -> Sent:
        batch.looks += 1
        return self._told(batch)

    def _told(self, batch: Kept) -> Sent:
        ended = batch.looks > self.looks or (batch.cancelled and batch.looks > 0)
        status = "ended" if ended else "canceling" if batch.cancelled else "in_progress"
        counts = dict.fromkeys(("canceled", "errored", "expired", "processing", "succeeded"), 0)
        return json_body(
            {
                "id": batch.id,
                "type": "message_batch",
                "processing_status": status,
                "request_counts": counts | {"processing": 0 if ended else len(batch.asked)},
                "created_at": "2026-11-26T07:00:00Z",
                "expires_at": "2026-11-27T07:00:00Z",
                "ended_at": "2026-11-26T08:00:00Z" if ended else None,
                "cancel_initiated_at": None,
                "archived_at": None,
                "results_url": (self.results_url or f"{self.url}{PATH}/{batch.id}/results") if ended else None,
            }
        )

    def _results(self, batch: Kept) -> Sent:
        lines: list[Line] = [by_line(custom_id, self._result(batch, one)) for custom_id, one in batch.asked.items()]
        body = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in self.lines(lines))
        return Sent(body=body + b"\n", headers={"Content-Type": "application/x-jsonl"})

    def _result(self, batch: Kept, params: Any) -> dict[str, Any]:
        if batch.cancelled:
            return {"type": "canceled"}
        return self.answer(json.loads(params["messages"][0]["content"]))
