"""Asking the model: structured output, a hard budget of time, and a reason wherever there is no answer to go by."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from mindbridge_anthropic.breaker import CircuitBreaker
from mindbridge_anthropic.messages import message_of, read_message, reason_of
from mindbridge_anthropic.settings import AnthropicSettings
from mindbridge_core.screening import (
    CURRENT_PROMPT,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Prompt,
)

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import Message

__all__ = ["AnthropicAssessor"]

T = TypeVar("T")

NAME: Final = "anthropic"
_GRACE: Final = 5.0
"""How long cancelling a call may take before it is left to itself, in seconds."""
_DOWN: Final = frozenset(
    {FailureReason.OVERLOADED, FailureReason.TIMEOUT, FailureReason.UNAVAILABLE, FailureReason.UNEXPECTED}
)
"""What the circuit breaker counts: the provider did not do its work. A refusal or nonsense is work."""


def _always() -> bool:
    return True


class AnthropicAssessor:
    """`RiskAssessor` of the core over the Messages API. `enabled` is the kill switch, looked at before each request.

    Calls run on one event loop in a thread of its own, begun at the first use and so after a fork. There a call that
    is past its budget is really ended, connection and all, however slowly the provider drips.
    """

    def __init__(
        self, settings: AnthropicSettings, *, prompt: Prompt = CURRENT_PROMPT, enabled: Callable[[], bool] = _always
    ) -> None:
        """Ask nobody yet."""
        self.settings = settings
        self.breaker = CircuitBreaker(limit=settings.breaker_failures, seconds=settings.breaker_seconds)
        self._prompt = prompt
        self._enabled = enabled
        self._beginning = threading.Lock()
        self._caller: _Caller | None = None

    @property
    def name(self) -> str:
        """Return `anthropic`."""
        return NAME

    @property
    def asks(self) -> bool:
        """Whether the kill switch is off."""
        return self._enabled()

    def assess(self, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        """Return the model's text, or why there is none, within the budget. Never raises."""
        if not self.asks:
            return self._failure(FailureReason.DISABLED)
        if not self.breaker.lets_pass():
            return self._failure(FailureReason.UNAVAILABLE)
        try:
            answer = self._begun().assess(self._prompt, request)
        except _NoTurn:
            return self._failure(FailureReason.OVERLOADED)  # our own limits, of which the provider knows nothing
        except Exception:  # noqa: BLE001 - a screening must end with the rules' result, whatever went wrong here
            answer = self._failure(FailureReason.UNEXPECTED)
        self._tell_breaker(answer)
        return answer

    def load(self) -> None:
        """Load what asking needs, which may take seconds: so that no first question spends its time on it."""
        for name in ("anthropic.resources.messages", "mindbridge_anthropic.transport"):
            import_module(name)

    def close(self) -> None:
        """End the loop and its connections; a later call begins anew."""
        with self._beginning:
            if self._caller is not None:
                self._caller.close()
                self._caller = None

    def _begun(self) -> _Caller:
        with self._beginning:
            if self._caller is None:
                self._caller = _Caller(self.settings)
            return self._caller

    def _tell_breaker(self, answer: AssessorReply | AssessorFailure) -> None:
        if isinstance(answer, AssessorFailure) and answer.reason in _DOWN:
            self.breaker.failed()
        else:
            self.breaker.succeeded()

    def _failure(self, reason: FailureReason) -> AssessorFailure:
        return AssessorFailure(reason=reason, model=self.settings.model, prompt_hash=self._prompt.hash)


class _NoTurn(Exception):
    """The budget ended while others had their turn."""


class _Caller:
    """The event loop, the client on it, and the limits that all callers share."""

    def __init__(self, settings: AnthropicSettings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mindbridge-anthropic", daemon=True)
        self._thread.start()
        self._client, self._limits = self._run(self._open(), _GRACE + settings.budget)

    def assess(self, prompt: Prompt, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        settings = self._settings
        return self._run(self._bounded(prompt, request), settings.budget + _GRACE)

    def close(self) -> None:
        self._run(self._client.close(), _GRACE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_GRACE)
        self._loop.close()

    def _run(self, work: Coroutine[None, None, T], seconds: float) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    async def _open(self) -> tuple[AsyncAnthropic, _Limits]:
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - more than a second, paid by whoever asks

        from mindbridge_anthropic.transport import bounded_client  # noqa: PLC0415 - likewise

        settings = self._settings
        client = AsyncAnthropic(
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=settings.retries,
            http_client=bounded_client(settings.timeout, settings.longest_answer),
            open_telemetry={"traces": False},  # else a variable of the environment could have contents recorded
        )
        return client, _Limits(settings)

    async def _bounded(self, prompt: Prompt, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        model, waiting = self._settings.model, True
        try:
            async with asyncio.timeout(self._settings.budget), self._limits:
                waiting = False
                message = await self._ask(prompt, request)
        except TimeoutError:
            if waiting:
                raise _NoTurn from None
            return AssessorFailure(reason=FailureReason.TIMEOUT, model=model, prompt_hash=prompt.hash)
        except Exception as error:  # noqa: BLE001 - each is named by its reason; the text could quote the request
            return AssessorFailure(reason=reason_of(error), model=model, prompt_hash=prompt.hash)
        try:
            return read_message(message, prompt.hash, model)
        except Exception:  # noqa: BLE001 - the client checks no types: anything may be anything
            return AssessorFailure(reason=FailureReason.MALFORMED, model=model, prompt_hash=prompt.hash)

    async def _ask(self, prompt: Prompt, request: AssessmentRequest) -> Message:
        message: Message = await self._client.messages.create(**message_of(self._settings, prompt, request))
        return message


class _Limits:
    """How many requests may be under way, and how many may begin in a minute."""

    def __init__(self, settings: AnthropicSettings) -> None:
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - part of the extra

        self._at_once = asyncio.Semaphore(settings.at_once)
        self._rate = AsyncLimiter(settings.per_minute, 60)

    async def __aenter__(self) -> None:
        await self._at_once.acquire()
        try:
            await self._rate.acquire()
        except BaseException:  # cancelled while it waited, too: else the place would be lost for good
            self._at_once.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._at_once.release()
