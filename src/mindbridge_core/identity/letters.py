"""What accounts are told by mail: plain text, no names, nothing of patients, and a token at most."""

from __future__ import annotations

from datetime import datetime

from mindbridge_core.identity.account_tokens import AccountLinks, AccountSecret, Purpose
from mindbridge_core.notices import Message

__all__ = ["invitation_letter", "password_changed_letter", "reset_letter"]

_FAREWELL = "Nobody of MindBridge will ever ask you for this message or for your password."


def _until(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def invitation_letter(to: str, links: AccountLinks, secret: AccountSecret, until: datetime) -> Message:
    """Return the message with which an account is handed to its owner."""
    text = (
        "An account was made for you. Choose your password with this invitation, which works once:\n\n"
        f"{links.told(Purpose.INVITATION, secret)}\n\nIt is good until {_until(until)}. {_FAREWELL}\n"
    )
    return Message(to=to, subject="Your MindBridge account", text=text)


def reset_letter(to: str, links: AccountLinks, secret: AccountSecret, until: datetime) -> Message:
    """Return the message that lets its reader set a new password."""
    text = (
        "Somebody asked for a new password for your account. To choose one use this, which works once:\n\n"
        f"{links.told(Purpose.RESET, secret)}\n\nIt is good until {_until(until)}. If it was not you, do nothing: your"
        f" password stays as it is. {_FAREWELL}\n"
    )
    return Message(to=to, subject="A new password for MindBridge", text=text)


def password_changed_letter(to: str, at: datetime) -> Message:
    """Return the notice of a password that was changed."""
    text = (
        f"The password of your account was changed at {_until(at)}, and its sessions were ended. If it was not you,"
        " tell an administrator of your clinic at once.\n"
    )
    return Message(to=to, subject="Your MindBridge password was changed", text=text)
