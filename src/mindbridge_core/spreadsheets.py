"""Text for spreadsheets: lines of CSV in which no cell is run as a formula, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["csv_line", "neutral", "restored"]

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), in half and in full width; blanks
# before it are passed over. A cell that was made harmless, or that looks as if, counts too: so each step out is undone
# by one step back, whatever the cell holds.
_FORMULA: Final = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def neutral(cell: str) -> str:
    """Return the cell so that no spreadsheet runs it: what begins like a formula gets an apostrophe before it."""
    return "'" + cell if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Return what `neutral` made harmless as it was; anything else as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_line(cells: Iterable[str], delimiter: str = ",") -> str:
    """Return a line of CSV, every cell harmless and in quotes (RFC 4180)."""
    return delimiter.join('"' + neutral(cell).replace('"', '""') + '"' for cell in cells) + "\r\n"
