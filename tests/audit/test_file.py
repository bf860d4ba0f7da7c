"""The file of JSON lines: the sink's contract, turning over, and what an interrupted write leaves."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from mindbridge_audit import JsonLinesFile
from mindbridge_core import testing
from mindbridge_core.oversight import SinkEntry, SinkUnavailable
from mindbridge_core.testing.records import NOW


def line(number: int, longer: int = 0) -> SinkEntry:
    text = json.dumps({"seq": number, "filled": "x" * longer})
    return SinkEntry(
        id=uuid4(), clinic_id=uuid4(), lane=0, seq=number, created_at=NOW, action="a", outcome="success", text=text
    )


def numbers(*files: Path) -> list[int]:
    return [json.loads(one)["seq"] for file in files for one in file.read_text().splitlines()]


class TestJsonLinesFile(testing.AuditSinkContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "trail"
        self.folder.mkdir()

    def sink(self) -> JsonLinesFile:
        return JsonLinesFile(path=self.folder / "audit.jsonl")

    def arrived(self) -> list[str]:
        path = self.folder / "audit.jsonl"
        return path.read_text().splitlines() if path.exists() else []

    def break_place(self) -> None:
        self.folder.rename(self.folder.with_name("away"))

    def mend_place(self) -> None:
        self.folder.with_name("away").rename(self.folder)


def test_a_full_file_is_turned_over_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JsonLinesFile(path=path, full=250, kept=2)
    for number in range(1, 9):
        sink.send([line(number, 70)])
    assert [["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"], [3, 4, 5, 6, 7, 8]] == [
        sorted(one.name for one in tmp_path.iterdir()),
        numbers(tmp_path / "audit.jsonl.2", tmp_path / "audit.jsonl.1", path),
    ]
    assert {0o600} == {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert all(one.stat().st_size <= 250 for one in tmp_path.iterdir())


def test_a_batch_longer_than_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JsonLinesFile(path=path, full=100, kept=3)
    sink.send([line(number, 70) for number in (1, 2, 3)])
    sink.send([line(4)])
    assert ([1, 2, 3], [4]) == (numbers(tmp_path / "audit.jsonl.1"), numbers(path))


def test_a_turn_that_was_interrupted_is_finished_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for name, number in (("audit.jsonl", 3), ("audit.jsonl.2", 2), ("audit.jsonl.3", 1)):  # .1 had been renamed to .2
        (tmp_path / name).write_text(line(number, 70).text + "\n")
    JsonLinesFile(path=path, full=120, kept=3).send([line(4, 70)])
    assert [1, 2, 3, 4] == numbers(*(tmp_path / f"audit.jsonl.{number}" for number in (3, 2, 1)), path)


@pytest.mark.parametrize("whole", [0, 2])
@pytest.mark.parametrize("torn", [b'{"seq": 3, "fil', b"x" * 200_000])
def test_a_torn_line_is_cut_off_and_no_other(tmp_path: Path, whole: int, torn: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JsonLinesFile(path=path)
    sink.send([line(number) for number in range(1, whole + 1)])
    with path.open("ab") as file:
        file.write(torn)
    sink.send([line(whole + 1)])
    assert list(range(1, whole + 2)) == numbers(path)


def test_a_full_file_is_turned_over_without_its_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(line(1, 70).text + '\n{"seq": 2, "fil')
    JsonLinesFile(path=path, full=120).send([line(2, 70)])
    assert ([1], [2]) == (numbers(tmp_path / "audit.jsonl.1"), numbers(path))


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch(mode=0o644)
    path.chmod(0o644)
    JsonLinesFile(path=path).send([line(1)])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "audit.jsonl"
    if kind == "link":
        (tmp_path / "other").touch()
        path.symlink_to(tmp_path / "other")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(SinkUnavailable):
        JsonLinesFile(path=path).send([line(1)])


def test_what_is_taken_is_synchronised_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synchronised: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synchronised.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    sink = JsonLinesFile(path=tmp_path / "audit.jsonl", full=120)
    sink.send([line(1, 70)])
    assert [False, True] == synchronised  # the file, and its folder for the new name
    sink.send([line(2)])
    assert [False, True, False] == synchronised
    sink.send([line(3, 70)])
    assert [False, True, False, True, False, True] == synchronised  # the turn before the line


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    sink = JsonLinesFile(path=tmp_path / "audit.jsonl")
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", fail)
        with pytest.raises(SinkUnavailable, match="No space left"):
            sink.send([line(1)])
