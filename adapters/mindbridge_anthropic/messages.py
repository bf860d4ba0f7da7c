"""What is sent as one message and what is read out of one, whether it goes alone or among many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mindbridge_core.screening import (
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Prompt,
    Usage,
)

if TYPE_CHECKING:
    from anthropic.types import Message

    from mindbridge_anthropic.settings import AnthropicSettings

__all__ = ["message_of", "read_message", "reason_of"]

_LONGEST_MODEL: Final = 100
_STOPS: Final = {
    "refusal": FailureReason.REFUSED,
    "max_tokens": FailureReason.TRUNCATED,
    "model_context_window_exceeded": FailureReason.TRUNCATED,
}


def message_of(settings: AnthropicSettings, prompt: Prompt, request: AssessmentRequest) -> dict[str, Any]:
    """Return the parameters of the message that asks: nothing of the person but the request."""
    from anthropic import transform_schema  # noqa: PLC0415 - loaded by whoever asks

    return {
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "system": prompt.instruction,
        "messages": [{"role": "user", "content": prompt.question(request)}],
        "output_config": {"format": {"type": "json_schema", "schema": transform_schema(dict(prompt.answer))}},
    }


def reason_of(error: Exception) -> FailureReason:
    """Return what an error of the client means."""
    import anthropic  # noqa: PLC0415 - loaded by now

    match error:
        case anthropic.APITimeoutError():
            return FailureReason.TIMEOUT
        case anthropic.RateLimitError() | anthropic.OverloadedError():
            return FailureReason.OVERLOADED
        case anthropic.APIResponseValidationError() | ValueError():  # no JSON, or in no encoding
            return FailureReason.MALFORMED
        case anthropic.APIConnectionError() | anthropic.APIStatusError():
            return FailureReason.UNAVAILABLE
        case _:
            return FailureReason.UNEXPECTED


def read_message(message: Message, prompt_hash: str, asked: str) -> AssessorReply | AssessorFailure:
    """Take the text out of a message; what is not as promised is malformed, with what there was.

    The client checks no types, so what is read here may be anything: may raise any error.
    """
    texts = [block.text for block in message.content if block.type == "text"]
    text = "".join(texts) or None
    usage = Usage(input_tokens=int(message.usage.input_tokens), output_tokens=int(message.usage.output_tokens))
    model = _clean(message.model) or asked
    if message.stop_reason == "end_turn" and text is not None:
        return AssessorReply(text=text, model=model, prompt_hash=prompt_hash, usage=usage)
    reason = _STOPS.get(message.stop_reason or "", FailureReason.MALFORMED)
    return AssessorFailure(reason=reason, text=text, model=model, prompt_hash=prompt_hash, usage=usage)


def _clean(model: str) -> str:
    return "".join(letter for letter in model if letter.isascii() and letter.isprintable())[:_LONGEST_MODEL]
