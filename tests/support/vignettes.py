"""Makes the synthetic golden set: cases built to a level out of the published table, not by the code that reads it.

Each kind below is a row of the table in words, with values drawn so that this row, and no higher one, applies. Run it
(`python -m tests.support.vignettes FILE`) only to make a new set; a test holds the shipped file against it.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

SEED: Final = 20261
ABOUT: Final = (
    "300 synthetic vignettes, generated from MindBridge's published screening rules (2026.1). They show that an "
    "assessor finds what the rules find and never less. No case is a person, none was judged by a clinician, and no "
    "figure made on them says how well anything foresees a real crisis."
)
CODES: Final = ("F20.9", "F31.9", "F32.1", "F33.2", "F41.1", "F43.10", "F60.3", "F11.20", None)
Draw = Callable[[random.Random], dict[str, Any]]


def calm(rng: random.Random) -> dict[str, Any]:
    """Nothing of the table applies."""
    return {
        "medication_adherence": rng.randint(50, 100),
        "appointments_missed": rng.randint(0, 2),
        "crisis_calls_30days": rng.randint(0, 2),
        "days_since_last_appointment": rng.randint(0, 30),
    }


def drawn(**given: Callable[[random.Random], Any]) -> Draw:
    return lambda rng: calm(rng) | {name: value(rng) for name, value in given.items()}


def between(least: int, most: int) -> Callable[[random.Random], int]:
    return lambda rng: rng.randint(least, most)


def just(value: Any) -> Callable[[random.Random], Any]:
    return lambda _: value


KINDS: Final[tuple[tuple[str, int, str, Draw], ...]] = (
    ("high", 25, "five or more crisis calls", drawn(crisis_calls_30days=between(5, 12))),
    (
        "high",
        25,
        "three or four crisis calls and adherence below 50 %",
        drawn(crisis_calls_30days=between(3, 4), medication_adherence=between(0, 49)),
    ),
    (
        "high",
        15,
        "three or four crisis calls, one level up for three missed appointments",
        drawn(crisis_calls_30days=between(3, 4), appointments_missed=between(3, 8)),
    ),
    (
        "high",
        15,
        "adherence below 50 %, one level up for three missed appointments",
        drawn(medication_adherence=between(0, 49), appointments_missed=between(3, 8)),
    ),
    (
        "high",
        10,
        "more than 45 days without contact, one level up for three missed appointments",
        drawn(days_since_last_appointment=between(46, 200), appointments_missed=between(3, 8)),
    ),
    (
        "high",
        10,
        "escalated by hand at high",
        drawn(manually_escalated=just(value=True), current_risk_level=just("high")),
    ),
    (
        "high",
        10,
        "adherence not known, which counts as the worst, and three or four crisis calls",
        drawn(crisis_calls_30days=between(3, 4), medication_adherence=just(None)),
    ),
    ("medium", 25, "three or four crisis calls", drawn(crisis_calls_30days=between(3, 4))),
    ("medium", 25, "adherence below 50 %", drawn(medication_adherence=between(0, 49))),
    ("medium", 20, "more than 45 days without contact", drawn(days_since_last_appointment=between(46, 200))),
    ("medium", 15, "low, one level up for three missed appointments", drawn(appointments_missed=between(3, 8))),
    (
        "medium",
        10,
        "escalated by hand at medium",
        drawn(manually_escalated=just(value=True), current_risk_level=just("medium")),
    ),
    ("medium", 10, "adherence not known, which counts as the worst", drawn(medication_adherence=just(None))),
    ("low", 60, "nothing of the table applies", calm),
    (
        "low",
        15,
        "between 31 and 45 days without contact: outreach, but no level",
        drawn(days_since_last_appointment=between(31, 45)),
    ),
    (
        "low",
        10,
        "new in care, no appointment yet",
        drawn(days_since_last_appointment=just(None), days_in_care=between(0, 30)),
    ),
)


def golden_set() -> dict[str, Any]:
    """Return the whole set as it is shipped."""
    return {"about": ABOUT, "vignettes": list(_vignettes(random.Random(SEED)))}  # noqa: S311 - no secret


def _vignettes(rng: random.Random) -> Iterator[dict[str, Any]]:
    number = 0
    for level, cases, why, draw in KINDS:
        for _ in range(cases):
            number += 1
            person = {"age": rng.randint(14, 95), "diagnosis_code": rng.choice(CODES)}
            yield {"id": f"v{number:03}", **person, **draw(rng), "level": level, "why": why}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(golden_set(), indent=1) + "\n", "utf-8")
