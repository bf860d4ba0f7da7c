"""Which records 42 CFR Part 2 protects beyond HIPAA: those of substance use disorder treatment."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_part2"]

_SUBSTANCE_USE: Final = re.compile(r"F1[0-9]\.?[0-9A-Z]{0,5}", re.ASCII)


def is_part2(code: str | None) -> bool:
    """Whether an ICD-10-CM code lies in F10-F19, mental disorders due to psychoactive substance use.

    The dot may be left out, spaces around the code and its case do not matter, and any suffix may follow. No code, and
    a code of any other block, is no mark: a clinic that treats substance use under such a code has to record one of
    these as well.
    """
    return code is not None and _SUBSTANCE_USE.fullmatch(code.strip().upper()) is not None
