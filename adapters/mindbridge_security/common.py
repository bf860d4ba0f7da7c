"""Which passwords attackers try first: zxcvbn's lists, offline, and what everybody does to a word.

zxcvbn's own estimate is not asked: it raises above 72 characters, and takes seconds for some texts of that length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from typing import Final

__all__ = ["ZxcvbnPasswords"]

SHORT: Final = 8
"""A repeated piece shorter than this is no secret, whatever it is."""

LEAST_RELATED: Final = 4

LINES: Final = (
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
)
"""What fingers and children go through in order, round and round."""

LETTERS: Final = tuple(str.maketrans("@4301!5$7+", f"aaeo{one}{one}sstt") for one in "il")
"""Letters for the figures that stand in for them; 1 is an i or an l."""

NO_WORD: Final = "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "


class ZxcvbnPasswords:
    """`CommonPasswords` of the core, over zxcvbn's 94,000 passwords, names and words. Case never counts.

    Common is a listed word, a run of keys or a repeated piece, also with figures for letters, and when what is put
    around it is no longer than itself ("P4ssword2026!!"). Related is a password at least half of which are words of
    four and more letters from what is related. Whether the words are few is not judged: passphrases are fine.
    """

    def include(self, password: str, related: Collection[str]) -> bool:
        """Whether attackers try the password early, or would when they know whose it is."""
        folded = _folded(password)
        return _common(folded) or _made_of(folded, {word for text in related for word in _words(_folded(text))})


def _folded(text: str) -> str:
    """Return the text without case and without accents, which many leave out of a password."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


@cache
def _listed() -> frozenset[str]:
    # Loaded at the first use: it takes a tenth of a second, which no command should wait for that sets no password.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - see above

    return frozenset(word.casefold() for words in FREQUENCY_LISTS.values() for word in words)


def _common(folded: str) -> bool:
    return any(2 * len(core) >= len(folded) and _guessed(core) for core in _cores(folded))


def _cores(folded: str) -> Iterator[str]:
    """Yield the text without what may be put around a word, with figures read as themselves and as letters."""
    stripped = {folded, folded.strip(NO_WORD), folded.lstrip(NO_WORD), folded.rstrip(NO_WORD)}
    joined = {"".join(filter(str.isalnum, folded))}
    for core in stripped | joined:
        yield core
        for letters in LETTERS:
            yield core.translate(letters)


def _guessed(core: str) -> bool:
    return core in _listed() or _run(core) or _repeats(core)


def _run(core: str) -> bool:
    """Whether the text follows one of the lines, forwards or backwards, each character once or several times."""
    squeezed = re.sub(r"(.)\1+", r"\1", core)
    for line in LINES:
        round_and_round = line * (len(squeezed) // len(line) + 2)
        if squeezed in round_and_round or squeezed[::-1] in round_and_round:
            return True
    return False


def _repeats(core: str) -> bool:
    """Whether the text is one easy piece again and again, the last one perhaps cut short."""
    # A text repeats after n characters exactly if it is found in itself n characters on.
    for length in range(1, len(core) // 2 + 1):
        if core.startswith(core[length:]):
            return length < SHORT or _common(core[:length])
    return False


def _words(folded: str) -> set[str]:
    """Return the words of four and more letters and digits in a name or an e-mail, and all of it joined."""
    words = re.findall(r"[^\W_]+", folded)
    return {word for word in [*words, "".join(words)] if len(word) >= LEAST_RELATED}


def _made_of(folded: str, words: Collection[str]) -> bool:
    if not words:
        return False
    either = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))
    forms = [folded, *(folded.translate(letters) for letters in LETTERS)]
    return any(2 * sum(len(found) for found in either.findall(form)) >= len(form) for form in forms)
