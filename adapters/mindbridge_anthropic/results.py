"""The results of a batch: one JSON object a line, in any order, each read by itself so that one spoils no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from mindbridge_anthropic.messages import read_message
from mindbridge_core.screening import AssessorFailure, AssessorReply, FailureReason, Submission

if TYPE_CHECKING:
    import httpx2

__all__ = ["Lines", "read_result"]

_ERRORS: Final = {
    "overloaded_error": FailureReason.OVERLOADED,
    "rate_limit_error": FailureReason.OVERLOADED,
    "timeout_error": FailureReason.TIMEOUT,
}


@attrs.define
class Lines:
    """Takes a body apart into lines. A line past `longest` bytes is passed over; past `most` in all, it is cut off.

    `whole` is the lines so far; whoever stops early has these.
    """

    longest: int
    most: int
    whole: list[bytes] = attrs.field(factory=list)
    _rest: bytearray = attrs.field(factory=bytearray)
    _over: bool = False

    async def read(self, response: httpx2.Response) -> bool:
        """Read to the end; return whether it was reached."""
        left = self.most
        async for chunk in response.aiter_bytes():
            left -= len(chunk)
            if left < 0:
                return False
            self._take(chunk)
        self._end()
        return True

    def _take(self, chunk: bytes) -> None:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            self._end()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._over = self._over or len(self._rest) + len(part) > self.longest
        if self._over:
            self._rest.clear()
        else:
            self._rest += part

    def _end(self) -> None:
        if self._rest.strip():
            self.whole.append(bytes(self._rest))
        self._rest.clear()
        self._over = False


def read_result(line: bytes, sent: Submission) -> tuple[str, AssessorReply | AssessorFailure] | None:
    """Return the id of the question and what came of it; None for a line that names no question."""
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(held, Mapping) or not isinstance(held.get("custom_id"), str):
        return None
    try:
        return held["custom_id"], _said(held["result"], sent)
    except Exception:  # noqa: BLE001 - whatever the line holds, it is no answer
        return held["custom_id"], _failure(FailureReason.MALFORMED, sent)


def _said(result: Mapping[str, Any], sent: Submission) -> AssessorReply | AssessorFailure:
    from anthropic.types import Message  # noqa: PLC0415 - loaded by now

    match result["type"]:
        case "succeeded":
            return read_message(Message.construct(**result["message"]), sent.prompt_hash, sent.model)
        case "errored":
            return _failure(_ERRORS.get(result["error"]["error"]["type"], FailureReason.UNAVAILABLE), sent)
        case "expired":
            return _failure(FailureReason.TIMEOUT, sent)
        case "canceled":
            return _failure(FailureReason.UNAVAILABLE, sent)
        case _:
            return _failure(FailureReason.MALFORMED, sent)


def _failure(reason: FailureReason, sent: Submission) -> AssessorFailure:
    return AssessorFailure(reason=reason, model=sent.model, prompt_hash=sent.prompt_hash)
