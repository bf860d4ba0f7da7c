"""Oversight: reading the audit trail, verifying it, and giving it out."""

from mindbridge_core.oversight.checkpoints import (
    Checkpoint,
    LaneHash,
    LaneMark,
    SignedCheckpoint,
    marks_of,
    read_checkpoint,
    write_checkpoint,
)
from mindbridge_core.oversight.cursors import decode_moment, encode_moment
from mindbridge_core.oversight.entities import (
    ChainPlace,
    Examination,
    Moment,
    Period,
    TrailFilter,
    TrailPage,
    TrailRecord,
    record_of,
)
from mindbridge_core.oversight.formats import ExportFormat, export_text, read_line, read_links, record_members
from mindbridge_core.oversight.ports import LaneReading, OversightUnit, TrailReader, Trails
from mindbridge_core.oversight.verification import MOST_BREAKS, Offline, Progress, examine, examine_export

__all__ = [
    "MOST_BREAKS",
    "ChainPlace",
    "Checkpoint",
    "Examination",
    "ExportFormat",
    "LaneHash",
    "LaneMark",
    "LaneReading",
    "Moment",
    "Offline",
    "OversightUnit",
    "Period",
    "Progress",
    "SignedCheckpoint",
    "TrailFilter",
    "TrailPage",
    "TrailReader",
    "TrailRecord",
    "Trails",
    "decode_moment",
    "encode_moment",
    "examine",
    "examine_export",
    "export_text",
    "marks_of",
    "read_checkpoint",
    "read_line",
    "read_links",
    "record_members",
    "record_of",
    "write_checkpoint",
]
