"""Ways to reach people outside the product, and threads from which to do it."""

from mindbridge_notify.aside import Aside
from mindbridge_notify.console import ConsoleNotifier
from mindbridge_notify.nowhere import NoNotifier
from mindbridge_notify.smtp import SmtpNotifier, SmtpSecurity, SmtpSettings

__all__ = ["Aside", "ConsoleNotifier", "NoNotifier", "SmtpNotifier", "SmtpSecurity", "SmtpSettings"]
