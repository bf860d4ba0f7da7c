from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindbridge_core.errors import InvalidInput
from mindbridge_core.identity import accept_password
from mindbridge_security import Argon2Hasher, Argon2Settings, ZxcvbnPasswords

CHEAP = Argon2Hasher(Argon2Settings(time_cost=1, memory_kib=8))
COMMON = ZxcvbnPasswords()
RELATED = ("maria.gonzalez@oakwood.example", "María González", "Oakwood Behavioral Health")


@given(password=st.text(st.characters(codec=None)))
def test_any_text_can_be_a_password(password: str) -> None:
    assert CHEAP.verify(CHEAP.hash(password), password)


def test_the_default_is_argon2id_at_the_cost_that_the_settings_say() -> None:
    assert Argon2Hasher().hash("correct horse battery").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    chosen = Argon2Settings(time_cost=3, memory_kib=64, parallelism=2)
    assert Argon2Hasher(chosen).hash("correct horse battery").startswith("$argon2id$v=19$m=64,t=3,p=2$")


@pytest.mark.parametrize("wrong", [{"time_cost": 0}, {"memory_kib": 7}, {"parallelism": 0}, {"at_once": 0}], ids=str)
def test_a_cost_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be >="):
        Argon2Settings(**wrong)


def test_nobody_costs_what_somebody_costs() -> None:
    hasher = Argon2Hasher()
    encoded = hasher.hash("correct horse battery")

    def cpu_time(stored: str | None) -> float:
        # Processor time, and the least of several: what else the machine does is no part of it.
        def once() -> float:
            start = time.thread_time()
            assert not hasher.verify(stored, "another password")
            return time.thread_time() - start

        return min(once() for _ in range(7))

    assert cpu_time(None) == pytest.approx(cpu_time(encoded), rel=0.3)


def test_the_hash_of_nobody_is_a_real_one_that_nothing_fits() -> None:
    nobody = Argon2Hasher()._nobody  # noqa: SLF001 - that its cost is right is what keeps accounts from being told
    assert argon2.extract_parameters(nobody) == argon2.extract_parameters(Argon2Hasher().hash("correct horse"))
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(nobody, "")


def test_hashes_of_the_other_argon2_kinds_fit_and_are_outdated() -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=argon2.Type.I).hash("correct horse")
    assert (CHEAP.verify(old, "correct horse"), CHEAP.verify(old, "wrong horse")) == (True, False)
    assert CHEAP.outdated(old)


@pytest.mark.parametrize("foreign", ["", "x", "ü", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=x,t=1,p=1$a$b"])
def test_a_foreign_hash_is_outdated(foreign: str) -> None:
    assert CHEAP.outdated(foreign)


@settings(deadline=None)
@given(stored=st.text())
def test_whatever_is_stored_as_a_hash_verifying_does_not_crash(stored: str) -> None:
    for text in (stored, "$argon2id$v=19$m=8,t=1,p=1$" + stored):
        assert not CHEAP.verify(text, "correct horse")


def test_no_more_hashes_run_at_once_than_the_settings_say() -> None:
    hasher = Argon2Hasher(Argon2Settings(time_cost=1, memory_kib=8, at_once=2))
    encoded = hasher.hash("correct horse")
    turn = hasher._turn  # noqa: SLF001 - to stand for a hash that takes as long as the test needs
    calls: list[Callable[[], object]] = [
        lambda: hasher.hash("x"),
        lambda: hasher.verify(encoded, "x"),
        lambda: hasher.verify(None, "x"),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        with turn:
            assert [pool.submit(call).result(timeout=60) is not None for call in calls] == [True] * 3
            with turn:
                waiting = [pool.submit(call) for call in calls]
                assert wait(waiting, timeout=0.3).done == set()
        assert [future.result(timeout=60) is not None for future in waiting] == [True] * 3


OUT_OF_MEMORY = """
import resource
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_security import Argon2Hasher, Argon2Settings

cheap = Argon2Hasher(Argon2Settings(time_cost=1, memory_kib=8, parallelism=1))
dear = Argon2Hasher(Argon2Settings(time_cost=1, memory_kib=4 * 1024 * 1024, parallelism=1))
stored = cheap.hash("correct horse").replace("m=8,", f"m={4 * 1024 * 1024},")
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for call in (lambda: dear.hash("x"), lambda: dear.verify(None, "x"), lambda: cheap.verify(stored, "x")):
    try:
        call()
    except DependencyUnavailable:
        print("unavailable")
print(cheap.verify(cheap.hash("correct horse"), "correct horse"))
"""


def test_a_machine_without_memory_is_no_wrong_password() -> None:
    ran = subprocess.run([sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, check=False)
    assert (ran.stdout.split(), ran.stderr) == (["unavailable"] * 3 + ["True"], "")


@pytest.mark.parametrize(
    "password",
    [
        "123456",
        "PASSWORD",
        "representatives",
        "1qaz2wsx3edc4rfv",
        "password1234567",
        "P@ssw0rd1234567",
        "$unshine!2026",
        "...administrator...",
        "aaaaaaaaaaaaaaa",
        "a" * 128,
        "abcabcabcabcabc",
        "PasswordPassword",
        "Password!Password!",
        "trustno1trustno1trust",
        "i love you i love you",
        "2026202620262026",
        "123456789012345",
        "098765432109876",
        "112233445566778899",
        "abcdefghijklmnop",
        "zyxwvutsrqponmlk",
        "qwertyuiopasdfgh",
        "1q2w3e4r5t6y7u8i",
        "qwertyqwerty123",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",  # "password" in full-width letters
    ],
)
def test_what_attackers_try_first_is_common(password: str) -> None:
    assert COMMON.include(password, [])


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "my dog likes cheese",
        "it rains in spain today",
        "sunshine-mountain-42",
        "jfh38fhq0ddk2mz",
        "x8#Lq!2v-Tz_9Rw",
        "пять рыжих котов",
        "紫の猫が屋根で歌う夜明け前に",
        "the oakwood trees are losing their leaves",
        "marigold swims at noon",
    ],
)
def test_a_long_phrase_or_a_random_text_is_not(password: str) -> None:
    assert not COMMON.include(password, RELATED)


@pytest.mark.parametrize(
    "password",
    [
        "mariagonzalez26",
        "María.González!",
        "Maria Gonzalez 1980",
        "0akw00d-g0nz4l3z",
        "oakwood-oakwood-1",
        "behavioral health rocks",
        "OakwoodBehavioralHealth",
        "maria.gonzalez@oakwood.example",
        "gonzalezOAKWOOD#7",
    ],
)
def test_what_is_built_from_the_persons_own_words_is_related(password: str) -> None:
    assert COMMON.include(password, RELATED)
    assert not COMMON.include(password, ["sam.lee@pinestreet.example", "Sam Lee"])


def test_short_words_and_no_words_relate_to_nothing() -> None:
    for related in ([], [""], ["- . -"], ["Kim Lee", "k@l.co"]):
        assert not COMMON.include("kim lee kim and a lee", related)


@settings(deadline=None)
@given(password=st.text(max_size=128), related=st.lists(st.text(max_size=40), max_size=4))
def test_any_password_and_any_words_can_be_judged(password: str, related: list[str]) -> None:
    assert COMMON.include(password, related) in {True, False}


@given(word=st.text(st.sampled_from("abcdefghijkmnp"), min_size=8, max_size=20))
def test_a_word_of_ones_own_with_less_around_it_than_itself_is_always_related(word: str) -> None:
    assert COMMON.include(word[:3].upper() + word[3:] + "#" * len(word), [f"x {word} y"])


@pytest.mark.parametrize("character", ["a", "4", "@", "!", "1|7+$5s"])
def test_judging_the_longest_password_takes_no_time_to_speak_of(character: str) -> None:
    COMMON.include("warm up", RELATED)
    start = time.thread_time()
    for _ in range(10):
        COMMON.include((character * 128)[:127] + "z", [character * 128, *RELATED])
    assert (time.thread_time() - start) / 10 < 0.05


def test_the_core_refuses_by_these_lists_and_takes_the_rest() -> None:
    for password in ("password1234567", "Maria.Gonzalez!"):
        with pytest.raises(InvalidInput, match="is common"):
            accept_password(password, COMMON, RELATED)
    assert accept_password("my dog likes cheese", COMMON, RELATED) == "my dog likes cheese"
