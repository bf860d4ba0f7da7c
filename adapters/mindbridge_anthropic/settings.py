"""What asking the provider may take: time, tries, tokens, requests at once, money."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs
from attrs.validators import ge, gt, min_len, optional

from mindbridge_core.screening import Usage

__all__ = ["DEFAULT_MODEL", "AnthropicSettings"]

DEFAULT_MODEL: Final = "claude-sonnet-5-5"
"""A model that the provider offers in November 2026 and has set no end for."""

_MILLION: Final = 1_000_000


@attrs.frozen(kw_only=True)
class AnthropicSettings:
    """How the provider is asked.

    `budget` holds for one assessment in seconds, waiting for a turn, retries and pauses included; `timeout` for one
    try. Prices are per million tokens, in whatever currency the clinic is billed.
    """

    api_key: str = attrs.field(repr=False, validator=min_len(1))
    model: str = attrs.field(default=DEFAULT_MODEL, validator=min_len(1))
    base_url: str | None = None
    budget: float = attrs.field(default=20.0, validator=gt(0))
    timeout: float = attrs.field(default=10.0, validator=gt(0))
    retries: int = attrs.field(default=1, validator=ge(0))
    max_tokens: int = attrs.field(default=1024, validator=ge(1))
    longest_answer: int = attrs.field(default=1_000_000, validator=ge(1024))
    """The most bytes of an answer that are read."""
    at_once: int = attrs.field(default=8, validator=ge(1))
    per_minute: int = attrs.field(default=300, validator=ge(1))
    breaker_failures: int = attrs.field(default=5, validator=ge(1))
    """After how many failures in a row nobody is asked for a while."""
    breaker_seconds: float = attrs.field(default=60.0, validator=gt(0))
    batch_from: int | None = attrs.field(default=None, validator=optional(ge(1)))
    """From how many patients on a batch is asked as one of the provider's batches; without it, never."""
    batch_budget: float = attrs.field(default=120.0, validator=gt(0))
    """How long sending a batch, looking at one or fetching its results may take, in seconds; and one step of it:"""
    batch_timeout: float = attrs.field(default=60.0, validator=gt(0))
    longest_results: int = attrs.field(default=64_000_000, validator=ge(1024))
    """The most bytes of a batch's results that are read; `longest_answer` holds for each line."""
    input_price: Decimal = Decimal(0)
    output_price: Decimal = Decimal(0)

    def price(self, usage: Usage) -> Decimal:
        """Return what the tokens cost."""
        return (usage.input_tokens * self.input_price + usage.output_tokens * self.output_price) / _MILLION
