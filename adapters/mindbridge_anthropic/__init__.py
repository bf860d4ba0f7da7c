"""The language model that gives a second opinion, over Anthropic's Messages API and its batches."""

from mindbridge_anthropic.assessor import AnthropicAssessor
from mindbridge_anthropic.batches import AnthropicBatches
from mindbridge_anthropic.breaker import CircuitBreaker
from mindbridge_anthropic.settings import DEFAULT_MODEL, AnthropicSettings

__all__ = ["DEFAULT_MODEL", "AnthropicAssessor", "AnthropicBatches", "AnthropicSettings", "CircuitBreaker"]
