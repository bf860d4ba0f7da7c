"""The contracts of passwords and access tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mindbridge_core.actor import Origin, SessionClaim
from mindbridge_core.errors import MindBridgeError, SessionEnded
from mindbridge_core.identity import AccessTokens, CommonPasswords, PasswordHasher
from mindbridge_core.testing.store import raises

__all__ = [
    "AccessTokensContract",
    "CommonPasswordsContract",
    "PasswordHasherContract",
    "refused",
]

NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)


def refused(expected: type[MindBridgeError], call: Callable[..., object], *arguments: object) -> bool:
    """Return True when `call(*arguments)` raises the error that its port promises; fail otherwise."""
    with raises(expected):
        call(*arguments)
    return True


class PasswordHasherContract(ABC):
    """A password is found again, and nothing else is."""

    @abstractmethod
    def hasher(self) -> PasswordHasher:
        """Return a hasher."""

    @abstractmethod
    def hasher_of_another_cost(self) -> PasswordHasher:
        """Return a hasher of the same scheme at another cost."""

    def test_the_right_password_fits_and_any_other_does_not(self) -> None:
        """Length, case and every character count."""
        hasher = self.hasher()
        for password in ("correct horse battery", "päßwörd über alles", "🌱" * 20, "x" * 128):
            encoded = hasher.hash(password)
            assert hasher.verify(encoded, password)
            for other in (password[:-1], password + " ", password.swapcase() + "x", ""):
                assert not hasher.verify(encoded, other)

    def test_a_long_password_counts_to_its_last_character(self) -> None:
        """Nothing is cut off, as bcrypt does after 72 bytes."""
        hasher = self.hasher()
        assert not hasher.verify(hasher.hash("x" * 127 + "y"), "x" * 127 + "z")

    def test_equal_passwords_have_different_hashes(self) -> None:
        """Each hash has a salt of its own."""
        hasher = self.hasher()
        assert hasher.hash("correct horse battery") != hasher.hash("correct horse battery")

    def test_the_hash_does_not_hold_the_password(self) -> None:
        """It is a hash."""
        assert "correct horse" not in self.hasher().hash("correct horse battery")

    def test_without_a_hash_nothing_fits(self) -> None:
        """An account without a password cannot be logged in to."""
        hasher = self.hasher()
        assert not any(hasher.verify(None, password) for password in ("", "correct horse battery"))

    def test_a_foreign_or_garbled_hash_fits_nothing(self) -> None:
        """A damaged row is a failed login, not a crash."""
        hasher = self.hasher()
        good = hasher.hash("correct horse battery")
        for bad in ("", "x", "$", "$2b$12$abcdefghijklmnopqrstuv", good[:-5], good[:20], good + "$", "ü" + good):
            assert not hasher.verify(bad, "correct horse battery")

    def test_a_hash_of_another_cost_still_fits_and_is_outdated(self) -> None:
        """So it can be replaced at the next login."""
        hasher, other = self.hasher(), self.hasher_of_another_cost()
        old, new = other.hash("correct horse battery"), hasher.hash("correct horse battery")
        assert hasher.verify(old, "correct horse battery")
        assert (hasher.outdated(old), hasher.outdated(new)) == (True, False)


class CommonPasswordsContract(ABC):
    """What is tried first is known; what nobody would try is let through."""

    @abstractmethod
    def common_passwords(self) -> CommonPasswords:
        """Return the list."""

    def test_common_passwords_are_included_in_any_case(self) -> None:
        """The head of every list of leaked passwords."""
        common = self.common_passwords()
        for password in ("password", "PassWord", "123456789", "qwertyuiop", "iloveyou"):
            assert common.include(password, [])

    def test_a_long_passphrase_is_not_included(self) -> None:
        """Length alone is asked for, up to the longest allowed."""
        common = self.common_passwords()
        for password in ("plum orbit seven gravel", "gx7-Kq2_vP!9wLz#4tRb", "plum orbit seven gravel " * 5):
            assert not common.include(password, ["maria.gonzalez@oakwood.example", "Maria Gonzalez"])

    def test_a_password_built_from_related_words_is_included(self) -> None:
        """A name, an e-mail, the clinic; for anybody else the same password is fine."""
        common = self.common_passwords()
        related = ["maria.gonzalez@oakwood.example", "Maria Gonzalez", "Oakwood Behavioral Health"]
        for password in ("gonzalez-oakwood", "MariaGonzalez2026", "oakwood maria 1!"):
            assert common.include(password, related)
            assert not common.include(password, ["sam.lee@pine.example", "Sam Lee", "Pine Street"])


class AccessTokensContract(ABC):
    """A token says what it was issued for, from its first second until before its last."""

    @abstractmethod
    def access_tokens(self) -> AccessTokens:
        """Return an issuer and reader of tokens with keys of its own, different at each call."""

    claim = SessionClaim(clinic_id=UUID(int=0xC1), user_id=UUID(int=0xB1), session_id=UUID(int=0xD1))
    later = NOON + timedelta(minutes=30)

    def test_a_token_names_its_session_and_carries_the_callers_origin(self) -> None:
        """What goes in comes out; the origin is that of the reading call."""
        tokens, origin = self.access_tokens(), Origin(request_id="r-1", ip_address="192.0.2.1")
        read = tokens.read(tokens.issue(self.claim, NOON, self.later), NOON, origin)
        expected = (self.claim.clinic_id, self.claim.user_id, self.claim.session_id, origin)
        assert (read.clinic_id, read.user_id, read.session_id, read.origin) == expected

    def test_a_token_is_good_from_its_issue_until_before_its_end(self) -> None:
        """Both ends are exact: there is no leeway."""
        tokens = self.access_tokens()
        token, instant = tokens.issue(self.claim, NOON, self.later), timedelta(microseconds=1)
        for moment in (NOON, self.later - instant):
            assert tokens.read(token, moment, Origin()) == self.claim
        for moment in (NOON - timedelta(seconds=1), self.later, self.later + timedelta(days=1)):
            assert refused(SessionEnded, tokens.read, token, moment, Origin())

    def test_two_tokens_of_one_moment_differ(self) -> None:
        """Each has an id of its own."""
        tokens = self.access_tokens()
        assert tokens.issue(self.claim, NOON, self.later) != tokens.issue(self.claim, NOON, self.later)

    def test_a_token_of_other_keys_is_refused(self) -> None:
        """Anybody can write a token; only this issuer can sign it."""
        tokens, others = self.access_tokens(), self.access_tokens()
        assert refused(SessionEnded, tokens.read, others.issue(self.claim, NOON, self.later), NOON, Origin())

    def test_an_altered_token_is_refused(self) -> None:
        """Whatever character is replaced, dropped or added."""
        tokens = self.access_tokens()
        token = tokens.issue(self.claim, NOON, self.later)
        for at in range(len(token)):
            other = "A" if token[at] != "A" else "B"
            assert refused(SessionEnded, tokens.read, token[:at] + other + token[at + 1 :], NOON, Origin())
            assert refused(SessionEnded, tokens.read, token[:at] + token[at + 1 :], NOON, Origin())
        for longer in (token + "A", token + "=", token + "\n", " " + token, token + "."):
            assert refused(SessionEnded, tokens.read, longer, NOON, Origin())

    def test_what_is_no_token_is_refused(self) -> None:
        """Garbage of any size is an ended session, never a crash."""
        tokens = self.access_tokens()
        for garbage in ("", ".", "..", "a.b.c", "null", "ü.ü.ü", "\x00", "A" * 100_000, "." * 100_000, "\ud800"):
            assert refused(SessionEnded, tokens.read, garbage, NOON, Origin())
