"""Import of patients from CSV."""

from mindbridge_core.patients.importing.columns import CASE_MANAGER, COLUMNS
from mindbridge_core.patients.importing.entities import (
    ImportedRow,
    ImportMode,
    ImportPlan,
    ImportReport,
    ImportWatcher,
    Layout,
)
from mindbridge_core.patients.importing.importer import BATCH, ImportPatients
from mindbridge_core.patients.importing.table import FINDINGS, MOST_ROWS, Source

__all__ = [
    "BATCH",
    "CASE_MANAGER",
    "COLUMNS",
    "FINDINGS",
    "MOST_ROWS",
    "ImportMode",
    "ImportPatients",
    "ImportPlan",
    "ImportReport",
    "ImportWatcher",
    "ImportedRow",
    "Layout",
    "Source",
]
