"""Whom the settings say to ask for a second opinion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from mindbridge_anthropic import AnthropicAssessor, AnthropicSettings
from mindbridge_cli.settings import Settings
from mindbridge_core.screening import RiskAssessor, RulesOnly

__all__ = ["assessor_of", "open_assessor"]


def assessor_of(settings: Settings) -> RulesOnly | AnthropicAssessor:
    """Return the language model, where there is a key to it, else one that asks nobody."""
    if settings.ai_api_key is None:
        return RulesOnly()
    stop = settings.ai_stop_file
    return AnthropicAssessor(
        AnthropicSettings(
            api_key=settings.ai_api_key,
            model=settings.ai_model,
            base_url=settings.ai_base_url,
            budget=settings.ai_budget_seconds,
            timeout=settings.ai_timeout_seconds,
            retries=settings.ai_retries,
            at_once=settings.ai_at_once,
            per_minute=settings.ai_per_minute,
            input_price=Decimal(str(settings.ai_input_price)),
            output_price=Decimal(str(settings.ai_output_price)),
        ),
        enabled=lambda: stop is None or not stop.exists(),
    )


@contextmanager
def open_assessor(settings: Settings) -> Iterator[RiskAssessor]:
    """Hold the assessor, and whatever it has open, for the length of a block."""
    assessor = assessor_of(settings)
    try:
        yield assessor
    finally:
        if isinstance(assessor, AnthropicAssessor):
            assessor.close()
