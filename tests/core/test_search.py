"""The beginnings of words by which a name is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.patients import name_tokens, query_tokens
from mindbridge_core.patients.search import MAX_PREFIX

SYLLABLES = (
    "an",
    "be",
    "cor",
    "dé",
    "el",
    "fio",
    "gu",
    "ha",
    "is",
    "jø",
    "ka",
    "lu",
    "ma",
    "nao",
    "o",
    "pé",
    "qi",
    "ré",
)
PARTS = ("-", " ", "'", ", ")


def generated_name(random_: random.Random) -> str:
    words = ["".join(random_.choices(SYLLABLES, k=random_.randint(1, 5))).title() for _ in range(random_.randint(2, 4))]
    return "".join(word + random_.choice(PARTS) for word in words).rstrip(" ,'-")


def test_a_name_has_the_beginnings_of_its_words() -> None:
    assert {"an", "ann", "anna", "le", "lee"} == name_tokens("Anna Lee")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("José Müller", "jose muller"),
        ("Jose Muller", "JOSÉ MÜLLER"),
        ("Anne-Marie O'Neill", "neill marie"),
        ("Straße", "strasse"),
        ("\uff2a\uff41\uff4e\uff45", "jane"),
        ("Ελένη Παπαδοπούλου", "ελενη παπα"),
        ("王小明", "王小"),
        ("J Smith", "j"),
        ("فاطمة علي", "فاطمة"),
        ("Alexandrovich" * 4, "alexandrovich" * 4),
    ],
)
def test_a_name_is_found_however_it_is_typed(name: str, query: str) -> None:
    assert query_tokens(query) <= name_tokens(name)


@pytest.mark.parametrize(("name", "query"), [("Jane Roe", "j"), ("Jane Roe", "ane"), ("Jane Roe", "jane do")])
def test_what_begins_no_word_finds_nothing(name: str, query: str) -> None:
    assert not query_tokens(query) <= name_tokens(name)


def test_a_query_without_a_word_has_nothing_to_look_for() -> None:
    assert query_tokens(" -'., ") == frozenset()


def test_every_word_and_every_beginning_of_ten_thousand_names_is_found() -> None:
    random_ = random.Random(20260302)  # noqa: S311 - names for a test
    names = [generated_name(random_) for _ in range(10_000)]
    looked_for = 0
    for name in names:
        tokens = name_tokens(name)
        for word in name.replace("-", " ").replace("'", " ").replace(",", " ").split():
            queries = {word, word.upper(), *(word[:length] for length in range(2, len(word) + 1))}
            looked_for += len(queries)
            assert all(query_tokens(query) <= tokens for query in queries), name
    assert looked_for > 150_000


@given(st.text(max_size=80))
def test_any_text_finds_itself_unless_it_has_no_word(text: str) -> None:
    assert query_tokens(text) <= name_tokens(text)
    assert all(len(token) <= MAX_PREFIX for token in name_tokens(text))
