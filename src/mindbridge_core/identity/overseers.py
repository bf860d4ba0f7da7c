"""Who watches over a clinic, and how they are told that there is something to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from mindbridge_core.access import Role
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.identity.entities import User
from mindbridge_core.identity.ports import Users
from mindbridge_core.notices import Message, Notifier
from mindbridge_core.pagination import MAX_LIMIT

__all__ = ["Overseers", "addresses", "overseers"]

WATCHING: Final = frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER})


def overseers(users: Users) -> tuple[str, ...]:
    """Return the addresses of the clinic's active admins and compliance officers."""
    return addresses(users, lambda user: user.role in WATCHING)


def addresses(users: Users, wanted: Callable[[User], bool]) -> tuple[str, ...]:
    """Return the addresses of those of the clinic's active staff who are wanted."""
    found: list[str] = []
    page = users.list(None, MAX_LIMIT)
    while True:
        found += [user.email for user in page.items if user.active and wanted(user)]
        if page.after is None:
            return tuple(found)
        page = users.list(page.after, MAX_LIMIT)


@attrs.frozen(kw_only=True)
class Overseers:
    """Tells them, each by a message of their own. For use after a unit has closed: a message takes its time."""

    notifier: Notifier

    def __call__(self, to: Iterable[str], subject: str, text: str) -> int:
        """Return how many could not be told; one of them keeps no message from the others. The text holds no PHI."""
        unsent = 0
        for address in to:
            try:
                self.notifier.send(Message(to=address, subject=subject, text=text))
            except DependencyUnavailable:
                unsent += 1
        return unsent
