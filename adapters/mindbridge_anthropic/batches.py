"""Asking the model about hundreds at once, at half the price and within a day, over the Message Batches API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from mindbridge_anthropic.messages import message_of, reason_of
from mindbridge_anthropic.results import Lines, read_result
from mindbridge_anthropic.settings import AnthropicSettings
from mindbridge_core.screening import (
    CURRENT_PROMPT,
    AnswersCutOff,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Progress,
    Prompt,
    Submission,
)

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types.messages import MessageBatch

__all__ = ["MOST_QUESTIONS", "AnthropicBatches"]

T = TypeVar("T")

NAME: Final = "anthropic"
MOST_QUESTIONS: Final = 10_000
"""In one batch: some 60 MB. The provider takes 100,000 questions or 256 MB, whichever comes first."""


def _always() -> bool:
    return True


class AnthropicBatches:
    """`BatchAssessor` of the core over the Message Batches API. `enabled` is the kill switch.

    Each call has connections of its own and a budget for all of it, so that nothing stays open during the hours
    between two looks, and a provider that drips is left. Answers are fetched from the address of the API that was set,
    never from one that the provider names: the key goes nowhere else.
    """

    def __init__(
        self, settings: AnthropicSettings, *, prompt: Prompt = CURRENT_PROMPT, enabled: Callable[[], bool] = _always
    ) -> None:
        """Ask nobody yet."""
        self.settings = settings
        self._prompt = prompt
        self._enabled = enabled

    @property
    def name(self) -> str:
        """Return `anthropic`."""
        return NAME

    @property
    def asks(self) -> bool:
        """Whether the kill switch is off."""
        return self._enabled()

    def takes(self, patients: int) -> bool:
        """Whether there are as many as the settings say, and the kill switch is off."""
        least = self.settings.batch_from
        return least is not None and patients >= least and self.asks

    def submit(self, questions: Mapping[str, AssessmentRequest]) -> Submission | AssessorFailure:
        """Create a batch, with one try: of a second the provider could not know that it is the same."""
        if not self.asks:
            return self._failure(FailureReason.DISABLED)
        if len(questions) > MOST_QUESTIONS:
            return self._failure(FailureReason.UNEXPECTED)
        created = self._tried(lambda client: self._create(client, questions))
        if isinstance(created, AssessorFailure):
            return created
        try:
            return Submission(handle=created.id, model=self.settings.model, prompt_hash=self._prompt.hash)
        except (TypeError, ValueError):  # the client checks no types
            return self._failure(FailureReason.MALFORMED)

    def look(self, sent: Submission) -> Progress | AssessorFailure:
        """Retrieve the batch. One whose results are archived is gone."""
        from anthropic import NotFoundError  # noqa: PLC0415 - more than a second, paid by whoever asks

        async def found(client: AsyncAnthropic) -> Progress:
            try:
                batch = await client.messages.batches.retrieve(sent.handle)
            except NotFoundError:
                return Progress.GONE
            if batch.processing_status != "ended":
                return Progress.UNDER_WAY
            return Progress.ENDED if batch.archived_at is None else Progress.GONE

        return self._tried(found)

    def answers(self, sent: Submission) -> Iterator[tuple[str, AssessorReply | AssessorFailure]]:
        """Yield what each line that can be read says. Lines beyond all measure are passed over."""
        lines = Lines(longest=self.settings.longest_answer, most=self.settings.longest_results)
        reached = self._tried(lambda client: _fetch(client, sent, lines))
        for line in lines.whole:
            result = read_result(line, sent)
            if result is not None:
                yield result
        if reached is not True:
            raise AnswersCutOff

    def cancel(self, sent: Submission) -> bool:
        """Cancel the batch; one that the provider does not know or has ended needs none."""
        from anthropic import APIStatusError  # noqa: PLC0415 - as above

        async def cancelled(client: AsyncAnthropic) -> bool:
            try:
                await client.messages.batches.cancel(sent.handle)
            except APIStatusError as refused:
                return refused.status_code in {400, 404, 409}
            return True

        return self._tried(cancelled) is True

    async def _create(self, client: AsyncAnthropic, questions: Mapping[str, AssessmentRequest]) -> MessageBatch:
        asked = [
            {"custom_id": custom_id, "params": message_of(self.settings, self._prompt, request)}
            for custom_id, request in questions.items()
        ]
        once = client.with_options(max_retries=0)
        return await once.messages.batches.create(requests=asked)  # type: ignore[arg-type]  # a dict for each TypedDict

    def _tried(self, work: Callable[[AsyncAnthropic], Awaitable[T]]) -> T | AssessorFailure:
        """Return what `work` returns within the budget, or why there is nothing; the text of an error could quote."""
        try:
            return asyncio.run(self._bounded(work))
        except TimeoutError:
            return self._failure(FailureReason.TIMEOUT)
        except Exception as error:  # noqa: BLE001 - each is named by its reason
            return self._failure(reason_of(error))

    async def _bounded(self, work: Callable[[AsyncAnthropic], Awaitable[T]]) -> T:
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - as above

        from mindbridge_anthropic.transport import bounded_client  # noqa: PLC0415 - likewise

        settings = self.settings
        async with (
            asyncio.timeout(settings.batch_budget),
            AsyncAnthropic(
                api_key=settings.api_key,
                base_url=settings.base_url,
                timeout=settings.batch_timeout,
                max_retries=settings.retries,
                http_client=bounded_client(settings.batch_timeout, settings.longest_results),
                open_telemetry={"traces": False},  # else a variable of the environment could have contents recorded
            ) as client,
        ):
            return await work(client)

    def _failure(self, reason: FailureReason) -> AssessorFailure:
        return AssessorFailure(reason=reason, model=self.settings.model, prompt_hash=self._prompt.hash)


async def _fetch(client: AsyncAnthropic, sent: Submission, lines: Lines) -> bool:
    """Read the lines; return whether all were there."""
    import httpx2  # noqa: PLC0415 - as above

    streamed: bool = True
    response = await client.get(
        f"/v1/messages/batches/{sent.handle}/results",
        cast_to=httpx2.Response,
        stream=streamed,
        options={"headers": {"Accept": "application/binary", "Accept-Encoding": "identity"}},
    )
    if response.status_code != httpx2.codes.OK:
        return False
    return await lines.read(response)
