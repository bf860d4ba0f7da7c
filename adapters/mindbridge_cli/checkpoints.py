"""The checkpoint key that the settings name, and checkpoints out of a file."""

from __future__ import annotations

from pathlib import Path

from mindbridge_cli.settings import Settings, SettingsRefused
from mindbridge_core.errors import DamagedRecord
from mindbridge_core.oversight import Checkpoint, read_checkpoint
from mindbridge_security import CheckpointKey, CheckpointPublicKey

__all__ = ["checkpoint_key", "genuine_checkpoints", "public_key"]


def checkpoint_key(settings: Settings) -> CheckpointKey:
    """Return the key that signs; raises SettingsRefused when none is set, KeyRingRefused when it cannot be used."""
    if settings.checkpoint_key_file is None:
        advice = "set MINDBRIDGE_CHECKPOINT_KEY_FILE; make one with `mindbridge audit checkpoint-key`"
        raise SettingsRefused([f"no checkpoint key: {advice}"])
    return CheckpointKey.load(settings.checkpoint_key_file)


def public_key(path: Path) -> CheckpointPublicKey:
    """Return the key in a file; raises KeyRingRefused."""
    return CheckpointPublicKey.parse(path.read_text(encoding="utf-8"))


def genuine_checkpoints(path: Path, key: CheckpointPublicKey) -> list[Checkpoint]:
    """Return the file's checkpoints; raises DamagedRecord when one is not signed by the key, or there is none."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            signed = read_checkpoint(line)
        except DamagedRecord:
            raise DamagedRecord(f"Line {number} of {path} is not a checkpoint.") from None
        if not key.signed(signed.statement, signed.signature):
            raise DamagedRecord(f"Line {number} of {path} is not signed by the key {key.id}.")
        found.append(signed.checkpoint)
    if not found:
        raise DamagedRecord(f"{path} holds no checkpoint.")
    return found
