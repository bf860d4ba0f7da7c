"""The language model that gives a second opinion, over Anthropic's Messages API."""

from mindbridge_anthropic.assessor import AnthropicAssessor
from mindbridge_anthropic.breaker import CircuitBreaker
from mindbridge_anthropic.settings import DEFAULT_MODEL, AnthropicSettings

__all__ = ["DEFAULT_MODEL", "AnthropicAssessor", "AnthropicSettings", "CircuitBreaker"]
