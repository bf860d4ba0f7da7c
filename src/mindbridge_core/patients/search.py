"""How patients are found by name without decrypting the table: by the beginnings of the words of a name.

Names are compared without case and accents (The Unicode Standard, D146, and the removal of nonspacing
marks), word by word; what is neither letter, digit nor mark parts words, so that "O'Neill-Wu" is found by
"neill" and by "wu". A store keeps a keyed hash of each beginning and never the text.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Final

__all__ = ["MAX_PREFIX", "MIN_PREFIX", "name_tokens", "person_text", "query_tokens"]

MIN_PREFIX: Final = 2
"""One letter of an alphabet would say little to who searches and much to who counts equal hashes."""
MAX_PREFIX: Final = 32
"""Beginnings longer than this are as good as the whole word."""


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    letters = (char for char in folded if unicodedata.category(char) != "Mn")
    spaced = "".join(char if unicodedata.category(char)[0] in "LNM" else " " for char in letters)
    return unicodedata.normalize("NFC", spaced).split()


def _shortest(word: str) -> int:
    """Return the length of the shortest beginning: one for scripts whose letters have no case, as Chinese."""
    return 1 if unicodedata.category(word[0]) == "Lo" else min(MIN_PREFIX, len(word))


def name_tokens(name: str) -> frozenset[str]:
    """Return every beginning, of `MIN_PREFIX` to `MAX_PREFIX` characters, of every word; a shorter word is its own."""
    return frozenset(
        word[:length] for word in _words(name) for length in range(_shortest(word), min(len(word), MAX_PREFIX) + 1)
    )


def query_tokens(text: str) -> frozenset[str]:
    """Return what a name must have all of to be found by `text`: its words, in any order; none when it has no word."""
    return frozenset(word[:MAX_PREFIX] for word in _words(text))


def person_text(name: str, born: date) -> str:
    """Return what is the same for people of one name, case and accents aside, and one date of birth."""
    return f"{born.isoformat()} {' '.join(_words(name)) or name}"
