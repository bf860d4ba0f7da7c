"""The tree under test: the real one, or a copy in which a violation is planted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS: Final = ("src", "adapters", "migrations")


@attrs.frozen
class Tree:
    """A checkout of the project, as far as its imports go."""

    root: Path

    @property
    def core(self) -> Path:
        """The folder of the package mindbridge_core."""
        return self.root / "src" / "mindbridge_core"

    @property
    def source_path(self) -> list[Path]:
        """The folders from which the project's packages are imported."""
        return [self.root / folder for folder in SOURCE_FOLDERS]

    def plant(self, file: str, line: str) -> None:
        """Append a line to a file of the tree, which is made if it is missing."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as text:
            text.write(f"\n{line}\n")


def copy_of_sources(target: Path) -> Tree:
    """Copy what the guards look at, without compiled files, so that a test may break it."""
    for folder in SOURCE_FOLDERS:
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return Tree(target)
