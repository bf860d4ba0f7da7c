"""A CSV file as rows of cells. One whose structure cannot be trusted is refused as a whole, before a row is used."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, NoReturn

import attrs

from mindbridge_core.errors import Finding, InvalidInput

__all__ = ["FINDINGS", "MOST_ROWS", "Record", "Source", "Table"]

Source = Callable[[], Iterable[bytes]]
"""Returns the file's bytes, from its beginning at each call, and the same ones each time."""

DELIMITERS: Final = (",", ";", "\t")
MOST_ROWS: Final = 1_000_000
LONGEST: Final = 65_536
"""Characters of one row, many times what all columns may hold."""
LONGEST_GIVEN_BACK: Final = 4 * LONGEST
"""Characters of a header, and of a row that was given back: quotes, apostrophes and findings made it longer."""
FINDINGS: Final = "import_findings"
"""The column that says, in rows given back, why they were not taken; what is sent in it is passed over."""

LONGEST_IN_OCTETS: Final = 4 * LONGEST_GIVEN_BACK

_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class Record(NamedTuple):
    """One row: the number of the line that it begins on, and its cells as they stand."""

    line: int
    cells: list[str]


def _refuse(line: int, code: str, message: str) -> NoReturn:
    # Neither the reader's own words nor the decoder's: they quote the file.
    raise InvalidInput([Finding(f"/lines/{line}", code, message)]) from None


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text line by line, each with its end, holding no more than a chunk and a line."""
    line, rest, begun = 1, b"", False
    for chunk in chunks:
        block = rest + chunk
        if not begun and len(block) >= len(_BOM):
            if block.startswith(_UTF_16):
                _refuse(1, "utf_16", "the file is in UTF-16: save it as CSV in UTF-8")
            block, begun = block.removeprefix(_BOM), True
        end = block.rfind(b"\n") + 1
        rest = block[end:]
        for text in _decoded(block[:end], line).split("\n")[:-1]:
            yield text + "\n"
            line += 1
        if len(rest) > LONGEST_IN_OCTETS:
            _refuse(line, "row_too_long", f"a row is longer than {LONGEST} characters")
    if rest.removeprefix(_BOM if not begun else b""):
        yield _decoded(rest, line)


def _decoded(block: bytes, line: int) -> str:
    if b"\0" in block:
        line += block.count(b"\n", 0, block.index(b"\0"))
        _refuse(line, "nul", "the file holds NUL bytes, as UTF-16 does: save it as CSV in UTF-8")
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        line += block.count(b"\n", 0, error.start)
        _refuse(line, "not_utf_8", "the file is not in UTF-8: save it as CSV in UTF-8")


class _Feed:
    """Hands lines to the CSV reader, as many as one row may have."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.line = 1
        self.length = 0
        self.longest = LONGEST_GIVEN_BACK

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        text = next(self._lines)
        self.length += len(text)
        if self.length > self.longest:
            message = f"the row that begins here is longer than {self.longest} characters: a quote may not be closed"
            _refuse(self.line, "row_too_long", message)
        return text


def _records(source: Source, delimiter: str) -> Iterator[Record]:
    """Yield all rows that are not blank, the header too."""
    feed = _Feed(_lines(source()))
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    header = True
    while True:
        feed.line, feed.length = reader.line_num + 1, 0
        try:
            cells = next(reader, None)
        except csv.Error:
            _refuse(feed.line, "broken_row", "the row that begins here has quotes or line ends that do not match")
        if cells is None:
            return
        if not any(cell and not cell.isspace() for cell in cells):
            continue
        if header:
            feed.longest, header = LONGEST_GIVEN_BACK if FINDINGS in cells else LONGEST, False
        yield Record(feed.line, cells)


def _delimiter(source: Source) -> str:
    """Return the delimiter that parts the header into most cells; the comma when none does."""

    def cells(delimiter: str) -> int:
        try:
            return len(next(_records(source, delimiter), Record(1, [])).cells)
        except InvalidInput:
            return 0

    return max(DELIMITERS, key=cells)


@attrs.frozen(kw_only=True)
class Table:
    """A file that was read to its end and found sound: text, quotes, lengths and number of rows."""

    source: Source = attrs.field(repr=False)
    delimiter: str
    header: tuple[str, ...] = attrs.field(repr=False)
    rows: int
    """Rows with something in them, the header left out."""

    @classmethod
    def examine(cls, source: Source, most_rows: int = MOST_ROWS) -> Table:
        """Read all of `source`; raises InvalidInput that names the line, and nothing of what stands there."""
        delimiter = _delimiter(source)
        records = _records(source, delimiter)
        header = next(records, None)
        if header is None:
            _refuse(1, "no_header", "the file is empty: its first row must name the columns")
        rows = 0
        for record in records:
            rows += 1
            if rows > most_rows:
                _refuse(record.line, "too_many_rows", f"the file has more than {most_rows} rows: part it")
        return cls(source=source, delimiter=delimiter, header=tuple(header.cells), rows=rows)

    def records(self) -> Iterator[Record]:
        """Yield the rows below the header, read anew."""
        records = _records(self.source, self.delimiter)
        next(records)
        return records
