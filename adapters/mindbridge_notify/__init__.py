"""Ways to reach people outside the product: the terminal, for trials."""

from mindbridge_notify.console import ConsoleNotifier

__all__ = ["ConsoleNotifier"]
