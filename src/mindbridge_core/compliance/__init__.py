"""Compliance: proof that the audit trail is what was written."""

from mindbridge_core.compliance.chain import (
    LANES,
    ChainBreak,
    ChainHead,
    SealedEntry,
    first_head,
    is_genuine,
    seal,
    verify_clinic,
    verify_lane,
)

__all__ = [
    "LANES",
    "ChainBreak",
    "ChainHead",
    "SealedEntry",
    "first_head",
    "is_genuine",
    "seal",
    "verify_clinic",
    "verify_lane",
]
