"""What the adapter refuses beyond the core's own errors. None of the texts holds a secret."""

from __future__ import annotations

from collections.abc import Sequence

from mindbridge_core.errors import DamagedRecord, Finding, MindBridgeError

__all__ = ["KeyRingRefused", "UnknownMasterKey"]


class KeyRingRefused(MindBridgeError):
    """The key ring is missing, unsafe to use, or not in its format; `findings` names all that is wrong inside."""

    code = "key_ring_refused"
    text = "The key ring cannot be used."

    def __init__(self, text: str | None = None, findings: Sequence[Finding] = ()) -> None:
        details = "; ".join(f"{found.pointer or '/'}: {found.message}" for found in findings)
        super().__init__(" ".join(filter(None, [text or self.text, details])))
        self.findings = tuple(findings)


class UnknownMasterKey(DamagedRecord):
    """A key was wrapped under a master key that the key ring does not hold."""

    code = "unknown_master_key"
    text = (
        "A clinic's key was wrapped under a master key that the key ring does not hold. "
        "Put that master key back into the ring, or start with the ring that belongs to this database."
    )
