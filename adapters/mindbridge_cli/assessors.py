"""Whom the settings say to ask for a second opinion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from mindbridge_anthropic import AnthropicAssessor, AnthropicBatches, AnthropicSettings
from mindbridge_cli.settings import Settings
from mindbridge_core.screening import NoBatches, RiskAssessor, RulesOnly

__all__ = ["assessor_of", "batch_assessor_of", "cost_of", "open_assessor"]

_MILLION: Final = 1_000_000


def assessor_of(settings: Settings) -> RulesOnly | AnthropicAssessor:
    """Return the language model, where there is a key to it, else one that asks nobody."""
    model = _model(settings)
    return RulesOnly() if model is None else AnthropicAssessor(model, enabled=_switch(settings))


def batch_assessor_of(settings: Settings) -> NoBatches | AnthropicBatches:
    """Return the language model by its batches, where there is a key to it.

    What was submitted under an earlier setting is still looked after when none is submitted any more.
    """
    model = _model(settings)
    return NoBatches() if model is None else AnthropicBatches(model, enabled=_switch(settings))


def _switch(settings: Settings) -> Callable[[], bool]:
    stop = settings.ai_stop_file
    return lambda: stop is None or not stop.exists()


def _model(settings: Settings) -> AnthropicSettings | None:
    if settings.ai_api_key is None:
        return None
    return AnthropicSettings(
        api_key=settings.ai_api_key,
        model=settings.ai_model,
        base_url=settings.ai_base_url,
        budget=settings.ai_budget_seconds,
        timeout=settings.ai_timeout_seconds,
        retries=settings.ai_retries,
        at_once=settings.ai_at_once,
        per_minute=settings.ai_per_minute,
        batch_from=settings.ai_batch_from or None,
        input_price=Decimal(str(settings.ai_input_price)),
        output_price=Decimal(str(settings.ai_output_price)),
    )


def cost_of(settings: Settings, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return what the tokens cost at the prices that are set now; None where none are."""
    prices = Decimal(str(settings.ai_input_price)), Decimal(str(settings.ai_output_price))
    if not any(prices):
        return None
    return (input_tokens * prices[0] + output_tokens * prices[1]) / _MILLION


@contextmanager
def open_assessor(settings: Settings) -> Iterator[RiskAssessor]:
    """Hold the assessor, and whatever it has open, for the length of a block."""
    assessor = assessor_of(settings)
    try:
        yield assessor
    finally:
        if isinstance(assessor, AnthropicAssessor):
            assessor.close()
