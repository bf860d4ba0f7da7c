"""Build the project's wheel from a copy of the tree, and wheels of its installed dependencies, without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ("src", "adapters", "migrations")
DEPENDENCIES: Final = ("attrs", "cattrs", "typing-extensions")


def build_wheel(folder: Path) -> Path:
    """Build the wheel in a copy of the tree below `folder` and return where it is."""
    tree = folder / "tree"
    for name in SOURCES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tree)
    (tree / "tests").mkdir()
    (tree / "tests" / "test_nothing.py").touch()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=500)
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


def files_of_tree(wheel: Path) -> set[str]:
    """Name each file that `build_wheel` had before it, as a wheel names them; there is at least one."""
    tree = wheel.parents[1] / "tree"
    found = {
        file.relative_to(tree / folder).as_posix()
        for folder in SOURCES
        for file in (tree / folder).rglob("*")
        if file.is_file()
    }
    assert found
    return found


def wheel_of_installed(name: str, folder: Path) -> Path:
    """Pack an installed, pure distribution back into a wheel, from the files its RECORD names."""
    installed = distribution(name)
    tag = next(line.split()[1] for line in (installed.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:"))
    wheel = folder / f"{name.replace('-', '_')}-{installed.version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in installed.files or []:
            kept = not file.as_posix().startswith("..") and file.suffix != ".pyc"
            if kept and file.name not in {"INSTALLER", "REQUESTED", "direct_url.json"}:
                archive.write(str(file.locate()), file.as_posix())
    return wheel
