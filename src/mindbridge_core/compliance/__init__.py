"""Compliance: proof that the audit trail is what was written."""

from mindbridge_core.compliance.chain import (
    LANES,
    Anchor,
    ChainBreak,
    ChainHead,
    Link,
    SealedEntry,
    first_head,
    is_anchor,
    is_genuine,
    is_intact,
    link_of,
    make_anchor,
    seal,
    verify_clinic,
    verify_lane,
    verify_links,
)
from mindbridge_core.compliance.content import assemble, quote, spell, spell_changes

__all__ = [
    "LANES",
    "Anchor",
    "ChainBreak",
    "ChainHead",
    "Link",
    "SealedEntry",
    "assemble",
    "first_head",
    "is_anchor",
    "is_genuine",
    "is_intact",
    "link_of",
    "make_anchor",
    "quote",
    "seal",
    "spell",
    "spell_changes",
    "verify_clinic",
    "verify_lane",
    "verify_links",
]
